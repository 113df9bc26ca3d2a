/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/create_flags.h"

const struct create_opts create_defaults = {
	.sig_proxy = true,
	.pull = "missing",
	.stop_timeout = SPEC_UNSET,
	.shm_size = SPEC_UNSET,
	.oom_score_adj = SPEC_UNSET,
	.limits = LIMIT_OPTS_INIT,
};

/* clang-format off */
#define TEXT(field) CLI_STRING, CLI_AT(create_opts, field, const char *), false
#define LIST(field) CLI_LIST, CLI_AT(create_opts, field, strv), false
#define SWITCH(field) CLI_BOOL, CLI_AT(create_opts, field, bool), false
#define HIDDEN_TEXT(field) CLI_STRING, CLI_AT(create_opts, field, const char *), true
#define HIDDEN_LIST(field) CLI_LIST, CLI_AT(create_opts, field, strv), true

#define CREATE_FLAGS \
	{ 0, "add-host", "list", "Add a custom host-to-IP mapping (host:ip)", LIST(add_host) }, \
	{ 'a', "attach", "list", "Attach to STDIN, STDOUT or STDERR", LIST(attach) }, \
	{ 0, "cap-add", "list", "Add Linux capabilities", LIST(cap_add) }, \
	{ 0, "cap-drop", "list", "Drop Linux capabilities", LIST(cap_drop) }, \
	{ 0, "cgroup-parent", "string", "Optional parent cgroup for the container", TEXT(cgroup_parent) }, \
	{ 0, "cgroupns", "string", "Cgroup namespace to use (host|private)", TEXT(cgroupns) }, \
	{ 0, "cidfile", "string", "Write the container ID to the file", TEXT(cidfile) }, \
	{ 0, "device", "list", "Add a host device to the container", LIST(devices) }, \
	{ 0, "device-read-bps", "list", "Limit read rate (bytes per second) from a device", LIST(read_bps) }, \
	{ 0, "device-read-iops", "list", "Limit read rate (IO per second) from a device", LIST(read_iops) }, \
	{ 0, "device-write-bps", "list", "Limit write rate (bytes per second) to a device", LIST(write_bps) }, \
	{ 0, "device-write-iops", "list", "Limit write rate (IO per second) to a device", LIST(write_iops) }, \
	{ 0, "dns", "list", "Set custom DNS servers", LIST(dns) }, \
	{ 0, "dns-option", "list", "Set DNS options", LIST(dns_option) }, \
	{ 0, "dns-opt", "list", "Set DNS options", HIDDEN_LIST(dns_option) }, \
	{ 0, "dns-search", "list", "Set custom DNS search domains", LIST(dns_search) }, \
	{ 0, "domainname", "string", "Container NIS domain name", TEXT(domainname) }, \
	{ 0, "entrypoint", "string", "Overwrite the default ENTRYPOINT of the image", TEXT(entrypoint) }, \
	{ 'e', "env", "list", "Set environment variables", LIST(env) }, \
	{ 0, "env-file", "list", "Read in a file of environment variables", LIST(env_file) }, \
	{ 0, "expose", "list", "Expose a port or a range of ports", LIST(expose) }, \
	{ 0, "group-add", "list", "Add additional groups to join", LIST(group_add) }, \
	{ 'h', "hostname", "string", "Container host name", TEXT(hostname) }, \
	{ 0, "init", NULL, "Run an init inside the container that forwards signals and reaps processes", SWITCH(init) }, \
	{ 'i', "interactive", NULL, "Keep STDIN open even if not attached", SWITCH(interactive) }, \
	{ 0, "ipc", "string", "IPC mode to use", TEXT(ipc) }, \
	{ 'l', "label", "list", "Set meta data on a container", LIST(labels) }, \
	{ 0, "label-file", "list", "Read in a line delimited file of labels", LIST(label_file) }, \
	{ 0, "log-driver", "string", "Logging driver for the container (json-file|none)", TEXT(log_driver) }, \
	{ 0, "log-opt", "list", "Log driver options", LIST(log_opts) }, \
	{ 0, "name", "string", "Assign a name to the container", TEXT(name) }, \
	{ 0, "network", "network", "Connect a container to a network", TEXT(network) }, \
	{ 0, "net", "network", "Connect a container to a network", HIDDEN_TEXT(network) }, \
	{ 0, "oom-score-adj", "int", "Tune host's OOM preferences (-1000 to 1000)", \
		CLI_INT, CLI_AT(create_opts, oom_score_adj, int64_t), false }, \
	{ 0, "pid", "string", "PID namespace to use", TEXT(pid) }, \
	{ 0, "platform", "string", "Platform of the image; only this machine's is taken", TEXT(platform) }, \
	{ 0, "privileged", NULL, "Give extended privileges to this container", SWITCH(privileged) }, \
	{ 'p', "publish", "list", "Publish a container's port(s) to the host", LIST(publish) }, \
	{ 'P', "publish-all", NULL, "Publish all exposed ports to random ports", SWITCH(publish_all) }, \
	{ 0, "pull", "string", "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")", TEXT(pull) }, \
	{ 'q', "quiet", NULL, "Suppress the pull output", SWITCH(quiet) }, \
	{ 0, "read-only", NULL, "Mount the container's root filesystem as read only", SWITCH(read_only) }, \
	{ 0, "restart", "string", "Restart policy to apply when a container exits (default \"no\")", TEXT(restart) }, \
	{ 0, "rm", NULL, "Automatically remove the container and its associated anonymous volumes when it exits", SWITCH(rm) }, \
	{ 0, "security-opt", "list", "Security Options", LIST(security_opt) }, \
	{ 0, "shm-size", "bytes", "Size of /dev/shm", \
		CLI_SIZE, CLI_AT(create_opts, shm_size, int64_t), false }, \
	{ 0, "stop-signal", "string", "Signal to stop the container", TEXT(stop_signal) }, \
	{ 0, "stop-timeout", "int", "Timeout (in seconds) to stop a container", \
		CLI_INT, CLI_AT(create_opts, stop_timeout, int64_t), false }, \
	{ 0, "sysctl", "map", "Sysctl options", LIST(sysctls) }, \
	{ 0, "tmpfs", "list", "Mount a tmpfs directory", LIST(tmpfs) }, \
	{ 't', "tty", NULL, "Allocate a pseudo-TTY", SWITCH(tty) }, \
	{ 0, "ulimit", "ulimit", "Ulimit options", LIST(ulimits) }, \
	{ 'u', "user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", TEXT(user) }, \
	{ 0, "userns", "string", "User namespace to use", TEXT(userns) }, \
	{ 0, "uts", "string", "UTS namespace to use", TEXT(uts) }, \
	{ 'v', "volume", "list", "Bind mount a volume", LIST(volumes) }, \
	{ 'w', "workdir", "string", "Working directory inside the container", TEXT(workdir) }

const struct cli_flag create_flags[] = { CREATE_FLAGS, LIMIT_FLAGS(create_opts), {} };

const struct cli_flag run_flags[] = {
	{ 'd', "detach", NULL, "Run container in background and print container ID", SWITCH(detach) },
	{ 0, "detach-keys", "string", "Override the key sequence for detaching a container", TEXT(detach_keys) },
	{ 0, "sig-proxy", NULL, "Proxy received signals to the process (default true)", SWITCH(sig_proxy) },
	CREATE_FLAGS,
	LIMIT_FLAGS(create_opts),
	{}
};
/* clang-format on */

/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/instance.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "oci-runtime/console.h"
#include "oci-runtime/default_map.h"
#include "oci-runtime/readiness.h"
#include "runtime/filter.h"
#include "sys/msg.h"
#include "sys/path.h"
#include "sys/process.h"

#define CONFIG_MAX (16UL * 1024 * 1024)
#define PRESERVE_MAX 4096
#define PATH_BYTES 4096

static const struct instance nothing = INSTANCE_INIT;

struct config { /* config.json as read, and what it says */
	char *text;
	ssize_t length;
};

static char *absolute(const char *base, const char *path)
{
	cleanup_free char *joined = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", base, path);

	return path_clean(joined);
}

static char *bundle_path(const char *bundle, struct error **err)
{
	char cwd[PATH_BYTES];

	if (!getcwd(cwd, sizeof(cwd))) {
		error_sys(err, "find the current directory");
		return NULL;
	}
	return absolute(cwd, bundle ? bundle : ".");
}

static int read_config(const char *bundle, const char *name, char **ret, struct error **err)
{
	cleanup_close int dir_fd = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ssize_t length;

	if (dir_fd < 0)
		return error_sys(err, "bundle '%s'", bundle);
	length = file_read_at(dir_fd, name, CONFIG_MAX, ret, err);
	if (length < 0)
		return error_wrap(err, "configuration of bundle '%s'", bundle);
	return (int)length;
}

/* Without a cgroupsPath in the configuration each container still gets a cgroup of its own: who
 * signals or removes it must find all its processes. */
static void choose_cgroup(
	const struct runtime *runtime, const char *id, struct spec *spec, struct state *state)
{
	if (runtime->no_cgroups)
		replace_string(&spec->cgroups_path, NULL);
	else if (!spec->cgroups_path || !*spec->cgroups_path)
		replace_string(&spec->cgroups_path, runtime->driver == CGROUP_SYSTEMD
							    ? xasprintf(":vessel-runtime:%s", id)
							    : xasprintf("/%s", id));
	state->cgroup = xstrdup_null(spec->cgroups_path);
	state->driver = runtime->driver;
}

static bool is_about_all(const struct spec_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && strlen(rule->access) == 3;
}

/*
 * What no rule names is denied: a configuration without a list, or one that only allows, must not
 * mean the host's disks (GHSA-g54h-m393-cpwq). Who wants all devices begins with a rule that says
 * so.
 */
static void deny_other_devices(struct spec_resources *resources)
{
	const struct spec_device_rule deny = { false, 'a', -1, -1, "rwm" };

	if (resources->device_count > 0 && is_about_all(&resources->devices[0]))
		return;
	spec_add_device_rule(resources, &deny);
	memmove(resources->devices + 1, resources->devices,
		(resources->device_count - 1) * sizeof(*resources->devices));
	resources->devices[0] = deny;
}

/*
 * The devices that the specification promises stay usable under a list that denies all, and nodes
 * can be made (which is not to use them): so it is with runc and crun, and configurations count on
 * it.
 */
static void allow_default_devices(struct spec_resources *resources)
{
	static const struct spec_device_rule rules[] = {
		{ true, 'c', -1, -1, "m" },
		{ true, 'b', -1, -1, "m" },
		{ true, 'c', 1, 3, "rwm" }, /* null, zero, full, random, urandom */
		{ true, 'c', 1, 5, "rwm" },
		{ true, 'c', 1, 7, "rwm" },
		{ true, 'c', 1, 8, "rwm" },
		{ true, 'c', 1, 9, "rwm" },
		{ true, 'c', 5, 0, "rwm" }, /* tty, console, ptmx and what it opens */
		{ true, 'c', 5, 1, "rwm" },
		{ true, 'c', 5, 2, "rwm" },
		{ true, 'c', 136, -1, "rwm" },
	};

	deny_other_devices(resources);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		spec_add_device_rule(resources, &rules[i]);
}

static int check_terminal(
	const struct create_opts *opts, const struct spec *spec, bool stays, struct error **err)
{
	if (spec->process.terminal && !stays && !opts->console_socket) {
		error_new(err, ERROR_INVALID, "a terminal without somebody who holds it");
		return error_hint(err, "use --console-socket with a detached container");
	}
	if (opts->console_socket && (stays || !spec->process.terminal))
		return error_new(err, ERROR_INVALID,
			"a console socket is for a detached container with a terminal");
	if (opts->preserve_fds < 0 || opts->preserve_fds > PRESERVE_MAX)
		return error_new(err, ERROR_INVALID, "--preserve-fds: 0 to %d", PRESERVE_MAX);
	return 0;
}

/* Before anything is made: whoever finds the directory knows what else may be there. */
static int record(const struct config *config, const struct spec *spec, const char *bundle,
	struct state *state, struct error **err)
{
	state->version = xstrdup_null(spec->version);
	state->bundle = xstrdup(bundle);
	state->rootfs = spec->root_path ? absolute(bundle, spec->root_path) : NULL;
	state->created_ns = clock_now_ns();
	state->annotations = strv_copy(spec->annotations);
	if (file_replace_at(state->dir_fd, "config.json", config->text, (size_t)config->length,
		    0600, false, err) < 0 ||
		state_save(state, err) < 0)
		return -1;
	return 0;
}

static bool is_inherited(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC); /* all of ours close on exec */
}

/* Asked for more than there are, we pass what is there. A number that is free in between is taken
 * by /dev/null, before one of our own fds gets it. */
unsigned instance_fds(int64_t preserve_fds)
{
	cleanup_close int null_fd = -1;
	const char *listen_fds = getenv("LISTEN_FDS");
	long listened = listen_fds ? strtol(listen_fds, NULL, 10) : 0;
	int count =
		(int)preserve_fds + (listened > 0 && listened <= PRESERVE_MAX ? (int)listened : 0);

	while (count > 0 && !is_inherited(2 + count))
		count--;
	if (count == 0)
		return 0;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 3; null_fd >= 0 && fd < 3 + count; fd++)
		if (fcntl(fd, F_GETFD) < 0 || fd == null_fd)
			(void)dup2(null_fd, fd);
	if (null_fd >= 3 && null_fd < 3 + count) {
		(void)fcntl(take_fd(&null_fd), F_SETFD, 0);
	}
	return (unsigned)count;
}

/* The socket's receiver of this process is told by these; its number inside is 1. */
static void pass_listen(struct spec *spec)
{
	const char *listen_fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");

	if (!listen_fds || strtol(listen_fds, NULL, 10) <= 0)
		return;
	env_set(&spec->process.env, "LISTEN_FDS", listen_fds);
	env_set(&spec->process.env, "LISTEN_PID", "1");
	if (names)
		env_set(&spec->process.env, "LISTEN_FDNAMES", names);
}

int pid_file_write(const char *path, pid_t pid, struct error **err)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", (int)pid);

	if (!path)
		return 0;
	if (file_replace_at(AT_FDCWD, path, text, (size_t)length, 0644, false, err) < 0)
		return error_wrap(err, "pid file");
	return 0;
}

static int start_init(const struct runtime *runtime, const struct container_setup *setup,
	struct instance *made, struct error **err)
{
	/* The words that runc's log has for these steps: scripts look for them. */
	log_debug(&runtime->log, "clone the first process: nsexec container setup");
	if (runtime_create(setup, &made->init, err) < 0)
		return -1;
	made->state.pid = made->init.pid;
	made->state.pid_start = process_start_time(made->init.pid);
	made->state.shares_cgroup = made->init.cgroup && cgroup_is_shared(made->init.cgroup);
	log_debug(&runtime->log, "pid %d is child process in init()", (int)made->state.pid);
	if (made->state.shares_cgroup)
		log_warning(
			&runtime->log, "container's cgroup is not empty: %s", made->state.cgroup);
	return 0;
}

/* The pid is on record before anything can wait for long; a killed command takes init with it until
 * it is left. */
static int hand_over(const struct create_opts *opts, bool gate, int console_fd,
	struct instance *made, struct error **err)
{
	bool wait =
		gate || opts->console_socket || made->spec.process.terminal || made->init.hooked;

	if (state_save(&made->state, err) < 0 || (wait && runtime_wait_ready(&made->init, err) < 0))
		return -1;
	if (console_fd >= 0 && console_send(console_fd, made->init.console_fd, err) < 0)
		return -1;
	return pid_file_write(opts->pid_file, made->init.pid, err);
}

static int build(const struct runtime *runtime, const struct create_opts *opts, bool gate,
	struct instance *made, struct error **err)
{
	cleanup_free char *cache = xasprintf("%s/" STATE_FILTERS, runtime->root);
	struct filter filter cleanup_filter = { 0 };
	struct container_setup setup = {
		.filter = &filter,
		.spec = &made->spec,
		.bundle = made->state.bundle,
		.driver = made->state.driver,
		.io = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
		.id = made->state.id,
		.preserve_fds = made->preserve_fds,
		.no_pivot = opts->no_pivot,
		.no_new_keyring = opts->no_new_keyring,
	};
	cleanup_close int console_fd = -1, gate_fd = -1;

	if (opts->console_socket) {
		console_fd = console_connect(opts->console_socket, err);
		if (console_fd < 0)
			return -1;
	}
	if (gate) {
		gate_fd = msg_listen_at(made->state.dir_fd, STATE_GATE, err);
		if (gate_fd < 0)
			return -1;
		setup.gate_fd = gate_fd;
	}
	if (filter_compile(&made->spec, cache, &filter, err) < 0 ||
		start_init(runtime, &setup, made, err) < 0)
		return -1;
	if (hand_over(opts, gate, console_fd, made, err) < 0) {
		runtime_destroy(&made->init);
		return -1;
	}
	log_debug(&runtime->log, "init: closing the pipe to signal completion of its set-up");
	return 0;
}

int instance_create(const struct runtime *runtime, const struct create_opts *opts, const char *id,
	bool gate, struct instance *ret, struct error **err)
{
	const char *name = opts->config ? opts->config : "config.json";
	cleanup_instance struct instance made = nothing;
	cleanup_free char *bundle = bundle_path(opts->bundle, err), *text = NULL;
	struct config config;

	made.preserve_fds = instance_fds(opts->preserve_fds);
	if (!bundle)
		return -1;
	spec_init(&made.spec);
	config.length = read_config(bundle, name, &text, err);
	if (config.length < 0)
		return -1;
	config.text = text;
	if (spec_parse(text, (size_t)config.length, &made.spec, err) < 0)
		return -1;
	if (check_terminal(opts, &made.spec, !gate && !opts->detach, err) < 0 ||
		default_map_add(&made.spec, err) < 0 ||
		state_create(runtime, id, &made.state, err) < 0)
		return -1;
	pass_listen(&made.spec);
	allow_default_devices(&made.spec.resources);
	choose_cgroup(runtime, id, &made.spec, &made.state);
	if (record(&config, &made.spec, bundle, &made.state, err) < 0 ||
		readiness_prepare(&made.state, &made.spec, err) < 0 ||
		build(runtime, opts, gate, &made, err) < 0) {
		cleanup_error struct error *ignored = NULL;

		(void)state_remove(&made.state, &ignored);
		return -1;
	}
	*ret = made;
	made = nothing;
	spec_init(&made.spec);
	return 0;
}

void instance_done(struct instance *container)
{
	close_fd(container->notify_fd);
	close_fd(container->init.pidfd);
	close_fd(container->init.sync_fd);
	close_fd(container->init.console_fd);
	cgroup_free(container->init.cgroup);
	spec_done(&container->spec);
	state_close(&container->state);
}

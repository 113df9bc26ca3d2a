/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/bundle.h"
#include "engine/paths.h"
#include "monitor/client.h"
#include "monitor/protocol.h"
#include "network/resolver.h"
#include "runtime/seccomp.h"

#define BUF_MAX_BUNDLE (8UL * 1024 * 1024)

int launch_make_directory(struct engine *engine, const char *id, struct error **err)
{
	cleanup_free char *path = xasprintf("containers/%s", id);

	if (mkdirat(engine->run_fd, path, 0700) < 0)
		return error_sys(err, "make directory %s/%s", engine->run_dir, path);
	return run_dir_open(engine, id, err);
}

static int write_file(int dir_fd, const char *name, const char *text, struct error **err)
{
	cleanup_close int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_sys(err, "create %s", name);
	return file_write_all(fd, text, strlen(text), name, err);
}

static char *resolver_with_options(const struct record *r)
{
	char *text;

	if (!r->dns && !r->dns_search && !r->dns_options)
		return resolver_text(strcmp(r->network, "host") == 0);
	text = xstrdup("");
	for (size_t i = 0; r->dns && r->dns[i]; i++)
		replace_string(&text, xasprintf("%snameserver %s\n", text, r->dns[i]));
	if (r->dns_search) {
		cleanup_free char *domains = strv_join(r->dns_search, " ");

		replace_string(&text, xasprintf("%ssearch %s\n", text, domains));
	}
	if (r->dns_options) {
		cleanup_free char *options = strv_join(r->dns_options, " ");

		replace_string(&text, xasprintf("%soptions %s\n", text, options));
	}
	return text;
}

/* "name:host-gateway" is the host, as the default bridge has it, whatever network this one is on.
 */
static int name_gateway(struct engine *engine, strv hosts, struct error **err)
{
	char address[INET_ADDRSTRLEN];
	struct bridge bridge;

	for (size_t i = 0; hosts && hosts[i]; i++) {
		size_t name = strcspn(hosts[i], ":=");

		if (!hosts[i][name] || strcmp(hosts[i] + name + 1, HOST_GATEWAY) != 0)
			continue;
		if (wiring_bridge(engine, &bridge, err) < 0)
			return error_wrap(err, "--add-host %s", hosts[i]);
		inet_ntop(AF_INET, &bridge.gateway, address, sizeof(address));
		replace_string(&hosts[i], xasprintf("%.*s:%s", (int)name, hosts[i], address));
	}
	return 0;
}

static int write_hosts(struct engine *engine, const struct record *record, const char *address,
	int dir_fd, struct error **err)
{
	cleanup_strv strv extra = strv_copy(record->extra_hosts);
	cleanup_free char *hosts = NULL;

	if (name_gateway(engine, extra, err) < 0)
		return -1;
	hosts = hosts_text(address, record->hostname, extra);
	return write_file(dir_fd, "hosts", hosts, err);
}

int launch_write_etc(
	struct engine *engine, const struct record *record, const char *address, struct error **err)
{
	cleanup_close int fd = run_dir_open(engine, record->id, err);
	cleanup_free char *resolver = resolver_with_options(record);
	cleanup_free char *hostname = xasprintf("%s\n", record->hostname);

	if (fd < 0 || write_file(fd, "resolv.conf", resolver, err) < 0 ||
		write_hosts(engine, record, address, fd, err) < 0 ||
		write_file(fd, "hostname", hostname, err) < 0)
		return -1;
	return 0;
}

/* The built-in filter is for the default capabilities; a larger set allows more calls, so it has a
 * filter of its own. */
static int compile_seccomp(
	struct engine *engine, const char *id, int dir_fd, struct spec *spec, struct error **err)
{
	uint64_t capabilities = spec->process.capabilities.bounding;
	cleanup_close int fd = -1;

	if (!spec->seccomp || strcmp(spec->seccomp, SECCOMP_DEFAULT) != 0 ||
		!(capabilities & ~CAPABILITIES_DEFAULT))
		return 0;
	fd = openat(
		dir_fd, "seccomp.bpf", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, "create seccomp.bpf");
	replace_string(&spec->seccomp, run_path(engine, id, "seccomp.bpf"));
	return seccomp_compile(capabilities, fd, err);
}

static int write_bundle(
	struct engine *engine, const struct launch *launch, int dir_fd, struct error **err)
{
	cleanup_free char *text = NULL;

	if (compile_seccomp(engine, launch->id, dir_fd, launch->spec, err) < 0)
		return error_wrap(err, "compile the system call filter");
	text = spec_text(launch->spec);
	if (write_file(dir_fd, MONITOR_BUNDLE, text, err) < 0 ||
		monitor_config_write(dir_fd, launch->monitor, err) < 0)
		return -1;
	return 0;
}

/* Waits for one message; an ERROR becomes ours. */
static int expect(int connection, enum monitor_message type, struct msg *msg, struct error **err)
{
	int got = msg_receive(connection, msg, err);

	if (got < 0)
		return -1;
	if (got == 0) {
		error_new(err, ERROR_INTERNAL, "the monitor ended without a word");
		return error_hint(err, "the kernel's log (dmesg) may say why");
	}
	if (msg->type == MONITOR_ERROR)
		return error_unpack(err, msg->data, msg->length);
	if (msg->type != (uint32_t)type)
		return error_new(err, ERROR_INTERNAL, "the monitor sent message %u, not %d",
			msg->type, (int)type);
	return 0;
}

/* A monitor that has failed is gone, but not without having said why: expect() reads that. */
static int survive_its_end(int sent, struct error **err)
{
	if (sent == 0 || error_errno(*err) != EPIPE)
		return sent;
	error_free(take_ptr(*err));
	return 0;
}

static int send_attach(int connection, const struct container_attach *attach, struct error **err)
{
	const struct monitor_attach message = { .stdin = attach->stdin,
		.stdout = attach->stdout,
		.stderr = attach->stderr,
		.owner = attach->owner };

	return survive_its_end(
		msg_send(connection, MONITOR_ATTACH, &message, sizeof(message), err), err);
}

static bool is_attached(const struct container_attach *attach)
{
	return attach->stdin || attach->stdout || attach->stderr || attach->owner;
}

/*
 * An init that has failed by now has no network namespace any more. What it says of that, in answer
 * to START, is the reason; that we could not plug it is not.
 */
static int plug(const struct wiring *wiring, pid_t pid, struct error **err)
{
	if (wiring_plug(wiring, pid, err) == 0)
		return 0;
	if (error_errno(*err) != ENOENT && error_errno(*err) != ESRCH)
		return -1;
	error_free(take_ptr(*err));
	return 0;
}

/* The sockets that reserve published ports stay open in the monitor; a message carries so many. */
static int send_start(int connection, const struct wiring *wiring, struct error **err)
{
	size_t left = wiring ? wiring->port_count : 0;
	const int *fds = wiring ? wiring->port_fds : NULL;

	for (; left > MSG_FDS_MAX; left -= MSG_FDS_MAX, fds += MSG_FDS_MAX)
		if (msg_send_fds(connection, MONITOR_HOLD, NULL, 0, fds, MSG_FDS_MAX, err) < 0)
			return -1;
	return msg_send_fds(connection, MONITOR_START, NULL, 0, fds, left, err);
}

static int converse(int connection, const struct launch *launch, struct error **err)
{
	cleanup_free struct msg *msg = xcalloc(1, sizeof(*msg));
	const struct monitor_created *created = (const void *)msg->data;

	if (is_attached(launch->attach) && send_attach(connection, launch->attach, err) < 0)
		return -1;
	/* With nothing to plug it need not wait for us. */
	if (!launch->wiring && survive_its_end(send_start(connection, NULL, err), err) < 0)
		return -1;
	if (expect(connection, MONITOR_CREATED, msg, err) < 0)
		return -1;
	if (msg->length != sizeof(*created))
		return error_new(err, ERROR_INTERNAL, "the monitor's CREATED has a wrong size");
	if (launch->wiring &&
		(plug(launch->wiring, created->pid, err) < 0 ||
			survive_its_end(send_start(connection, launch->wiring, err), err) < 0))
		return -1;
	return expect(connection, MONITOR_STARTED, msg, err);
}

void launch_ahead(struct engine *engine, const char *id)
{
	cleanup_free char *path = run_path(engine, id, NULL);
	cleanup_error struct error *tried_again = NULL;

	if (engine->ahead_id)
		return;
	engine->ahead_fd = monitor_spawn(path, &tried_again);
	if (engine->ahead_fd >= 0)
		engine->ahead_id = xstrdup(id);
}

static int find_monitor(struct engine *engine, const char *id, const char *path, struct error **err)
{
	if (!engine->ahead_id || strcmp(engine->ahead_id, id) != 0)
		return monitor_spawn(path, err);
	replace_string(&engine->ahead_id, NULL);
	return take_fd(&engine->ahead_fd);
}

int launch_start(struct engine *engine, const struct launch *launch, struct error **err)
{
	cleanup_free char *path = run_path(engine, launch->id, NULL);
	cleanup_close int dir_fd = run_dir_open(engine, launch->id, err), connection = -1;

	if (dir_fd < 0 || write_bundle(engine, launch, dir_fd, err) < 0)
		return -1;
	connection = find_monitor(engine, launch->id, path, err);
	if (connection < 0 || survive_its_end(monitor_begin(connection, err), err) < 0 ||
		converse(connection, launch, err) < 0)
		return -1;
	return is_attached(launch->attach) ? take_fd(&connection) : -2;
}

/* As the bundle says; one that is cut or damaged must not keep a container from being removed.
 * NULL when it never came to a bundle, or its monitor has seen to it that nothing is left. */
static char *cgroup_path_of(struct engine *engine, const char *id, int run_dir_fd)
{
	cleanup_error struct error *missing = NULL, *damaged = NULL, *unknown = NULL;
	cleanup_free char *text = NULL;
	cleanup_record struct record record;
	cleanup_spec struct spec spec;
	ssize_t length = file_read_at(run_dir_fd, MONITOR_BUNDLE, BUF_MAX_BUNDLE, &text, &missing);

	spec_init(&spec);
	record_init(&record);
	if (length < 0)
		return NULL;
	if (spec_parse(text, (size_t)length, &spec, &damaged) == 0)
		return take_ptr(spec.cgroups_path);
	if (record_load(engine, id, &record, &unknown) < 0)
		memcpy(record.id, id, ID_MAX);
	return bundle_cgroup_path(&record);
}

/* What a killed monitor left running ends here: a container without its monitor has no log and no
 * end. */
static int end_orphans(struct engine *engine, const char *id, int run_dir_fd, struct error **err)
{
	cleanup_free char *path = cgroup_path_of(engine, id, run_dir_fd);
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_error struct error *missing = NULL;

	if (!path || cgroup_open(path, cgroup_has_systemd() ? CGROUP_SYSTEMD : CGROUP_FS, &cgroup,
			     &missing) < 0)
		return 0;
	if (cgroup_bury(cgroup, err) < 0)
		return error_wrap(err, "end container %.12s", id);
	return 0;
}

int launch_clear(struct engine *engine, const char *id, struct error **err)
{
	cleanup_free char *path = xasprintf("containers/%s", id);
	cleanup_error struct error *missing = NULL;
	cleanup_close int dir_fd = run_dir_open(engine, id, &missing);

	if (dir_fd < 0 && error_kind(missing) != ERROR_NOT_FOUND) {
		*err = take_ptr(missing);
		return -1;
	}
	if (dir_fd >= 0 && end_orphans(engine, id, dir_fd, err) < 0)
		return -1;
	/* Last the directory: as long as it is there, a later process knows that there is something
	 * to clear. */
	if (wiring_withdraw(engine, id, err) < 0 || tree_remove_at(engine->run_fd, path, err) < 0)
		return -1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One RUN of a build: a container without a name, a row or a log, on a snapshot of the builder's.
 * Mount points and files that the run path had to make in the snapshot (/proc, /etc/hosts …) are
 * taken out again: they are no part of the image.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/launch.h"
#include "engine/paths.h"
#include "monitor/protocol.h"
#include "sys/lower.h"
#include "sys/path.h"

static const char *const mount_points[] = { "dev/shm", "dev/pts", "dev/mqueue", "dev", "proc",
	"sys/fs/cgroup", "sys/fs", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc" };

/* The roots of the layers, opened when they are first looked into. */
struct roots {
	char *const *lowers;
	int *fds;
	size_t count;
};

static void roots_done_p_(struct roots *roots)
{
	while (roots->count > 0)
		close_fd(roots->fds[--roots->count]);
	free(roots->fds);
}

/* One by one: an overlay of all of them would cost more than it is worth for three names. */
static int open_roots(struct roots *roots, struct error **err)
{
	size_t total = strv_length(roots->lowers);

	if (roots->fds)
		return 0;
	roots->fds = xcalloc(total + 1, sizeof(*roots->fds));
	while (roots->count < total) {
		const char *lower = roots->lowers[roots->count];
		int fd = lower_is_index(lower) ? lower_mount(lower, err)
					       : dir_open_at(AT_FDCWD, lower, err);

		if (fd < 0)
			return -1;
		roots->fds[roots->count++] = fd;
	}
	return 0;
}

/* Whether the image has it: then an empty file above it is the step's own. */
static int is_in_layers(struct roots *roots, const char *path, struct error **err)
{
	struct stat st;

	if (open_roots(roots, err) < 0)
		return -1;
	for (size_t i = 0; i < roots->count; i++) {
		cleanup_error struct error *missing = NULL;
		cleanup_free char *name = NULL;
		cleanup_close int fd = path_parent_in_root(roots->fds[i], path, &name, &missing);

		if (fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return 1;
	}
	return 0;
}

/* An empty file of ours, over nothing. */
static int remove_empty(int upper_fd, const char *path, struct roots *roots, struct error **err)
{
	int found = is_in_layers(roots, path, err);

	if (found == 0)
		(void)unlinkat(upper_fd, path, 0);
	return found < 0 ? -1 : 0;
}

/*
 * Empty files and directories of ours. An "etc" that came up only to hold them goes too: rmdir
 * takes it when it is empty, and then the one below shows through again. (rmdir on the upper itself
 * makes no whiteout.)
 */
static int remove_mount_points(const struct step_run *step, struct error **err)
{
	cleanup_free char *upper = xasprintf("%s/fs", step->snapshot);
	cleanup_close int fd = dir_open_at(AT_FDCWD, upper, err);
	struct roots roots CLEANUP(roots_done) = { .lowers = step->lowers };
	struct stat st;

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < sizeof(mount_points) / sizeof(*mount_points); i++) {
		const char *path = mount_points[i];

		if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			(void)unlinkat(fd, path, AT_REMOVEDIR);
		else if (S_ISREG(st.st_mode) && st.st_size == 0 &&
			 remove_empty(fd, path, &roots, err) < 0)
			return -1;
	}
	return 0;
}

static void describe(const struct step_run *step, struct record *record)
{
	id_make(record->id);
	record->name = xstrdup("build");
	record->created_ns = clock_now_ns();
	record->args = strv_copy(step->args);
	record->env = strv_copy(step->env);
	record->user = xstrdup_null(step->user);
	record->working_dir = xstrdup(step->workdir && *step->workdir ? step->workdir : "/");
	record->hostname = xstrdup("buildkitsandbox");
	record->network = xstrdup(step->network && *step->network ? step->network : "bridge");
	record->ipc_mode = xstrdup("private");
	record->cgroupns_mode = xstrdup("private");
	record->extra_hosts = strv_copy(step->add_host);
	record->auto_remove = true;
	record->shm_size = 64LL << 20;
}

/* Copies what the step prints until it ends. */
static int relay(int connection, int output_fd, int *ret_code, struct error **err)
{
	cleanup_free struct msg *msg = xcalloc(1, sizeof(*msg));
	int got;

	while ((got = msg_receive(connection, msg, err)) > 0) {
		if (msg->type == MONITOR_STDOUT || msg->type == MONITOR_STDERR) {
			if (file_write_all(output_fd, msg->data, msg->length, "the build's output",
				    err) < 0)
				return -1;
		} else if (msg->type == MONITOR_EXITED &&
			   msg->length == sizeof(struct monitor_exit)) {
			*ret_code = ((const struct monitor_exit *)(const void *)msg->data)->code;
			return 0;
		}
	}
	return got < 0 ? -1 : error_new(err, ERROR_UNAVAILABLE, "the step's monitor was killed");
}

static int run_to_end(struct engine *engine, const struct step_run *step, struct record *record,
	int *ret_code, struct error **err)
{
	const struct container_attach attach = { .stdout = true, .stderr = true, .owner = true };
	bool wired = strcmp(record->network, "bridge") == 0;
	cleanup_wiring struct wiring wiring = WIRING_INIT;
	cleanup_free char *hosts = run_path(engine, record->id, "hosts");
	cleanup_free char *hostname = run_path(engine, record->id, "hostname");
	cleanup_free char *resolv = run_path(engine, record->id, "resolv.conf");
	cleanup_free char *directory = run_path(engine, record->id, NULL);
	const struct bundle_places places = {
		.hosts = hosts, .hostname = hostname, .resolv_conf = resolv
	};
	const struct monitor_config config = { .id = record->id,
		.container_dir = directory,
		.systemd_cgroup = cgroup_has_systemd(),
		.reap = true, /* should the build be killed meanwhile */
		.root = engine->root,
		.run_dir = engine->run_dir };
	char address[INET_ADDRSTRLEN] = "";
	cleanup_close int connection = -1;
	cleanup_spec struct spec spec;

	spec_init(&spec);
	if (bundle_spec(engine, record, &places, &spec, err) < 0)
		return -1;
	strv_free(take_ptr(spec.overlay.lower));
	spec.overlay.lower = strv_copy(step->lowers);
	replace_string(&spec.overlay.upper, xasprintf("%s/fs", step->snapshot));
	replace_string(&spec.overlay.work, xasprintf("%s/work", step->snapshot));
	if (wired && wiring_prepare(engine, record->id, NULL, 0, &wiring, err) < 0)
		return -1;
	if (wired)
		inet_ntop(AF_INET, &wiring.endpoint.address, address, sizeof(address));
	if (launch_write_etc(engine, record, wired ? address : NULL, err) < 0)
		return -1;
	connection = launch_start(engine,
		&(const struct launch){ .id = record->id,
			.spec = &spec,
			.monitor = &config,
			.wiring = wired ? &wiring : NULL,
			.attach = &attach },
		err);
	if (connection < 0 || relay(connection, step->output_fd, ret_code, err) < 0)
		return -1;
	return container_await_monitor(engine, record->id, err);
}

int step_run(struct engine *engine, const struct step_run *step, int *ret_code, struct error **err)
{
	cleanup_error struct error *not_cleared = NULL;
	cleanup_close int run_dir_fd = -1;
	cleanup_record struct record record;
	int operation, result;

	record_init(&record);
	describe(step, &record);
	operation = operation_begin(engine, record.id, true, err);
	if (operation < 0)
		return -1;
	run_dir_fd = launch_make_directory(engine, record.id, err);
	result = run_dir_fd < 0 ? -1 : run_to_end(engine, step, &record, ret_code, err);
	/* A step that we cannot follow any more must not go on writing to a snapshot that is given
	 * up. */
	if (launch_clear(engine, record.id, result < 0 ? &not_cleared : err) < 0)
		result = -1;
	operation_end(engine, record.id, &operation);
	return result < 0 ? -1 : remove_mount_points(step, err);
}

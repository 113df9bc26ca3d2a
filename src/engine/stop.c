/* SPDX-License-Identifier: Apache-2.0 */
/* Signals to a container, and waiting for its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/paths.h"
#include "monitor/client.h"
#include "monitor/config.h"
#include "monitor/protocol.h"
#include "sys/process.h"

#define STOP_TIMEOUT_DEFAULT 10

/* A pidfd of the container's first process, checked against its start time; -2 when it does not
 * run. */
static int init_pidfd(struct engine *engine, const char *id, struct error **err)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing), pidfd = -1;
	struct monitor_state state;

	if (run_fd < 0 || monitor_is_alive(run_fd, &missing) <= 0 ||
		monitor_state_read(run_fd, &state, &missing) <= 0)
		return -2;
	pidfd = pidfd_open_pid(state.pid, &missing);
	if (pidfd < 0)
		return error_errno(missing) == ESRCH
			       ? -2
			       : error_new(err, ERROR_INTERNAL, "%s", error_message(missing));
	return process_start_time(state.pid) == state.start_time ? take_fd(&pidfd) : -2;
}

/* A signal reaches a frozen process only when it thaws (v1). */
static void thaw(struct engine *engine, const char *id)
{
	cleanup_error struct error *failed = NULL;
	cleanup_free char *marker = run_path(engine, id, "paused");

	if (access(marker, F_OK) == 0)
		(void)container_pause(engine, id, false, &failed);
}

#define END_TRIES 2000
#define END_PAUSE_NS 5000000

/* 1 when no monitor holds it any more. A monitor that is still starting has no program to kill yet.
 */
static int try_end(struct engine *engine, const char *id, struct error **err)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing);
	cleanup_close int pidfd = -1;

	if (run_fd < 0 || monitor_is_alive(run_fd, &missing) == 0)
		return 1;
	pidfd = init_pidfd(engine, id, err);
	if (pidfd == -2)
		return 0;
	if (pidfd < 0 || pidfd_signal(pidfd, SIGKILL, err) < 0)
		return -1;
	thaw(engine, id);
	return container_await_monitor(engine, id, err) < 0 ? -1 : 1;
}

int container_end(struct engine *engine, const char *id, struct error **err)
{
	const struct timespec pause = { .tv_nsec = END_PAUSE_NS };
	int ended = 0;

	for (int i = 0; ended == 0 && i < END_TRIES; i++) {
		ended = try_end(engine, id, err);
		if (ended == 0)
			(void)nanosleep(&pause, NULL);
	}
	if (ended == 0)
		return error_new(err, ERROR_UNAVAILABLE, "the monitor of %.12s does not end", id);
	return ended < 0 ? -1 : 0;
}

static int not_running(const char *id, struct error **err)
{
	return error_new(err, ERROR_CONFLICT, "Container %s is not running", id);
}

int container_signal(struct engine *engine, const char *name, int signal, struct error **err)
{
	cleanup_record struct record record;
	cleanup_close int pidfd = -1;
	char id[ID_MAX];
	int sent;

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	if (signal < 0)
		signal = signal_parse(record.stop_signal, err);
	if (signal < 0)
		return -1;
	pidfd = init_pidfd(engine, id, err);
	if (pidfd == -1)
		return -1;
	sent = pidfd == -2 ? 0 : pidfd_signal(pidfd, signal, err);
	if (sent < 0)
		return error_wrap(err, "kill container %s", name);
	if (sent == 0) {
		not_running(id, err);
		return error_wrap(err, "Cannot kill container: %s", name);
	}
	if (signal == SIGKILL)
		thaw(engine, id);
	return 0;
}

/*
 * Until the monitor is gone: it holds its lock to the very end, after the exit record is written.
 * The lock file is waited for with flock in short steps only when there is a limit; else it simply
 * blocks.
 */
int container_await_monitor(struct engine *engine, const char *id, struct error **err)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing), lock_fd = -1;

	if (run_fd < 0)
		return 0;
	lock_fd = openat(run_fd, MONITOR_LOCK, O_RDONLY | O_CLOEXEC);
	if (lock_fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "open the monitor's lock");
	if (TEMP_FAILURE_RETRY(flock(lock_fd, LOCK_SH)) < 0)
		return error_sys(err, "wait for the monitor of %.12s", id);
	return 0;
}

/* 1 when it has ended within the time. */
static int wait_for_end(
	struct engine *engine, const char *id, int pidfd, int timeout_ms, struct error **err)
{
	int ended = pidfd_wait(pidfd, timeout_ms, err);

	if (ended <= 0)
		return ended;
	return container_await_monitor(engine, id, err) < 0 ? -1 : 1;
}

static int stop_running(struct engine *engine, const char *id, int pidfd, int timeout_s, int signal,
	struct error **err)
{
	int ended, timeout_ms = timeout_s < 0 || timeout_s > 2000000 ? -1 : timeout_s * 1000;
	const struct container_attach owner = { .owner = true };
	cleanup_error struct error *ended_already = NULL;
	cleanup_close int connection = -1;

	/* As owner we reap, and the monitor need not start a process for it. */
	(void)container_attach(engine, id, &owner, &connection, &ended_already);
	if (pidfd_signal(pidfd, signal, err) < 0)
		return -1;
	thaw(engine, id);
	ended = wait_for_end(engine, id, pidfd, timeout_ms, err);
	if (ended != 0)
		return ended < 0 ? -1 : 0;
	if (pidfd_signal(pidfd, SIGKILL, err) < 0)
		return -1;
	return wait_for_end(engine, id, pidfd, -1, err) < 0 ? -1 : 0;
}

int container_kill(struct engine *engine, const char *name, int signal, struct error **err)
{
	const struct container_attach owner = { .owner = true };
	cleanup_error struct error *ended_already = NULL;
	cleanup_close int connection = -1;
	char id[ID_MAX];

	if (container_resolve(engine, name, id, err) < 0)
		return -1;
	if (signal != SIGKILL)
		return container_signal(engine, name, signal, err);
	(void)container_attach(engine, id, &owner, &connection, &ended_already);
	if (container_signal(engine, name, signal, err) < 0)
		return -1;
	return container_await_monitor(engine, id, err) < 0 ? -1 : container_reap(engine, id, err);
}

int container_stop(
	struct engine *engine, const char *name, int timeout_s, int signal, struct error **err)
{
	cleanup_record struct record record;
	cleanup_close int pidfd = -1;
	char id[ID_MAX];

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	pidfd = init_pidfd(engine, id, err);
	if (pidfd < 0)
		return pidfd == -2 ? 0 : -1;
	if (signal < 0)
		signal = signal_parse(record.stop_signal, err);
	if (timeout_s == CONTAINER_TIMEOUT_OWN)
		timeout_s = record.stop_timeout == SPEC_UNSET ? STOP_TIMEOUT_DEFAULT
							      : (int)record.stop_timeout;
	if (signal < 0 || stop_running(engine, id, pidfd, timeout_s, signal, err) < 0)
		return error_wrap(err, "stop container %s", name);
	return container_reap(engine, id, err);
}

int container_restart(
	struct engine *engine, const char *name, int timeout_s, int signal, struct error **err)
{
	char id[ID_MAX];

	if (container_resolve(engine, name, id, err) < 0 ||
		container_stop(engine, id, timeout_s, signal, err) < 0)
		return -1;
	return container_start(engine, id, NULL, NULL, err);
}

int container_await(
	struct engine *engine, const char *id, int connection, int *ret_code, struct error **err)
{
	cleanup_free struct msg *msg = xcalloc(1, sizeof(*msg));
	cleanup_error struct error *ended = NULL;
	const struct monitor_exit *exit = (const void *)msg->data;
	struct container_status status;

	/* The monitor's own answer: a record of what --rm removes would be gone by the time we
	 * look. */
	while (connection >= 0 && msg_receive(connection, msg, &ended) > 0) {
		if (msg->type != MONITOR_EXITED || msg->length != sizeof(*exit))
			continue;
		*ret_code = exit->code;
		return container_await_monitor(engine, id, err);
	}
	if (container_status(engine, id, &status, err) < 0)
		return -1;
	if (status.pid != 0)
		return error_new(
			err, ERROR_UNAVAILABLE, "the monitor of %.12s does not answer", id);
	*ret_code = status.exit_code;
	return 0;
}

int container_wait(struct engine *engine, const char *name, int *ret_code, struct error **err)
{
	const struct container_attach attach = { 0 };
	cleanup_error struct error *ended = NULL;
	cleanup_close int connection = -1;
	char id[ID_MAX];

	if (container_resolve(engine, name, id, err) < 0)
		return -1;
	(void)container_attach(engine, id, &attach, &connection, &ended);
	return container_await(engine, id, connection, ret_code, err);
}

/*
 * The mark is there whenever it may be frozen: without it a kill would wait for ever, as no signal
 * reaches a frozen process of v1.
 */
static int set_frozen(struct cgroup *cgroup, int run_fd, bool frozen, struct error **err)
{
	cleanup_error struct error *still_frozen = NULL;
	int result;

	if (frozen && file_replace_at(run_fd, "paused", "", 0, 0600, false, err) < 0)
		return -1;
	result = cgroup_freeze(cgroup, frozen, err);
	if (result < 0 && frozen && cgroup_freeze(cgroup, false, &still_frozen) < 0)
		return -1;
	if ((result == 0) != frozen)
		(void)unlinkat(run_fd, "paused", 0);
	return result;
}

int container_pause(struct engine *engine, const char *name, bool paused, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_record struct record record;
	cleanup_free char *path = NULL;
	struct container_status status;
	cleanup_close int run_fd = -1;
	char id[ID_MAX];

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0 ||
		container_status(engine, id, &status, err) < 0)
		return -1;
	if (status.pid == 0)
		return not_running(name, err);
	if ((status.state == CONTAINER_PAUSED) == paused)
		return error_new(err, ERROR_CONFLICT, "Container %s is %s", name,
			paused ? "already paused" : "not paused");
	path = bundle_cgroup_path(&record);
	run_fd = run_dir_open(engine, id, err);
	if (run_fd < 0 ||
		cgroup_open(path, cgroup_has_systemd() ? CGROUP_SYSTEMD : CGROUP_FS, &cgroup, err) <
			0 ||
		set_frozen(cgroup, run_fd, paused, err) < 0)
		return error_wrap(err, "%s container %s", paused ? "pause" : "unpause", name);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From the files of the run directory to a running container: or everything undone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "monitor/internal.h"
#include "monitor/log.h"
#include "sys/loop.h"
#include "sys/process.h"

#define BUNDLE_MAX (16UL * 1024 * 1024)
#define LOCK_WAIT_MS 2000
#define OOM_SCORE_ADJ "/proc/self/oom_score_adj"

int fd_nonblocking(int fd, struct error **err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_sys(err, "make an fd non-blocking");
	return 0;
}

/*
 * Two locks on one open file. The OFD lock says who lives: a look at it does not disturb
 * (client.c). The flock() is what others wait for; who has just waited holds a shared one for a
 * moment, so it is not taken for another monitor at once.
 */
static int take_lock(struct monitor *m, struct error **err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_close int fd = openat(
		m->run_dir_fd, MONITOR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int tries = LOCK_WAIT_MS;

	if (fd < 0)
		return error_sys(err, "open %s", MONITOR_LOCK);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return error_sys(err, "lock %s", MONITOR_LOCK);
		return error_new(err, ERROR_CONFLICT, "the container is running already");
	}
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || tries-- == 0)
			return error_sys(err, "lock %s", MONITOR_LOCK);
		(void)usleep(1000);
	}
	m->lock_fd = take_fd(&fd);
	return 0;
}

static int read_bundle(struct monitor *m, struct error **err)
{
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(m->run_dir_fd, MONITOR_BUNDLE, BUNDLE_MAX, &text, err);

	if (length < 0)
		return -1;
	if (spec_parse(text, (size_t)length, &m->spec, err) < 0)
		return error_wrap(err, MONITOR_BUNDLE);
	return 0;
}

static int prepare(struct monitor *m, const char *run_dir, struct error **err)
{
	m->run_dir_fd = dir_open_at(AT_FDCWD, run_dir, err);
	if (m->run_dir_fd < 0 || take_lock(m, err) < 0)
		return -1;
	if (monitor_config_read(m->run_dir_fd, &m->config, err) < 0 || read_bundle(m, err) < 0)
		return -1;
	m->container_dir_fd = dir_open_at(AT_FDCWD, m->config.container_dir, err);
	if (m->container_dir_fd < 0)
		return -1;
	if (m->config.log_path) {
		m->log = log_writer_new(
			m->config.log_path, m->config.log_max_size, m->config.log_max_files, err);
		if (!m->log)
			return -1;
	}
	m->listen_fd = msg_listen_at(m->run_dir_fd, MONITOR_SOCKET, err);
	return m->listen_fd < 0 ? -1 : 0;
}

/* A pipe whose end for us is non-blocking; its other end's flags are the program's own. */
static int make_pipe(int *ret_ours, int our_end, int *ret_its, struct error **err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	*ret_ours = ends[our_end];
	*ret_its = ends[1 - our_end];
	return fd_nonblocking(*ret_ours, err);
}

static int create(struct monitor *m, const char *run_dir, struct error **err)
{
	cleanup_close int in = -1, out = -1, errors = -1;
	struct container_setup setup = { .spec = &m->spec,
		.bundle = run_dir,
		.driver = m->config.systemd_cgroup ? CGROUP_SYSTEMD : CGROUP_FS,
		.io = { -1, -1, -1 } };

	if (!m->spec.process.terminal) {
		if (m->config.open_stdin && make_pipe(&m->stdin_fd, 1, &in, err) < 0)
			return -1;
		if (make_pipe(&m->streams[0].fd, 0, &out, err) < 0 ||
			make_pipe(&m->streams[1].fd, 0, &errors, err) < 0)
			return -1;
		setup.io = (struct container_io){ in, out, errors };
	}
	if (layers_hold(m, err) < 0)
		return -1;
	return runtime_create(&setup, &m->init, err);
}

static int hold_fds(struct monitor *m, struct error **err)
{
	if (m->held_count + m->msg.fd_count > HELD_FDS_MAX)
		return error_new(err, ERROR_INVALID, "more than %d fds to hold", HELD_FDS_MAX);
	for (size_t i = 0; i < m->msg.fd_count; i++)
		m->held_fds[m->held_count++] = take_fd(&m->msg.fds[i]);
	return 0;
}

/* 1 for START, 0 for a message that was handled. */
static int handle_early(
	struct monitor *m, struct client *starter, struct monitor_size *size, struct error **err)
{
	switch (m->msg.type) {
	case MONITOR_HOLD:
		return hold_fds(m, err);
	case MONITOR_START:
		return hold_fds(m, err) < 0 ? -1 : 1;
	case MONITOR_ATTACH:
		return client_attach(starter, &m->msg, err);
	case MONITOR_RESIZE:
		if (m->msg.length == sizeof(*size)) {
			memcpy(size, m->msg.data, sizeof(*size));
			return 0;
		}
		break;
	default:
		break;
	}
	return error_new(err, ERROR_INVALID, "message %u before START", m->msg.type);
}

/* The connection still blocks: there is nothing else to do. */
static int await_start(struct monitor *m, int fd, struct client *starter, struct monitor_size *size,
	struct error **err)
{
	int result = 0;

	while (result == 0) {
		int received = msg_receive(fd, &m->msg, err);

		if (received == 0)
			return error_new(err, ERROR_UNAVAILABLE, "the engine is gone");
		if (received < 0)
			return -1;
		result = handle_early(m, starter, size, err);
		msg_close_fds(&m->msg);
	}
	return result < 0 ? -1 : 0;
}

static int take_terminal(struct monitor *m, struct error **err)
{
	if (m->init.console_fd < 0)
		return 0;
	if (fd_nonblocking(m->init.console_fd, err) < 0)
		return -1;
	/* Own numbers for each direction: an fd is in an epoll set only once. */
	m->streams[0].fd = fcntl(m->init.console_fd, F_DUPFD_CLOEXEC, 3);
	if (m->config.open_stdin)
		m->stdin_fd = fcntl(m->init.console_fd, F_DUPFD_CLOEXEC, 3);
	if (m->streams[0].fd < 0 || (m->config.open_stdin && m->stdin_fd < 0))
		return error_sys(err, "keep the terminal");
	return 0;
}

static int on_init_end(int fd, uint32_t events, void *arg, struct error **err)
{
	const struct monitor *m = arg;

	(void)fd;
	(void)events;
	(void)err;
	loop_stop(m->loop);
	return 0;
}

/* Out of the way of the OOM killer: without the monitor there is no exit code, no log, no input. */
static void lower_oom_score(struct monitor *m)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *now = NULL;

	if (file_read_at(AT_FDCWD, OOM_SCORE_ADJ, 64, &now, &ignored) < 0)
		return;
	m->oom_score_adj = (int)strtol(now, NULL, 10);
	/* Not everyone may (CAP_SYS_RESOURCE). */
	m->has_oom_score_adj = file_poke_at(AT_FDCWD, OOM_SCORE_ADJ, "-1000", &ignored) == 0;
}

static int publish(struct monitor *m, struct error **err)
{
	struct monitor_state state = { .pid = m->init.pid,
		.start_time = process_start_time(m->init.pid),
		.monitor_pid = getpid() };

	state.started_ns = m->started_ns = clock_now_ns();
	return monitor_state_write(m->run_dir_fd, &state, err);
}

static int watch_all(struct monitor *m, struct error **err)
{
	if (loop_add(m->loop, m->init.pidfd, EPOLLIN, on_init_end, m, err) < 0)
		return -1;
	if (output_watch(m, err) < 0 || input_watch(m, err) < 0 || serve_listen(m, err) < 0)
		return -1;
	return 0;
}

/* The engine's connection becomes a client's, with what it said before START. */
static int keep_engine(struct monitor *m, int *engine_fd, const struct client *early,
	const struct monitor_size *size, struct error **err)
{
	struct client *starter = client_add(m, take_fd(engine_fd), err);
	struct msg *msg = &m->msg;

	if (!starter)
		return -1;
	starter->starter = true;
	if (early->attached) {
		starter->attached = true;
		starter->want = early->want;
		starter->owns_stdin = early->owns_stdin;
	}
	if (size->rows == 0 && size->columns == 0)
		return 0;
	msg->length = sizeof(*size);
	memcpy(msg->data, size, sizeof(*size));
	return client_resize(starter, msg, err);
}

static int go(struct monitor *m, int *engine_fd, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	struct client early = { .monitor = m, .fd = -1, .pidfd = -1, .drain_fd = -1 };
	struct monitor_created created = { .pid = m->init.pid,
		.start_time = process_start_time(m->init.pid) };
	struct monitor_size size = { 0, 0 };

	if (msg_send(*engine_fd, MONITOR_CREATED, &created, sizeof(created), err) < 0)
		return -1;
	if (await_start(m, *engine_fd, &early, &size, err) < 0)
		return -1;
	if (runtime_start(&m->init, err) < 0)
		return -1;
	lower_oom_score(m);
	if (take_terminal(m, err) < 0 || watch_all(m, err) < 0 || publish(m, err) < 0)
		return -1;
	/* An engine that died after START is no reason to stop. */
	(void)msg_send(*engine_fd, MONITOR_STARTED, NULL, 0, &ignored);
	return keep_engine(m, engine_fd, &early, &size, err);
}

/* Starting this process takes as long as the engine's own preparations, so it was started before
 * them; what does not depend on them is done meanwhile. */
static int await_begin(struct monitor *m, int fd, struct error **err)
{
	cleanup_error struct error *asked_again = NULL;
	enum cgroup_mode mode;
	int received;

	(void)cgroup_host_mode(&mode, &asked_again);
	received = msg_receive(fd, &m->msg, err);
	if (received < 0)
		return -1;
	if (received == 0)
		return error_new(err, ERROR_UNAVAILABLE, "the engine is gone");
	msg_close_fds(&m->msg);
	if (m->msg.type != MONITOR_BEGIN)
		return error_new(err, ERROR_INVALID, "message %u before BEGIN", m->msg.type);
	return 0;
}

int monitor_start(struct monitor *m, const char *run_dir, int *engine_fd, struct error **err)
{
	if (await_begin(m, *engine_fd, err) < 0)
		return -1;
	if (prepare(m, run_dir, err) < 0 || create(m, run_dir, err) < 0)
		return -1;
	return go(m, engine_fd, err);
}

void monitor_undo(struct monitor *m)
{
	if (m->init.pid > 0)
		runtime_destroy(&m->init);
	/* Without the lock the files are another monitor's. */
	if (m->lock_fd < 0)
		return;
	(void)unlinkat(m->run_dir_fd, MONITOR_STATE, 0);
	(void)unlinkat(m->run_dir_fd, MONITOR_SOCKET, 0);
}

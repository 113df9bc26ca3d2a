/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the end of init to the monitor's own. The order is the promise of monitor/protocol.h: first
 * nothing of the container runs, then its log is complete, then its record is on disk, then it is
 * seen as ended, then clients are told. A step that fails must not keep the next from being done.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "monitor/internal.h"
#include "monitor/log.h"
#include "sys/loop.h"
#include "sys/process.h"

#define KILLED_MS 1000 /* a killed process that takes longer hangs in the kernel */

static void collect_execs(struct monitor *m)
{
	for (size_t i = 0; i < m->client_places; i++) {
		cleanup_error struct error *ignored = NULL;
		struct client *client = &m->clients[i];

		if (client->pid == 0)
			continue;
		(void)pidfd_wait(client->pidfd, KILLED_MS, &ignored);
		exec_collect(client);
	}
}

static void bury_cgroup(struct monitor *m)
{
	cleanup_error struct error *ignored = NULL, *removed = NULL;
	struct cgroup *cgroup = m->init.cgroup;
	bool buried = true;

	if (cgroup) {
		m->exit.oom_killed = cgroup_oom_kills(cgroup) > 0;
		/* With the host's pid namespace more than init may run. */
		buried = cgroup_bury(cgroup, &ignored) == 0 || cgroup_remove(cgroup, &removed) == 0;
	}
	collect_execs(m);
	/* Who finds a bundle looks for what it has left behind (engine/launch.c). */
	if (buried)
		(void)unlinkat(m->run_dir_fd, MONITOR_BUNDLE, 0);
}

static void write_record(const struct monitor *m)
{
	cleanup_error struct error *ignored = NULL;
	struct monitor_record record = { .code = m->exit.code,
		.oom_killed = m->exit.oom_killed,
		.started_ns = m->started_ns,
		.finished_ns = clock_now_ns() };

	/* The wall clock may have been set back meanwhile: never a negative life. */
	if (record.finished_ns < record.started_ns)
		record.finished_ns = record.started_ns;
	(void)monitor_record_write(m->container_dir_fd, &record, m->config.durable, &ignored);
}

/* After this, the container is seen as ended, and may be started again by another monitor. */
static void release(struct monitor *m)
{
	(void)unlinkat(m->run_dir_fd, MONITOR_STATE, 0);
	(void)unlinkat(m->run_dir_fd, MONITOR_SOCKET, 0);
	close_fd(take_fd(&m->lock_fd));
	for (size_t i = 0; i < m->held_count; i++)
		close_fd(m->held_fds[i]);
	m->held_count = 0;
}

void end_check(struct monitor *m)
{
	for (size_t i = 0; i < m->client_places; i++)
		if (m->clients[i].fd >= 0)
			return;
	loop_stop(m->loop);
}

void end_tell(struct client *client)
{
	cleanup_error struct error *err = NULL;
	struct monitor *m = client->monitor;

	client_push(client);
	if (client->fd < 0 || client->lagging_ns != 0)
		return;
	if (msg_send(client->fd, MONITOR_EXITED, &m->exit, sizeof(m->exit), &err) < 0 &&
		error_errno(err) == EAGAIN) {
		client->lagging_ns = clock_monotonic_ns();
		client_update(client);
		serve_busy(m);
		return;
	}
	if (!err && client->want.owner)
		m->owner_told = true;
	client_close(client);
}

/* Who connected before the socket was gone is told as well; who never asked for it is not. */
static void tell_all(struct monitor *m)
{
	while (serve_accept(m))
		;
	loop_remove(m->loop, m->listen_fd);
	close_fd(take_fd(&m->listen_fd));
	for (size_t i = 0; i < m->client_places; i++) {
		struct client *client = &m->clients[i];

		if (client->fd >= 0 && !client->attached)
			client_receive(client);
		if (client->fd >= 0 && client->attached)
			end_tell(client);
		else
			client_close(client);
	}
}

static bool someone_waits(const struct monitor *m, bool owner)
{
	for (size_t i = 0; i < m->client_places; i++)
		if (m->clients[i].fd >= 0 && (!owner || m->clients[i].want.owner))
			return true;
	return false;
}

/* Becomes `vessel reap`: what the database and the firewall hold is not the monitor's. */
static void reap(const struct monitor *m)
{
	char *const args[] = { (char *)"vessel", (char *)"--root", m->config.root,
		(char *)"--run-dir", m->config.run_dir, (char *)"reap", m->config.id, NULL };

	(void)execveat(m->vessel_fd, "", args, environ, AT_EMPTY_PATH);
}

static void reap_beside(const struct monitor *m)
{
	/* Only to execve: nothing of the memory that it shares is written to. */
	if (vfork() != 0) // NOLINT(clang-analyzer-security.insecureAPI.vfork)
		return;
	reap(m); // NOLINT(clang-analyzer-unix.Vfork)
	_exit(127);
}

static bool must_reap(const struct monitor *m)
{
	return m->config.reap && m->config.root && m->config.run_dir && m->vessel_fd >= 0;
}

int monitor_end(struct monitor *m, struct error **err)
{
	bool reaped = !must_reap(m);
	int code = 128 + 9;

	(void)exit_code_of(m->init.pidfd, &code);
	loop_remove(m->loop, m->init.pidfd);
	m->ending = true;
	m->exit.code = code;
	bury_cgroup(m);
	input_close(m);
	output_drain(m);
	write_record(m);
	release(m);
	tell_all(m);
	layers_release(m);
	/* A slow client holds neither address nor port. */
	if (someone_waits(m, false) && !someone_waits(m, true) && !m->owner_told && !reaped) {
		reaped = true;
		reap_beside(m);
	}
	if (someone_waits(m, false) && loop_run(m->loop, err) < 0)
		return -1;
	if (!reaped && !m->owner_told)
		reap(m);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections. A connection is a place in a fixed table; an exec keeps its place until its process
 * has ended, also without a client. What a client sends is never trusted to be well-formed, only to
 * come from the engine's user: a message out of place closes the connection, nothing more.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/error.h"
#include "monitor/internal.h"
#include "sys/loop.h"

#define SECOND INT64_C(1000000000)

static void free_place(struct client *client)
{
	close_fd(take_fd(&client->drain_fd));
	client->pid = 0;
	client->attached = client->owns_stdin = client->starter = false;
	client->lagging_ns = 0;
	client->offset = 0;
}

void client_close(struct client *client)
{
	struct monitor *m = client->monitor;
	bool input_ends = client->owns_stdin;

	if (client->fd < 0)
		return;
	loop_remove(m->loop, client->fd);
	close_fd(take_fd(&client->fd));
	client->attached = client->owns_stdin = false;
	client->lagging_ns = 0;
	if (input_ends)
		input_end(m);
	if (client->pid == 0)
		free_place(client);
	if (m->ending)
		end_check(m);
	else
		output_settle(m);
}

/* ---- sending ---- */

static bool wants(const struct client *client, uint32_t type)
{
	return type == MONITOR_STDOUT ? client->want.stdout : client->want.stderr;
}

/* 1 sent, 0 when the socket is full, -1 when the client is gone. */
static int send_record(const struct client *client, const char *at, const struct record *record)
{
	cleanup_error struct error *err = NULL;

	if (!wants(client, record->type))
		return 1;
	if (msg_send(client->fd, record->type, at + sizeof(*record), record->length, &err) == 0)
		return 1;
	return error_errno(err) == EAGAIN ? 0 : -1;
}

void client_push(struct client *client)
{
	const struct backlog *backlog = &client->monitor->backlog;
	bool before = client->lagging_ns != 0, progress = false;
	int sent = 1;

	if (client->fd < 0 || !client->attached)
		return;
	while (client->offset < backlog->length && sent > 0) {
		const char *at = backlog->data + client->offset;
		struct record record;

		memcpy(&record, at, sizeof(record));
		sent = send_record(client, at, &record);
		if (sent > 0)
			client->offset += sizeof(record) + record.length;
		progress = progress || sent > 0;
	}
	if (sent < 0) {
		client_close(client);
		return;
	}
	if (sent > 0)
		client->lagging_ns = 0;
	else if (progress || !before)
		client->lagging_ns = clock_monotonic_ns();
	if (before != (client->lagging_ns != 0))
		client_update(client);
}

void client_update(struct client *client)
{
	cleanup_error struct error *ignored = NULL;
	const struct monitor *m = client->monitor;
	bool listening = !(client->attached && client->want.stdin && input_is_blocked(m));
	uint32_t events =
		(listening ? (uint32_t)EPOLLIN : 0) | (client->lagging_ns ? (uint32_t)EPOLLOUT : 0);

	if (client->fd >= 0)
		(void)loop_change(m->loop, client->fd, events, &ignored);
}

void clients_update(struct monitor *m)
{
	for (size_t i = 0; i < m->client_places; i++)
		client_update(&m->clients[i]);
}

/* ---- receiving ---- */

static int out_of_place(struct error **err)
{
	return error_new(err, ERROR_INVALID, "a message that is out of place");
}

int client_attach(struct client *client, const struct msg *msg, struct error **err)
{
	struct monitor *m = client->monitor;

	if (msg->length != sizeof(client->want) || client->attached || client->pid)
		return out_of_place(err);
	memcpy(&client->want, msg->data, sizeof(client->want));
	client->attached = true;
	client->offset = m->backlog.length; /* what came before is not for it */
	/* stdin_once means the first client that is for stdin, and no later one. */
	if (client->want.stdin && !m->stdin_claimed)
		client->owns_stdin = m->stdin_claimed = true;
	client_update(client);
	return 0;
}

int client_resize(struct client *client, const struct msg *msg, struct error **err)
{
	const struct monitor *m = client->monitor;
	struct winsize size = { 0 };
	struct monitor_size wanted;

	if (msg->length != sizeof(wanted))
		return out_of_place(err);
	memcpy(&wanted, msg->data, sizeof(wanted));
	size.ws_row = wanted.rows;
	size.ws_col = wanted.columns;
	if (m->init.console_fd >= 0)
		(void)ioctl(m->init.console_fd, TIOCSWINSZ, &size);
	return 0;
}

static int client_input(struct client *client, const struct msg *msg, struct error **err)
{
	struct monitor *m = client->monitor;

	if (!client->attached || !client->want.stdin)
		return out_of_place(err);
	if (msg->type == MONITOR_STDIN) {
		input_write(m, msg->data, msg->length);
		return 0;
	}
	if (client->owns_stdin)
		input_end(m);
	client->owns_stdin = false;
	return 0;
}

static int dispatch(struct client *client, struct msg *msg, struct error **err)
{
	if (msg->type == MONITOR_EXEC)
		return client->attached || client->pid ? out_of_place(err)
						       : exec_start(client, msg, err);
	if (msg->fd_count > 0)
		return out_of_place(err);
	switch (msg->type) {
	case MONITOR_ATTACH:
		return client_attach(client, msg, err);
	case MONITOR_STDIN:
	case MONITOR_STDIN_CLOSE:
		return client_input(client, msg, err);
	case MONITOR_RESIZE:
		return client->attached ? client_resize(client, msg, err) : out_of_place(err);
	default:
		return out_of_place(err);
	}
}

void client_receive(struct client *client)
{
	cleanup_error struct error *failure = NULL;
	struct monitor *m = client->monitor;
	int received = msg_receive(client->fd, &m->msg, &failure);

	if (received < 0 && error_errno(failure) == EAGAIN)
		return;
	if (received > 0) {
		received = dispatch(client, &m->msg, &failure);
		msg_close_fds(&m->msg);
		if (received == 0)
			return;
	}
	client_close(client);
}

static int on_client(int fd, uint32_t events, void *arg, struct error **err)
{
	struct client *client = arg;
	struct monitor *m = client->monitor;

	(void)fd;
	(void)err;
	serve_busy(m);
	if (!(events & EPOLLOUT))
		client_receive(client);
	else if (m->ending)
		end_tell(client);
	else
		client_push(client);
	if (!m->ending)
		output_settle(m);
	return 0;
}

/* ---- coming and going ---- */

struct client *client_add(struct monitor *m, int fd, struct error **err)
{
	cleanup_error struct error *unheard = NULL;
	cleanup_close int owned = fd;
	struct client *client = m->clients;

	while (client < m->clients + m->client_places && (client->fd >= 0 || client->pid))
		client++;
	if (client == m->clients + MONITOR_CLIENTS_MAX) {
		error_new(err, ERROR_UNAVAILABLE, "the container has %d clients already",
			MONITOR_CLIENTS_MAX);
		(void)msg_send_error(fd, MONITOR_ERROR, *err, &unheard);
		return NULL;
	}
	*client = (struct client){ .monitor = m, .fd = -1, .pidfd = -1, .drain_fd = -1 };
	if (fd_nonblocking(fd, err) < 0 ||
		loop_add(m->loop, fd, EPOLLIN, on_client, client, err) < 0)
		return NULL;
	client->fd = take_fd(&owned);
	if ((size_t)(client - m->clients) >= m->client_places)
		m->client_places = (size_t)(client - m->clients) + 1;
	return client;
}

/* The socket's mode says so already; a change of the file system's must not be enough. */
static bool is_our_user(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

bool serve_accept(struct monitor *m)
{
	cleanup_error struct error *ignored = NULL;
	int connection = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (connection < 0)
		return false;
	if (is_our_user(connection))
		(void)client_add(m, connection, &ignored);
	else
		close_fd(connection);
	return true;
}

static int on_connection(int fd, uint32_t events, void *arg, struct error **err)
{
	(void)fd;
	(void)events;
	(void)err;
	(void)serve_accept(arg);
	return 0;
}

/* ---- once a second, while there is something to look at ---- */

static void set_timer(const struct monitor *m, bool on)
{
	struct itimerspec every = { .it_interval.tv_sec = on, .it_value.tv_sec = on };

	(void)timerfd_settime(m->timer_fd, 0, &every, NULL);
}

void serve_busy(struct monitor *m)
{
	m->busy = true;
	if (!m->ticking)
		set_timer(m, true);
	m->ticking = true;
}

/* True while somebody is still waited for. */
static bool drop_impatient(struct monitor *m)
{
	int64_t now = clock_monotonic_ns();
	bool lagging = false;

	for (size_t i = 0; i < m->client_places; i++) {
		struct client *client = &m->clients[i];

		if (client->fd < 0 || client->lagging_ns == 0)
			continue;
		lagging = true;
		if (!client->starter && now - client->lagging_ns > MONITOR_PATIENCE_S * SECOND)
			client_close(client);
	}
	return lagging;
}

/* A second in which nothing was done is quiet. */
static int on_tick(int fd, uint32_t events, void *arg, struct error **err)
{
	struct monitor *m = arg;
	bool lagging = drop_impatient(m), quiet = !m->busy;
	uint64_t ticks;

	(void)events;
	(void)err;
	(void)!read(fd, &ticks, sizeof(ticks));
	m->busy = false;
	if (!quiet)
		return 0;
	m->ticking = lagging;
	if (!lagging)
		set_timer(m, false);
	output_calm_down(m);
	monitor_settle();
	return 0;
}

int serve_listen(struct monitor *m, struct error **err)
{
	if (fd_nonblocking(m->listen_fd, err) < 0 ||
		loop_add(m->loop, m->listen_fd, EPOLLIN, on_connection, m, err) < 0)
		return -1;
	m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->timer_fd < 0)
		return error_sys(err, "make a timer");
	return loop_add(m->loop, m->timer_fd, EPOLLIN, on_tick, m, err);
}

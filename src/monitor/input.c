/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's stdin: a pipe, or its terminal's master. While it takes no more, one packet waits
 * here and no client with stdin is listened to, so that the rest waits in their sockets.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/alloc.h"
#include "base/error.h"
#include "monitor/internal.h"
#include "sys/loop.h"

bool input_is_blocked(const struct monitor *m)
{
	return m->stdin_waiting != NULL;
}

static void forget_waiting(struct monitor *m)
{
	free(take_ptr(m->stdin_waiting));
	m->stdin_offset = m->stdin_length = 0;
}

void input_close(struct monitor *m)
{
	if (m->stdin_fd < 0)
		return;
	loop_remove(m->loop, m->stdin_fd);
	close_fd(take_fd(&m->stdin_fd));
	forget_waiting(m);
	clients_update(m);
}

/* Returns how much was taken; a reader that is gone takes all, and nothing more is sent to it. */
static size_t write_some(struct monitor *m, const char *data, size_t length)
{
	ssize_t n = TEMP_FAILURE_RETRY(write(m->stdin_fd, data, length));

	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN)
		return 0;
	input_close(m);
	return length;
}

void input_write(struct monitor *m, const char *data, size_t length)
{
	cleanup_error struct error *ignored = NULL;
	size_t taken;

	if (m->stdin_fd < 0 || length == 0)
		return;
	taken = write_some(m, data, length);
	if (taken == length)
		return;
	m->stdin_length = length - taken;
	m->stdin_offset = 0;
	m->stdin_waiting = xcalloc(1, m->stdin_length);
	memcpy(m->stdin_waiting, data + taken, m->stdin_length);
	(void)loop_change(m->loop, m->stdin_fd, EPOLLOUT, &ignored);
	clients_update(m);
}

static int on_writable(int fd, uint32_t events, void *arg, struct error **err)
{
	struct monitor *m = arg;
	size_t left = m->stdin_length - m->stdin_offset;

	(void)events;
	if (left > 0) {
		m->stdin_offset += write_some(m, m->stdin_waiting + m->stdin_offset, left);
		if (m->stdin_fd < 0 || m->stdin_offset < m->stdin_length)
			return 0;
	}
	forget_waiting(m);
	if (m->stdin_ends) {
		input_close(m);
		return 0;
	}
	clients_update(m);
	return loop_change(m->loop, fd, 0, err);
}

void input_end(struct monitor *m)
{
	/* A terminal has no end but its hangup; without stdin_once the next client goes on. */
	if (!m->config.stdin_once || m->spec.process.terminal)
		return;
	m->stdin_ends = true;
	if (!input_is_blocked(m))
		input_close(m);
}

int input_watch(struct monitor *m, struct error **err)
{
	if (m->stdin_fd < 0)
		return 0;
	return loop_add(m->loop, m->stdin_fd, 0, on_writable, m, err);
}

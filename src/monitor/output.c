/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's output. What is read goes to the log, then into the backlog, from which each
 * client is served as its socket has room. Until the end the backlog holds one packet: while some
 * client has not got it, nothing more is read, and the program waits in write(2) when its pipe is
 * full. At the end nobody is waited for: all that the pipes hold (at most 1 MiB each) is taken, so
 * that log and exit record do not depend on a client that does not read.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "base/error.h"
#include "monitor/internal.h"
#include "monitor/log.h"
#include "sys/loop.h"

#define PIPE_SIZE (1024 * 1024)
#define PAGE 4096UL
#define PACKET_SIZE (sizeof(struct record) + MSG_MAX)
#define BACKLOG_MAX (4UL * 1024 * 1024)
#define DRAIN_MAX (PIPE_SIZE / 256) /* packets: a pipe of 256 pages holds no more writes */

static void stream_end(struct stream *stream)
{
	loop_remove(stream->monitor->loop, stream->fd);
	close_fd(take_fd(&stream->fd));
}

/* A program that fills its pipe gets a larger one: fewer wake-ups. Quiet ones cost no memory. */
static void enlarge(struct stream *stream)
{
	if (stream->enlarged)
		return;
	stream->enlarged = true;
	(void)fcntl(stream->fd, F_SETPIPE_SZ, PIPE_SIZE);
}

static bool anyone_wants(const struct monitor *m)
{
	for (size_t i = 0; i < m->client_places; i++)
		if (m->clients[i].fd >= 0 && m->clients[i].attached)
			return true;
	return false;
}

/* Room for one more packet; NULL when there is none. */
static char *reserve(struct backlog *backlog)
{
	size_t wanted = backlog->length + PACKET_SIZE;
	char *grown;

	if (wanted <= backlog->capacity)
		return backlog->data + backlog->length;
	if (wanted > BACKLOG_MAX)
		return NULL;
	wanted = backlog->capacity ? backlog->capacity * 2 : PACKET_SIZE;
	grown = backlog->data ? mremap(backlog->data, backlog->capacity, wanted, MREMAP_MAYMOVE)
			      : mmap(NULL, wanted, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (grown == MAP_FAILED)
		return NULL;
	backlog->data = grown;
	backlog->capacity = wanted;
	return backlog->data + backlog->length;
}

/* Reads one packet; 1 read, 0 nothing there now, -1 the stream has ended. */
static int stream_read(struct stream *stream)
{
	struct monitor *m = stream->monitor;
	char *room = reserve(&m->backlog);
	struct record record = { .type = stream->number == 1 ? MONITOR_STDOUT : MONITOR_STDERR };
	ssize_t n;

	if (!room)
		return 0;
	n = TEMP_FAILURE_RETRY(read(stream->fd, room + sizeof(record), MSG_MAX));
	if (n < 0 && errno == EAGAIN)
		return 0;
	/* EIO: the last process has closed its side of the terminal. */
	if (n <= 0)
		return -1;
	if (m->log)
		log_write(m->log, stream->number, room + sizeof(record), (size_t)n);
	if (n == MSG_MAX)
		enlarge(stream);
	serve_busy(m);
	if (!anyone_wants(m))
		return 1;
	record.length = (uint32_t)n;
	memcpy(room, &record, sizeof(record));
	m->backlog.length += sizeof(record) + (size_t)n;
	return 1;
}

static void pause_streams(struct monitor *m, bool paused)
{
	cleanup_error struct error *ignored = NULL;

	if (m->paused == paused)
		return;
	m->paused = paused;
	for (size_t i = 0; i < 2; i++)
		if (m->streams[i].fd >= 0)
			(void)loop_change(
				m->loop, m->streams[i].fd, paused ? 0 : EPOLLIN, &ignored);
}

void output_settle(struct monitor *m)
{
	bool waiting = false;

	for (size_t i = 0; i < m->client_places; i++) {
		const struct client *client = &m->clients[i];

		if (client->fd >= 0 && client->attached)
			waiting = waiting || client->offset < m->backlog.length;
	}
	if (!waiting) {
		m->backlog.length = 0;
		for (size_t i = 0; i < m->client_places; i++)
			m->clients[i].offset = 0;
	}
	pause_streams(m, waiting);
}

void output_calm_down(struct monitor *m)
{
	if (m->log)
		log_trim(m->log);
	if (m->backlog.length == 0 && m->backlog.capacity > PAGE)
		(void)madvise(m->backlog.data + PAGE, m->backlog.capacity - PAGE, MADV_DONTNEED);
}

static int on_output(int fd, uint32_t events, void *arg, struct error **err)
{
	struct stream *stream = arg;
	struct monitor *m = stream->monitor;
	int result = stream_read(stream);

	(void)fd;
	(void)events;
	(void)err;
	if (result < 0)
		stream_end(stream);
	if (result <= 0)
		return 0;
	for (size_t i = 0; i < m->client_places; i++)
		client_push(&m->clients[i]);
	output_settle(m);
	return 0;
}

void output_drain(struct monitor *m)
{
	for (size_t i = 0; i < 2; i++) {
		struct stream *stream = &m->streams[i];
		int packets = DRAIN_MAX;

		/* Who still writes now was lent the pipe from outside: not waited for. */
		while (stream->fd >= 0 && packets-- > 0 && stream_read(stream) > 0)
			;
		if (stream->fd >= 0)
			stream_end(stream);
	}
	if (m->log)
		log_flush(m->log);
}

int output_watch(struct monitor *m, struct error **err)
{
	for (size_t i = 0; i < 2; i++)
		if (m->streams[i].fd >= 0 && loop_add(m->loop, m->streams[i].fd, EPOLLIN, on_output,
						     &m->streams[i], err) < 0)
			return -1;
	return 0;
}

void output_release(struct monitor *m)
{
	if (m->backlog.data)
		(void)munmap(m->backlog.data, m->backlog.capacity);
	m->backlog = (struct backlog){ 0 };
}

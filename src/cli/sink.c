/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"

void sink_open(struct sink *sink, int fd)
{
	struct stat st;
	char path[32];
	int again;

	sink->fd = fd;
	sink->owned = sink->is_socket = false;
	sink->start = sink->length = 0;
	if (fstat(fd, &st) < 0)
		return;
	sink->is_socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !isatty(fd))
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again >= 0) {
		sink->fd = again;
		sink->owned = true;
	}
}

void sink_take(struct sink *sink, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	sink->fd = fd;
	sink->owned = true;
	sink->is_socket = false;
	sink->start = sink->length = 0;
}

/* Returns how much was written: less than length when no more is taken now. */
static ssize_t write_some(
	const struct sink *sink, const char *data, size_t length, struct error **err)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = sink->is_socket ? send(sink->fd, data + done, length - done,
						      MSG_DONTWAIT | MSG_NOSIGNAL)
					    : write(sink->fd, data + done, length - done);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno != EINTR)
			return error_sys(err, "write output");
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}

int sink_write(struct sink *sink, const void *data, size_t length, struct error **err)
{
	ssize_t done = write_some(sink, data, length, err);

	if (done < 0)
		return -1;
	sink->start = 0;
	sink->length = length - (size_t)done;
	if (sink->length > sizeof(sink->data))
		return error_new(err, ERROR_INTERNAL, "a packet is larger than it may be");
	memcpy(sink->data, (const char *)data + done, sink->length);
	return 0;
}

int sink_flush(struct sink *sink, struct error **err)
{
	ssize_t done = write_some(sink, sink->data + sink->start, sink->length, err);

	if (done < 0)
		return -1;
	sink->start += (size_t)done;
	sink->length -= (size_t)done;
	return 0;
}

void sink_close(struct sink *sink)
{
	if (sink->owned)
		close_fd(sink->fd);
	sink->fd = -1;
	sink->owned = false;
	sink->length = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a stream of a container goes: our stdout, or a pipe to its stdin.
 *
 * Writing must not block, or a reader that stalls would keep signals and the window's size from
 * the container. But O_NONBLOCK belongs to the open file, which our stdout shares with the shell
 * that started us; so a pipe or terminal is opened anew through /proc/self/fd, and only that
 * opening does not block. What cannot block (a file) is written as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sys/msg.h"

struct error;

struct sink {
	int fd; /* -1: closed */
	bool owned, is_socket;
	size_t start, length; /* of data, what could not be written yet */
	char data[MSG_MAX];
};

/* Somebody else's fd, such as 1. */
void sink_open(struct sink *sink, int fd);
/* Our own fd, made non-blocking and closed at the end. */
void sink_take(struct sink *sink, int fd);
/* Only while nothing waits. 0; -1 with errno EPIPE when nobody reads any more. */
int sink_write(struct sink *sink, const void *data, size_t length, struct error **err);
/* Tries again what waits. */
int sink_flush(struct sink *sink, struct error **err);
void sink_close(struct sink *sink);

static inline bool sink_waits(const struct sink *sink)
{
	return sink->length > 0;
}

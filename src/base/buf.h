/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a ceiling given at birth: what comes from outside cannot
 * make it larger. After the first failure the buffer keeps its bytes and refuses more;
 * callers may append many times and look at the error once, at the end (buf_failed()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct error;

struct buf {
	char *data; /* always NUL-terminated once something was appended */
	size_t length, capacity, ceiling;
	bool failed; /* the ceiling was hit */
};

#define BUF_INIT(max) \
	{ \
		.ceiling = (max) \
	}
#define BUF_SMALL (64UL * 1024)
#define BUF_LARGE (16UL * 1024 * 1024)

void buf_append(struct buf *buf, const void *data, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "" when empty; valid until the next append. */
const char *buf_text(const struct buf *buf);
/* Hands the text over; the buffer is empty again. */
char *buf_take(struct buf *buf);
/* Room for length more bytes at the end, or NULL when that would pass the ceiling. */
char *buf_reserve(struct buf *buf, size_t length);
/* 0, or -1 with ERROR_INVALID naming what grew beyond the ceiling. */
int buf_check(const struct buf *buf, const char *what, struct error **err);
void buf_clear(struct buf *buf);
void buf_done(struct buf *buf);

static inline void buf_done_p_(struct buf *buf)
{
	buf_done(buf);
}
#define cleanup_buf CLEANUP(buf_done)

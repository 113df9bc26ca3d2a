/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

char *buf_reserve(struct buf *buf, size_t length)
{
	size_t wanted = buf->length + length + 1;

	if (buf->failed || length >= buf->ceiling || wanted > buf->ceiling) {
		buf->failed = true;
		return NULL;
	}
	if (wanted > buf->capacity) {
		size_t grown = buf->capacity * 2 > wanted ? buf->capacity * 2 : wanted + 63;

		buf->data = xrealloc(buf->data, grown, 1);
		buf->capacity = grown;
	}
	return buf->data + buf->length;
}

void buf_append(struct buf *buf, const void *data, size_t length)
{
	char *room = buf_reserve(buf, length);

	if (!room)
		return;
	if (length > 0)
		memcpy(room, data, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	buf_puts(buf, text);
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data ? buf->data : xstrdup("");

	buf->data = NULL;
	buf->length = buf->capacity = 0;
	return text;
}

int buf_check(const struct buf *buf, const char *what, struct error **err)
{
	if (!buf->failed)
		return 0;
	return error_new(err, ERROR_INVALID, "%s is larger than %zu bytes", what, buf->ceiling);
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ .ceiling = buf->ceiling };
}

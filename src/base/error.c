/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct error {
	enum error_kind kind;
	int sys_errno;
	char *message;
	char *hint;
};

/* Handed out when there is no memory to say anything better; never freed. */
static const struct error out_of_memory = {
	.kind = ERROR_UNAVAILABLE,
	.sys_errno = ENOMEM,
	.message = (char *)"out of memory",
};

/*
 * Names in messages come from images, archives and registries, and messages go to terminals, which
 * obey escape sequences: as bytes below the space, or as U+0080 to U+009F.
 */
static char *printable(char *text)
{
	for (unsigned char *c = (unsigned char *)text; c && *c; c++) {
		if ((*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
		else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
	return text;
}

static int set(struct error **err, enum error_kind kind, int e, char *message)
{
	cleanup_free char *owned = message;
	struct error *new;

	assert(!*err);
	new = owned ? calloc(1, sizeof(*new)) : NULL;
	if (!new) {
		*err = (struct error *)&out_of_memory;
		return -1;
	}
	*new = (struct error){
		.kind = kind, .sys_errno = e, .message = printable(take_ptr(owned))
	};
	*err = new;
	return -1;
}

int error_sys(struct error **err, const char *fmt, ...)
{
	cleanup_free char *what = NULL;
	char *message = NULL;
	int e = errno;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (what && asprintf(&message, "%s: %s", what, strerrordesc_np(e)) < 0)
		message = NULL;
	return set(err, ERROR_INTERNAL, e, message);
}

int error_new(struct error **err, enum error_kind kind, const char *fmt, ...)
{
	char *message = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	return set(err, kind, 0, message);
}

PRINTF_LIKE(2, 0) static void prepend(struct error *err, const char *fmt, va_list ap)
{
	cleanup_free char *context = NULL;
	char *joined = NULL;

	if (err == &out_of_memory)
		return;
	if (vasprintf(&context, fmt, ap) < 0)
		context = NULL;
	if (context && asprintf(&joined, "%s: %s", printable(context), err->message) >= 0) {
		free(err->message);
		err->message = joined;
	}
}

int error_wrap(struct error **err, const char *fmt, ...)
{
	va_list ap;

	assert(*err);
	va_start(ap, fmt);
	prepend(*err, fmt, ap);
	va_end(ap);
	return -1;
}

int error_as(struct error **err, enum error_kind kind, const char *fmt, ...)
{
	va_list ap;

	assert(*err);
	if (*err != &out_of_memory)
		(*err)->kind = kind;
	va_start(ap, fmt);
	prepend(*err, fmt, ap);
	va_end(ap);
	return -1;
}

int error_hint(struct error **err, const char *fmt, ...)
{
	va_list ap;

	assert(*err);
	if (*err == &out_of_memory || (*err)->hint)
		return -1;
	va_start(ap, fmt);
	if (vasprintf(&(*err)->hint, fmt, ap) < 0)
		(*err)->hint = NULL;
	va_end(ap);
	(void)printable((*err)->hint);
	return -1;
}

int error_errno(const struct error *err)
{
	return err->sys_errno;
}
enum error_kind error_kind(const struct error *err)
{
	return err->kind;
}
const char *error_message(const struct error *err)
{
	return err->message;
}
const char *error_hint_text(const struct error *err)
{
	return err->hint;
}

void error_free(struct error *err)
{
	if (!err || err == &out_of_memory)
		return;
	free(err->message);
	free(err->hint);
	free(err);
}

size_t error_pack(const struct error *err, char buf[static ERROR_WIRE_MAX])
{
	const char *hint = err->hint ? err->hint : "";
	int n = snprintf(buf, ERROR_WIRE_MAX, "%d %d %.*s%c%.*s", (int)err->kind, err->sys_errno,
		ERROR_WIRE_MAX / 2, err->message, '\1', ERROR_WIRE_MAX / 4, hint);

	return n < ERROR_WIRE_MAX ? (size_t)n : ERROR_WIRE_MAX - 1;
}

int error_unpack(struct error **err, const char *buf, size_t length)
{
	cleanup_free char *text = strndup(buf, length);
	char *end = NULL, *hint;
	long kind, sys_errno;

	if (!text)
		return error_new(err, ERROR_INTERNAL, "out of memory");
	kind = strtol(text, &end, 10);
	sys_errno = strtol(end, &end, 10);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): text is freed by its cleanup */
	if (*end != ' ' || kind < 0 || kind >= ERROR_KIND_MAX_ || sys_errno < 0 || sys_errno > 4095)
		return error_new(err, ERROR_INTERNAL, "the child process sent no readable error");
	hint = strchr(++end, '\1');
	if (hint)
		*hint++ = '\0';
	error_new(err, (enum error_kind)kind, "%s", end);
	if (*err != &out_of_memory)
		(*err)->sys_errno = (int)sys_errno;
	if (hint && *hint)
		error_hint(err, "%s", hint);
	return -1;
}

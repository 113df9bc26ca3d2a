/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#define LINE_MAX_BYTES 16384

int log_open(
	const char *target, const char *format, bool debug, struct log *ret, struct error **err)
{
	*ret = (struct log){ .fd = -1, .debug = debug };
	if (format && strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		return error_new(err, ERROR_INVALID,
			"unknown log-format '%s': it is \"text\" or \"json\"", format);
	ret->json = format && strcmp(format, "json") == 0;
	if (!target || !*target)
		return 0;
	if (strncmp(target, "file:", 5) == 0)
		target += 5;
	ret->fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (ret->fd < 0)
		return error_sys(err, "open log file '%s'", target);
	return 0;
}

/* A text as a Go program would quote it: logs are searched for that. */
static void quote(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else if (*text == '\n')
			buf_puts(out, "\\n");
		else if ((unsigned char)*text < ' ')
			buf_printf(out, "\\x%02x", (unsigned)*text);
		else
			buf_putc(out, *text);
	}
	buf_putc(out, '"');
}

static void write_line(const struct log *log, const char *level, const char *text)
{
	cleanup_buf struct buf line = BUF_INIT(LINE_MAX_BYTES);
	cleanup_error struct error *err = NULL;
	char now[CLOCK_TEXT_MAX];

	clock_text(clock_now_ns(), now);
	if (log->json) {
		cleanup_json struct json_object *obj = json_object_new_object();
		cleanup_free char *text_line = NULL;

		json_put_text(obj, "level", level);
		json_put_text(obj, "msg", text);
		json_put_text(obj, "time", now);
		text_line = json_compact(obj);
		buf_puts(&line, text_line);
	} else {
		buf_printf(&line, "time=\"%s\" level=%s msg=", now, level);
		quote(&line, text);
	}
	buf_putc(&line, '\n');
	/* A log that cannot be written must not change what the command does. */
	(void)file_write_all(
		log->fd < 0 ? STDERR_FILENO : log->fd, line.data, line.length, "log", &err);
}

static void format_line(const struct log *log, const char *level, const char *fmt, va_list args)
{
	char text[4096];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	write_line(log, level, text);
}

void log_debug(const struct log *log, const char *fmt, ...)
{
	va_list args;

	if (!log->debug)
		return;
	va_start(args, fmt);
	format_line(log, "debug", fmt, args);
	va_end(args);
}

void log_warning(const struct log *log, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format_line(log, "warning", fmt, args);
	va_end(args);
}

/* What a configuration says comes to a person's terminal, and must not steer it. */
static void put_plain(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		(void)fputc((c < ' ' && c != '\n' && c != '\t') || c == 127 ? '?' : c, stderr);
	}
	(void)fputc('\n', stderr);
}

void log_error(const struct log *log, const char *program, const struct error *failed)
{
	const char *hint = error_hint_text(failed);

	if (log->fd >= 0 || log->json)
		write_line(log, "error", error_message(failed));
	if (log->fd >= 0 || !log->json) {
		cleanup_free char *line = xasprintf("%s: %s", program, error_message(failed));
		cleanup_free char *advice = hint ? xasprintf("hint: %s", hint) : NULL;

		put_plain(line);
		if (advice)
			put_plain(advice);
	}
}

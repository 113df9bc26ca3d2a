/* SPDX-License-Identifier: Apache-2.0 */
#include "build/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

static void put(const struct progress *progress, const char *text)
{
	cleanup_error struct error *unseen = NULL;

	if (progress->fd >= 0)
		(void)file_write_all(progress->fd, text, strlen(text), "progress", &unseen);
}

PRINTF_LIKE(2, 0)
static void put_step(const struct progress_step *step, const char *fmt, va_list ap, const char *end)
{
	cleanup_free char *text = NULL, *line = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	/* One write per line, so that lines of several writers do not mix. */
	if (asprintf(&line, "#%d %s\n%s", step->number, text, end) < 0)
		abort();
	put(step->progress, line);
}

PRINTF_LIKE(3, 4)
static void end_step(const struct progress_step *step, const char *end, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_step(step, fmt, ap, end);
	va_end(ap);
}

struct progress_step progress_begin(struct progress *progress, const char *fmt, ...)
{
	struct progress_step step = {
		.progress = progress, .number = ++progress->last, .start_ns = clock_monotonic_ns()
	};
	va_list ap;

	va_start(ap, fmt);
	put_step(&step, fmt, ap, "");
	va_end(ap);
	return step;
}

void progress_say(const struct progress_step *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_step(step, fmt, ap, "");
	va_end(ap);
}

void progress_cached(const struct progress_step *step)
{
	end_step(step, "\n", "CACHED");
}

void progress_done(const struct progress_step *step)
{
	end_step(step, "\n", "DONE %.1fs", (double)(clock_monotonic_ns() - step->start_ns) / 1e9);
}

void progress_failed(const struct progress_step *step, const char *message)
{
	end_step(step, "\n", "ERROR: %s", message);
}

void progress_line(const struct progress *progress, const char *line)
{
	cleanup_free char *text = NULL;

	if (asprintf(&text, "%s\n", line) < 0)
		abort();
	put(progress, text);
}

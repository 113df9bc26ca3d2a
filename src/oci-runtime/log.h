/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd, conmon and others read of a runtime that failed: lines in the file that --log
 * names, as text or JSON with level, msg and time. Errors go to stderr as well, for people.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"

struct error;

struct log {
	int fd; /* -1: stderr */
	bool json, debug;
};

/* target: a file, or "file:" and one; NULL: stderr. format: NULL, "text" or "json". */
int log_open(
	const char *target, const char *format, bool debug, struct log *ret, struct error **err);
void log_debug(const struct log *log, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warning(const struct log *log, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The end of a command; its hint too. */
void log_error(const struct log *log, const char *program, const struct error *failed);

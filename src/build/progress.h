/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build tells while it works, in lines as docker's --progress=plain has them:
 *   #5 [2/4] RUN apt-get update
 *   #5 0.214 Get:1 …
 *   #5 DONE 1.2s
 * Written to an fd; whoever reads it may be gone, so failures to write are no failures to build.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct progress {
	int fd; /* -1: nobody wants to see it */
	int last; /* the number that was given last */
};

struct progress_step {
	struct progress *progress;
	int number;
	int64_t start_ns;
};

struct progress_step progress_begin(struct progress *progress, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
/* "#5 text" */
void progress_say(const struct progress_step *step, const char *fmt, ...) PRINTF_LIKE(2, 3);
void progress_cached(const struct progress_step *step);
void progress_done(const struct progress_step *step);
void progress_failed(const struct progress_step *step, const char *message);
/* A line of its own, no step's. */
void progress_line(const struct progress *progress, const char *line);

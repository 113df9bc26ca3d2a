/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of a RUN while it runs. The step is run in the foreground by the engine, which clones
 * and so must not have threads: a small child reads the pipe, shows each line with its time, and
 * keeps the last ones for the error message.
 */
#pragma once

#include <sys/types.h>

#include "base/cleanup.h"
#include "build/progress.h"

struct error;

struct output {
	int write_fd; /* for the step */
	int tail_fd; /* the last lines, once the reader has ended */
	int pidfd;
	pid_t pid;
};

int output_begin(const struct progress_step *step, struct output *ret, struct error **err);
/* Closes our end, waits until all was shown; *ret_tail (the caller's) are the last lines. */
int output_end(struct output *output, char **ret_tail, struct error **err);

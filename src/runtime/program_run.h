/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the host (a hook, newuidmap) to its end, and keeps what it says. */
#pragma once

#include "base/strv.h"

struct error;

struct program_run {
	const char *name; /* in errors: "createRuntime hook" */
	const char *path; /* never looked up in a PATH */
	char *const *args, *const *env; /* NULL: none */
	const char *input; /* on its stdin; NULL: nothing */
	int cwd_fd; /* -1: "/" */
	int timeout_s; /* 0: none */
};

/*
 * 0 when it ended with 0. Else the error says how it ended, with what it last wrote to stderr and
 * stdout. What is not over in time is killed, with its process group. It gets no fds of ours.
 */
int program_run(const struct program_run *run, struct error **err);

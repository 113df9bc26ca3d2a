/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Dockerfile: text in, instructions with their lines out. Nothing is expanded and nothing is run
 * here; what is wrong with the file itself is found here, before the first step, with file and
 * line.
 *
 * Lines: a directive (# escape=`) counts only at the very top; a line that ends with the escape
 * character goes on in the next one, comments and empty lines in between are dropped; after ADD,
 * COPY and RUN the lines of their heredocs follow.
 */
#pragma once

#include "build/instruction.h"

struct error;

#define DOCKERFILE_MAX (16UL * 1024 * 1024)
#define DOCKERFILE_LINE_MAX (64UL * 1024)
#define DOCKERFILE_INSTRUCTIONS_MAX 10000

struct dockerfile {
	char *name; /* for errors and warnings */
	char escape;
	struct instruction *instructions;
	size_t count;
	strv warnings; /* whole lines, with file and line */
};

/* On error *ret is left as it was; the error begins with "name:line: ". */
int dockerfile_parse(const char *name, const char *text, size_t length, struct dockerfile *ret,
	struct error **err);
void dockerfile_done(struct dockerfile *dockerfile);

static inline void dockerfile_done_p_(struct dockerfile *dockerfile)
{
	dockerfile_done(dockerfile);
}
#define cleanup_dockerfile CLEANUP(dockerfile_done)

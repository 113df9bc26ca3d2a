/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .dockerignore, and --exclude of COPY: patterns in order, the last one that matches decides, a
 * match of a directory is one of all that is in it, "!" takes back. Paths are relative to the
 * context's root, unlike in .gitignore.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct error;

#define IGNORE_FILE_MAX (1024UL * 1024)
#define IGNORE_PATTERNS_MAX 10000

struct ignore_pattern {
	char *text; /* cleaned: no leading '/', no "." */
	bool negated;
};

struct ignore {
	struct ignore_pattern *patterns;
	size_t count;
	bool has_negated; /* so an excluded directory may hold something that is not */
};

/* A file's text; errors begin with "name:line: ". */
int ignore_parse(
	const char *name, const char *text, size_t length, struct ignore *ret, struct error **err);
/* One pattern, as a line has it. */
int ignore_add(struct ignore *ignore, const char *pattern, struct error **err);
void ignore_done(struct ignore *ignore);

/*
 * Is path ("a/b") excluded? parent has what ignore_match() filled in for the directory above, or
 * is NULL for one at the root; matched (count entries) is filled in for what is below path.
 */
bool ignore_match(const struct ignore *ignore, const char *path, const bool *parent, bool *matched);
/* The same, when nothing is known of the directories above. */
bool ignore_excludes(const struct ignore *ignore, const char *path);

static inline void ignore_done_p_(struct ignore *ignore)
{
	ignore_done(ignore);
}
#define cleanup_ignore CLEANUP(ignore_done)

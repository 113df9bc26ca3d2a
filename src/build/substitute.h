/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ${v#p}, ${v%p}, ${v/p/r}: patterns of '*' (any text), '?' (one character) and '\' before '*', '?'
 * or '\'; "\}" and "\/" are written so only because of the braces. Characters are those of UTF-8.
 * Each runs in a time that is linear in the value: a pattern comes from whoever wrote the file.
 */
#pragma once

#include <stdbool.h>

struct buf;
struct error;

struct strip {
	bool suffix; /* cut the end, not the beginning */
	bool longest; /* the longest match, not the shortest */
};

/* Both append to out. */
int substitute_strip(const char *value, const char *pattern, struct strip how, struct buf *out,
	struct error **err);
int substitute_replace(const char *value, const char *pattern, const char *replacement, bool all,
	struct buf *out, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an instruction's line falls into parts: words that keep their quotes (they are taken away
 * when variables are expanded), flags that lose them, JSON arrays.
 */
#pragma once

#include "base/strv.h"

struct error;

/* Blanks of the language. A byte of a multi-byte character never is one. */
static inline int is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}
const char *skip_blanks(const char *text);
/* Without blanks at either end; the caller frees it. */
char *trimmed(const char *text);

/* The flags at text's start, "--name" or "--name=value"; returns where the other arguments
 * begin. */
const char *split_flags(const char *text, char escape, strv *ret_flags);
/* Words as written, quotes and escapes kept: a blank inside quotes or escaped does not part. */
strv split_quoted(const char *text, char escape);
/* Parts between runs of blanks; quotes mean nothing. */
strv split_plain(const char *text);
/* 1 a JSON array of strings, 0 no JSON at all, -1 JSON with other elements than strings. */
int split_json(const char *text, strv *ret, struct error **err);

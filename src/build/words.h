/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables and quotes in a Dockerfile's words, as BuildKit's lexer has them:
 *
 *   $v ${v}                     the value, or nothing
 *   ${v:-w} ${v-w}              w when v is unset (with the colon: or empty)
 *   ${v:+w} ${v+w}              w when it is set (and not empty)
 *   ${v:?w} ${v?w}              an error that says w when it is unset (or empty)
 *   ${v#p} ${v##p} ${v%p} ${v%%p} ${v/p/r} ${v//p/r}    cut and replace: build/substitute.h
 *   'literal' "expanded" \x     the escape character is the file's
 *
 * w, p and r are expanded themselves. The result has a ceiling, and so has the depth: a value that
 * doubles with each line ends in an error and not in swap.
 */
#pragma once

#include <stdbool.h>

#include "base/strv.h"

struct error;

#define WORD_MAX (1024UL * 1024)

struct lexicon {
	char *const *env; /* "NAME=value"; the last one of a name counts */
	char escape;
	bool raw_quotes; /* quotes stay */
	bool raw_escapes; /* the escape character stays before what it escapes */
	bool plain_quotes; /* quotes are characters like others: heredoc bodies */
	bool keep_unset; /* "$v" stays when v is unset */
	size_t max; /* of the result; 0: WORD_MAX */
};

/* The word with everything expanded; *ret is the caller's. */
int words_expand(const struct lexicon *lexicon, const char *text, char **ret, struct error **err);
/* The same, then parted at blanks that were not quoted. */
int words_split(const struct lexicon *lexicon, const char *text, strv *ret, struct error **err);

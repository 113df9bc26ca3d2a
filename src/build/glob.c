/* SPDX-License-Identifier: Apache-2.0 */
#include "build/glob.h"

#include <string.h>

#include "build/utf8.h"

/* One character of a class, escaped or not; NULL when the class is broken. */
static const char *class_char(const char *at, uint32_t *ret)
{
	if (*at == '\\')
		at++;
	else if (*at == '-' || *at == ']')
		return NULL;
	if (!*at)
		return NULL;
	*ret = utf8_rune(at);
	return at + utf8_length(at);
}

/* at is behind '['. Returns what follows ']', NULL when it is broken. */
static const char *match_class(const char *at, uint32_t rune, bool *ret_matches)
{
	bool negated = *at == '^', found = false, any = false;

	at += negated ? 1 : 0;
	while (*at != ']' || !any) {
		uint32_t low, high;

		at = class_char(at, &low);
		if (!at)
			return NULL;
		high = low;
		if (*at == '-') {
			at = class_char(at + 1, &high);
			if (!at)
				return NULL;
		}
		found |= low <= rune && rune <= high;
		any = true;
	}
	*ret_matches = found != negated;
	return at + 1;
}

/* One element that is no star against one character; where the pattern goes on, or NULL. */
static const char *match_one(const char *pattern, const char *name)
{
	bool matches = false;

	switch (*pattern) {
	case '\0':
		return NULL;
	case '?':
		return *name != '/' ? pattern + 1 : NULL;
	case '[':
		pattern = match_class(pattern + 1, utf8_rune(name), &matches);
		return matches ? pattern : NULL;
	case '\\':
		if (pattern[1])
			pattern++;
		break;
	default:
		break;
	}
	if (utf8_rune(pattern) != utf8_rune(name))
		return NULL;
	return pattern + utf8_length(pattern);
}

/* Where to go on when what follows a star does not match. */
struct retry {
	const char *pattern, *name;
};

struct matcher {
	const char *pattern, *name;
	struct retry star, deep; /* the latest of each; NULL: none */
	bool knows_deep;
};

/* "**" or one more '/' are eaten: any directories, also none. At the end: everything. */
static void enter_deep(struct matcher *matcher)
{
	matcher->pattern += 2;
	if (*matcher->pattern == '/')
		matcher->pattern++;
	if (!*matcher->pattern) {
		matcher->name += strlen(matcher->name);
		return;
	}
	matcher->deep = (struct retry){ matcher->pattern, matcher->name };
	matcher->star = (struct retry){ NULL, NULL };
}

/* Gives the latest star one more character, or else the latest "**" one more directory. */
static bool back(struct matcher *matcher)
{
	const char *slash;

	if (matcher->star.pattern && *matcher->star.name && *matcher->star.name != '/') {
		matcher->star.name += utf8_length(matcher->star.name);
		matcher->pattern = matcher->star.pattern;
		matcher->name = matcher->star.name;
		return true;
	}
	slash = matcher->deep.pattern ? strchr(matcher->deep.name, '/') : NULL;
	if (!slash)
		return false;
	matcher->deep.name = slash + 1;
	matcher->star = (struct retry){ NULL, NULL };
	matcher->pattern = matcher->deep.pattern;
	matcher->name = matcher->deep.name;
	return true;
}

static bool step(struct matcher *matcher)
{
	const char *next;

	if (matcher->knows_deep && strncmp(matcher->pattern, "**", 2) == 0) {
		enter_deep(matcher);
		return true;
	}
	if (*matcher->pattern == '*') {
		matcher->pattern++;
		matcher->star = (struct retry){ matcher->pattern, matcher->name };
		return true;
	}
	next = *matcher->name ? match_one(matcher->pattern, matcher->name) : NULL;
	if (!next)
		return false;
	matcher->pattern = next;
	matcher->name += utf8_length(matcher->name);
	return true;
}

static bool match(struct matcher matcher)
{
	while (*matcher.pattern || *matcher.name)
		if (!step(&matcher) && !back(&matcher))
			return false;
	return true;
}

bool glob_match(const char *pattern, const char *name)
{
	return match((struct matcher){ .pattern = pattern, .name = name });
}

bool glob_match_deep(const char *pattern, const char *path)
{
	const char *rest = pattern + 2;
	size_t length = strlen(path), tail;

	/* "**x" with nothing special behind means: ends with x. So users of moby know it. */
	if (strncmp(pattern, "**", 2) == 0 && !strpbrk(rest, "*?[]\\")) {
		tail = strlen(rest);
		return (length >= tail && strcmp(path + length - tail, rest) == 0) ||
		       (*rest == '/' && strcmp(path, rest + 1) == 0);
	}
	return match((struct matcher){ .pattern = pattern, .name = path, .knows_deep = true });
}

bool glob_is_valid(const char *pattern)
{
	bool unused;

	while (*pattern) {
		if (*pattern == '[') {
			pattern = match_class(pattern + 1, 0, &unused);
			if (!pattern)
				return false;
		} else if (*pattern == '\\') {
			if (!pattern[1])
				return false;
			pattern += 2;
		} else {
			pattern++;
		}
	}
	return true;
}

bool glob_has_wildcard(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (strchr("*?[", *pattern))
			return true;
		if (*pattern == '\\' && pattern[1])
			pattern++;
	}
	return false;
}

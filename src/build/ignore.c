/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignore.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"
#include "build/glob.h"
#include "build/split.h"

/* Lexically, as Go's filepath.Clean; ".." at the start of a relative path stays (and so matches
 * nothing). A leading '/' goes in the end. */
static char *clean_pattern(const char *pattern)
{
	cleanup_strv strv parts = strv_split(pattern, '/');
	cleanup_strv strv kept = NULL;
	size_t depth = 0;

	for (size_t i = 0; parts[i]; i++) {
		bool up = strcmp(parts[i], "..") == 0;

		if (!*parts[i] || strcmp(parts[i], ".") == 0 || (up && !depth && *pattern == '/'))
			continue;
		if (up && depth > 0 && strcmp(kept[depth - 1], "..") != 0) {
			free(kept[--depth]);
			kept[depth] = NULL;
			continue;
		}
		strv_append(&kept, parts[i]);
		depth++;
	}
	return strv_join(kept, "/");
}

int ignore_add(struct ignore *ignore, const char *pattern, struct error **err)
{
	cleanup_free char *text = trimmed(pattern), *clean = NULL;
	bool negated = *text == '!';
	size_t n = ignore->count;

	if (!*text)
		return 0;
	if (negated && !*skip_blanks(text + 1))
		return error_new(err, ERROR_INVALID, "'!' needs a pattern behind it");
	if (!glob_is_valid(text))
		return error_new(err, ERROR_INVALID, "the pattern '%.200s' is not valid", text);
	if (n == IGNORE_PATTERNS_MAX)
		return error_new(err, ERROR_INVALID, "more than %d patterns", IGNORE_PATTERNS_MAX);
	clean = clean_pattern(negated ? skip_blanks(text + 1) : text);
	if (!*clean) /* "." or "/": the root itself cannot be left out */
		return 0;
	if ((n & (n - 1)) == 0)
		ignore->patterns =
			xrealloc(ignore->patterns, n ? 2 * n : 1, sizeof(*ignore->patterns));
	ignore->patterns[ignore->count++] =
		(struct ignore_pattern){ .text = take_ptr(clean), .negated = negated };
	ignore->has_negated |= negated;
	return 0;
}

int ignore_parse(
	const char *name, const char *text, size_t length, struct ignore *ret, struct error **err)
{
	cleanup_ignore struct ignore made = { .patterns = NULL };
	const char *end = text + length;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (int line = 1; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		cleanup_free char *pattern =
			xstrndup(text, (size_t)((newline ? newline : end) - text));

		text = newline ? newline + 1 : end;
		if (*pattern != '#' && ignore_add(&made, pattern, err) < 0)
			return error_wrap(err, "%s:%d", name, line);
	}
	*ret = made;
	made = (struct ignore){ .patterns = NULL };
	return 0;
}

bool ignore_match(const struct ignore *ignore, const char *path, const bool *parent, bool *matched)
{
	bool excluded = false;

	for (size_t i = 0; i < ignore->count; i++) {
		const struct ignore_pattern *pattern = &ignore->patterns[i];

		matched[i] = (parent && parent[i]) || glob_match_deep(pattern->text, path);
		if (matched[i])
			excluded = !pattern->negated;
	}
	return excluded;
}

bool ignore_excludes(const struct ignore *ignore, const char *path)
{
	cleanup_free bool *matched = xcalloc(ignore->count + 1, sizeof(bool));
	cleanup_free char *part = xstrdup(path);
	const bool *parent = NULL;

	if (!*path) /* the root itself: "*" is meant for what is in it */
		return false;
	for (char *slash = strchr(part, '/');; slash = strchr(slash + 1, '/')) {
		bool excluded;

		if (slash)
			*slash = '\0';
		excluded = ignore_match(ignore, part, parent, matched);
		parent = matched;
		if (!slash)
			return excluded;
		*slash = '/';
	}
}

void ignore_done(struct ignore *ignore)
{
	for (size_t i = 0; i < ignore->count; i++)
		free(ignore->patterns[i].text);
	free(ignore->patterns);
	*ignore = (struct ignore){ .patterns = NULL };
}

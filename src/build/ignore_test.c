/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strv.h"
#include "build/glob.h"

static const struct {
	const char *why, *pattern, *name;
	bool matches;
} globs[] = {
	{ "itself", "a.b", "a.b", true },
	{ "a dot is a dot", "a.b", "axb", false },
	{ "star", "a*c", "abbc", true },
	{ "star of nothing", "a*c", "ac", true },
	{ "no star crosses a slash", "a*c", "a/c", false },
	{ "the latest star is tried again", "*ab*ab", "abaabxab", true },
	{ "question mark", "a?c", "abc", true },
	{ "needs one", "a?c", "ac", false },
	{ "not a slash", "a?c", "a/c", false },
	{ "one of UTF-8", "?", "\xc3\xa4", true },
	{ "class", "[a-c]x", "bx", true },
	{ "not in it", "[a-c]x", "dx", false },
	{ "negated", "[^a-c]x", "dx", true },
	{ "a bang does not negate", "[!a]", "!", true },
	{ "escaped in a class", "[\\]]", "]", true },
	{ "escaped star", "a\\*", "a*", true },
	{ "which matches nothing else", "a\\*", "ab", false },
	{ "the whole name", "a", "ab", false },
	{ "two stars are two stars", "**", "a/b", false },
};

static void match(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++)
		if (glob_match(globs[i].pattern, globs[i].name) != globs[i].matches)
			fail_msg("%s: '%s' on '%s'", globs[i].why, globs[i].pattern, globs[i].name);
}

static void validity(void **state)
{
	static const char *const bad[] = { "[", "[]", "[a", "[]a]", "a\\", "[a-]", "[-a]", "[^]" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (glob_is_valid(bad[i]))
			fail_msg("'%s' is accepted", bad[i]);
	assert_true(glob_is_valid("a*[^b-d]\\["));
}

static const struct {
	const char *why, *file, *path;
	bool excluded;
} files[] = {
	{ "a name", "a", "a", true },
	{ "is anchored, unlike in .gitignore", "a", "b/a", false },
	{ "a directory's contents", "a", "a/b/c", true },
	{ "a leading slash means nothing", "/a", "a", true },
	{ "nor does a trailing one", "a/", "a", true },
	{ "paths are cleaned", "./a//b/../c", "a/c", true },
	{ "what climbs out matches nothing", "../a", "a", false },
	{ "everywhere", "**/a", "b/c/a", true },
	{ "also at the top", "**/a", "a", true },
	{ "only whole names", "**/a", "ba", false },
	{ "in the middle", "a/**/z", "a/b/c/z", true },
	{ "in the middle, nothing", "a/**/z", "a/z", true },
	{ "behind, not the directory itself", "a/**", "a", false },
	{ "behind", "a/**", "a/b/c", true },
	{ "everything", "**", "x/y", true },
	{ "a suffix anywhere", "**/*.o", "a/b.o", true },
	{ "a suffix at the top only", "*.o", "a/b.o", false },
	{ "two of them", "**/x/**/y", "a/x/b/c/y", true },
	{ "taken back", "*.md\n!README.md", "README.md", false },
	{ "others not", "*.md\n!README.md", "b.md", true },
	{ "the last one decides", "!a\na", "a", true },
	{ "taken back inside", "a\n!a/b", "a/b/c", false },
	{ "beside it", "a\n!a/b", "a/c", true },
	{ "excluded again inside", "a\n!a/b\na/b/c", "a/b/c", true },
	{ "a comment", "#a", "#a", false },
	{ "a comment begins at the first column", " #a", "#a", true },
	{ "blanks around", "  a \r\n b", "a", true },
	{ "byte order mark",
		"\xef\xbb\xbf"
		"a",
		"a", true },
	{ "the root cannot be excluded", ".\n/", "a", false },
	{ "nor matched", "*", "", false },
	{ "bang and blank", "a\n! a", "a", false },
};

static void excludes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		cleanup_ignore struct ignore ignore = { .patterns = NULL };
		cleanup_error struct error *err = NULL;

		if (ignore_parse(".dockerignore", files[i].file, strlen(files[i].file), &ignore,
			    &err) < 0)
			fail_msg("%s: %s", files[i].why, error_message(err));
		if (ignore_excludes(&ignore, files[i].path) != files[i].excluded)
			fail_msg("%s: '%s' on '%s'", files[i].why, files[i].file, files[i].path);
	}
}

static void names_the_line(void **state)
{
	cleanup_ignore struct ignore ignore = { .patterns = NULL };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(ignore_parse("x", "a\n\n[b\n", 6, &ignore, &err), -1);
	assert_ptr_equal(strstr(error_message(err), "x:3: "), error_message(err));
}

static char *repeat(const char *text, size_t times)
{
	cleanup_strv strv parts = NULL;

	for (size_t i = 0; i < times; i++)
		strv_append(&parts, text);
	return strv_join(parts, "");
}

/* Patterns of many stars would take for ever by trying all ways. */
static void many_stars(void **state)
{
	cleanup_free char *name = repeat("a", 4000), *path = repeat("/a", 2000);
	cleanup_free char *stars = repeat("a*", 200), *deep = repeat("**/a/", 80);
	cleanup_free char *pattern = xasprintf("%sb", stars);
	int64_t start = clock_monotonic_ns();

	(void)state;
	assert_false(glob_match(pattern, name));
	assert_false(glob_match_deep(deep, path));
	assert_true(clock_monotonic_ns() - start < INT64_C(1000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(match),
		cmocka_unit_test(validity),
		cmocka_unit_test(excludes),
		cmocka_unit_test(names_the_line),
		cmocka_unit_test(many_stars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

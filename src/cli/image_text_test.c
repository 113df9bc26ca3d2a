/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "cli/image_text.h"

static void long_texts_end_in_an_ellipsis(void **state)
{
	static const struct {
		const char *why, *text;
		size_t max;
		const char *wanted;
	} rows[] = {
		{ "empty", "", 4, "" },
		{ "shorter", "abc", 4, "abc" },
		{ "just fits", "abcd", 4, "abcd" },
		{ "one too many", "abcde", 4, "abc\xe2\x80\xa6" },
		{ "characters are counted, not bytes", "\xc3\xa4\xc3\xb6\xc3\xbc", 3,
			"\xc3\xa4\xc3\xb6\xc3\xbc" },
		{ "none is cut in the middle", "\xc3\xa4\xc3\xb6\xc3\xbcx", 3,
			"\xc3\xa4\xc3\xb6\xe2\x80\xa6" },
		{ "not UTF-8", "\x80\x80\xff", 2, "\x80\x80\xff" },
		{ "a tab would end a column", "a\tb", 4, "a b" },
		{ "a terminal obeys escapes", "\x1b[31m\x7f\n", 9, " [31m  " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_free char *text = shortened(rows[i].text, rows[i].max);

		if (strcmp(text, rows[i].wanted) != 0)
			fail_msg("%s: '%s'", rows[i].why, text);
	}
}

static void platforms_are_named_in_parts(void **state)
{
	static const struct {
		const char *wanted, *variant;
		bool is;
	} rows[] = {
		{ "linux", NULL, true },
		{ "arm", NULL, true },
		{ "linux/arm", NULL, true },
		{ "linux/arm", "v7", true }, /* what is not said may be anything */
		{ "linux/arm/v7", "v7", true },
		{ "linux/arm/v6", "v7", false },
		{ "linux/arm/v7", NULL, false },
		{ "linux/arm/", NULL, false },
		{ "linux/amd64", NULL, false },
		{ "windows", NULL, false },
		{ "", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (is_platform(rows[i].wanted, "linux", "arm", rows[i].variant) != rows[i].is)
			fail_msg("'%s', variant %s", rows[i].wanted,
				rows[i].variant ? rows[i].variant : "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_end_in_an_ellipsis),
		cmocka_unit_test(platforms_are_named_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

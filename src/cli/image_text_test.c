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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_end_in_an_ellipsis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

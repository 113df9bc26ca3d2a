/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/error.h"

static void wrap_keeps_the_errno_and_reads_outermost_first(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	errno = EPERM;
	assert_int_equal(error_sys(&err, "mount '%s'", "proc"), -1);
	assert_int_equal(error_as(&err, ERROR_DENIED, "start '%s'", "web"), -1);
	assert_int_equal(error_hint(&err, "run as root"), -1);
	assert_string_equal(
		error_message(err), "start 'web': mount 'proc': Operation not permitted");
	assert_int_equal(error_errno(err), EPERM);
	assert_int_equal(error_kind(err), ERROR_DENIED);
	assert_string_equal(error_hint_text(err), "run as root");
}

static void the_innermost_hint_wins(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	error_new(&err, ERROR_INVALID, "no such signal");
	error_hint(&err, "specific");
	error_hint(&err, "general");
	assert_string_equal(error_hint_text(err), "specific");
}

static void a_cleanup_keeps_errno(void **state)
{
	(void)state;
	errno = ENOTTY;
	{
		cleanup_close int never_opened = 1 << 20; /* close() sets EBADF */

		(void)never_opened;
	}
	assert_int_equal(errno, ENOTTY);
}

static void a_packed_error_arrives_whole(void **state)
{
	cleanup_error struct error *err = NULL, *copy = NULL;
	char wire[ERROR_WIRE_MAX];
	size_t length;

	(void)state;
	errno = ENOENT;
	error_sys(&err, "open %s", "/x");
	error_as(&err, ERROR_NO_PROGRAM, "start");
	error_hint(&err, "look there");
	length = error_pack(err, wire);
	assert_int_equal(error_unpack(&copy, wire, length), -1);
	assert_string_equal(error_message(copy), error_message(err));
	assert_string_equal(error_hint_text(copy), "look there");
	assert_int_equal(error_kind(copy), ERROR_NO_PROGRAM);
	assert_int_equal(error_errno(copy), ENOENT);
}

static void what_is_no_packed_error_is_refused(void **state)
{
	static const char *const texts[] = { "", "x", "99 0 unknown kind", "-1 0 negative",
		"1 99999 errno", "1 2" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cleanup_error struct error *err = NULL;

		assert_int_equal(error_unpack(&err, texts[i], strlen(texts[i])), -1);
		assert_int_equal(error_kind(err), ERROR_INTERNAL);
	}
}

static void a_long_message_is_cut_not_overrun(void **state)
{
	cleanup_error struct error *err = NULL, *copy = NULL;
	char wire[ERROR_WIRE_MAX], longest[3 * ERROR_WIRE_MAX];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	error_new(&err, ERROR_INVALID, "%s", longest);
	error_hint(&err, "%s", longest);
	assert_true(error_pack(err, wire) < ERROR_WIRE_MAX);
	error_unpack(&copy, wire, strlen(wire));
	assert_int_equal(strlen(error_message(copy)), ERROR_WIRE_MAX / 2);
}

/* What a hostile name would do to a terminal; letters of other scripts stay. */
static void a_message_does_not_steer_a_terminal(void **state)
{
	cleanup_error struct error *err = NULL, *copy = NULL;
	char wire[ERROR_WIRE_MAX];

	(void)state;
	error_new(&err, ERROR_INVALID, "entry '%s'", "\x1b]0;a\x07\r\x7f\xc2\x9bz");
	error_hint(&err, "%s", "\x1b[2J");
	error_wrap(&err, "%s", "b\xc3\xbc\n\t\b");
	assert_string_equal(error_message(err), "b\xc3\xbc\n\t?: entry '?]0;a?????z'");
	assert_string_equal(error_hint_text(err), "?[2J");
	error_unpack(&copy, wire, error_pack(err, wire));
	assert_string_equal(error_message(copy), error_message(err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrap_keeps_the_errno_and_reads_outermost_first),
		cmocka_unit_test(the_innermost_hint_wins),
		cmocka_unit_test(a_cleanup_keeps_errno),
		cmocka_unit_test(a_packed_error_arrives_whole),
		cmocka_unit_test(what_is_no_packed_error_is_refused),
		cmocka_unit_test(a_message_does_not_steer_a_terminal),
		cmocka_unit_test(a_long_message_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

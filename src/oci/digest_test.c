/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "oci/digest.h"

#define HEX63 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX64 "0" HEX63
#define CLIMB64 "../../../../../../../../../../../../../../../../../../etc/passwd"

static const struct {
	const char *why, *text;
	enum error_kind kind;
} rejected[] = {
	{ "empty", "", ERROR_UNSUPPORTED },
	{ "other algorithm", "md5:" HEX64, ERROR_UNSUPPORTED },
	{ "upper case algorithm", "SHA256:" HEX64, ERROR_UNSUPPORTED },
	{ "one digit short", "sha256:" HEX63, ERROR_INVALID },
	{ "one digit long", "sha256:0" HEX64, ERROR_INVALID },
	{ "would climb out of blobs/", "sha256:" CLIMB64, ERROR_INVALID },
	{ "upper case names a second file", "sha256:A" HEX63, ERROR_INVALID },
	{ "an encoded dot behind it", "sha256:" HEX64 "%2f..", ERROR_INVALID },
};

static void rejects_what_is_not_a_digest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rejected) / sizeof(*rejected); i++) {
		cleanup_error struct error *err = NULL;
		struct digest digest = { .sha256 = { 0xaa } };

		if (digest_parse(rejected[i].text, &digest, &err) == 0)
			fail_msg("%s: accepted", rejected[i].why);
		if (error_kind(err) != rejected[i].kind)
			fail_msg("%s: %s", rejected[i].why, error_message(err));
		if (digest.sha256[0] != 0xaa)
			fail_msg("%s: result written on failure", rejected[i].why);
	}
}

/* A megabyte of one goes into no message. */
static void a_message_has_the_beginning_of_it(void **state)
{
	cleanup_error struct error *err = NULL;
	struct digest digest;
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "sha256:", 7);
	assert_int_equal(digest_parse(text, &digest, &err), -1);
	assert_true(strlen(error_message(err)) < 200);
}

static void text_is_the_inverse_of_parse(void **state)
{
	cleanup_error struct error *err = NULL;
	char buf[DIGEST_TEXT_MAX];
	struct digest digest;

	(void)state;
	assert_int_equal(digest_parse("sha256:" HEX64, &digest, &err), 0);
	assert_string_equal(digest_text(&digest, buf), "sha256:" HEX64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rejects_what_is_not_a_digest),
		cmocka_unit_test(a_message_has_the_beginning_of_it),
		cmocka_unit_test(text_is_the_inverse_of_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

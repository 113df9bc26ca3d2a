/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "registry/http.h"

static const struct {
	const char *why, *header;
	int found;
	const char *realm, *service;
} challenges[] = {
	{ "docker.io's", "Bearer realm=\"https://auth.example/token\",service=\"r.example\"", 1,
		"https://auth.example/token", "r.example" },
	{ "with a scope, spaces, and in another case",
		"bearer  Realm = \"https://a\" , Service=r , scope=\"repository:x:pull,push\"", 1,
		"https://a", "r" },
	{ "no service", "Bearer realm=\"https://a\"", 1, "https://a", NULL },
	{ "a comma and an equals sign inside quotes", "Bearer realm=\"https://a?b=c,d\"", 1,
		"https://a?b=c,d", NULL },
	{ "escaped quote", "Bearer realm=\"a\\\"b\"", 1, "a\"b", NULL },
	{ "another challenge behind it", "Bearer realm=\"https://a\", Basic realm=\"b\"", 1,
		"https://a", NULL },
	{ "a login", "Basic realm=\"x\"", 0, NULL, NULL },
	{ "a word that begins so", "Bearerish realm=\"x\"", 0, NULL, NULL },
	{ "nothing", "", 0, NULL, NULL },
	{ "no realm", "Bearer service=\"x\"", -1, NULL, NULL },
	{ "open quote", "Bearer realm=\"https://a", -1, NULL, NULL },
	{ "no value", "Bearer realm", -1, NULL, NULL },
};

static void reads_challenges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(challenges) / sizeof(*challenges); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_challenge struct challenge challenge = { 0 };
		int found = challenge_parse(challenges[i].header, &challenge, &err);

		if (found != challenges[i].found)
			fail_msg("%s: %d", challenges[i].why, found);
		if (found <= 0)
			continue;
		assert_string_equal(challenge.realm, challenges[i].realm);
		if (!challenge.service != !challenges[i].service)
			fail_msg("%s: service", challenges[i].why);
		if (challenge.service && challenges[i].service)
			assert_string_equal(challenge.service, challenges[i].service);
	}
}

static const struct {
	const char *header;
	int result;
} ranges[] = {
	{ "bytes 10-99/100", 0 },
	{ "Bytes 10-99/100", 0 },
	{ NULL, -1 },
	{ "bytes 11-99/100", -1 }, /* a gap */
	{ "bytes 9-99/100", -1 }, /* bytes that are there already */
	{ "bytes 10-98/100", -1 }, /* not to the end */
	{ "bytes 10-99/101", -1 }, /* of another file */
	{ "bytes 10-99/*", -1 },
	{ "bytes 10-99/100x", -1 },
	{ "bytes +10-99/100", -1 },
	{ "bytes 10-99/18446744073709551716", -1 }, /* 100 after an overflow */
	{ "items 10-99/100", -1 },
};

static void checks_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (content_range_check(ranges[i].header, 10, 100) != ranges[i].result)
			fail_msg("%s", ranges[i].header ? ranges[i].header : "(null)");
}

static const struct {
	const char *header;
	int64_t seconds;
} pauses[] = {
	{ NULL, 7 },
	{ "5", 5 },
	{ "0", 1 },
	{ "1000000000", 120 },
	{ "99999999999999999999999999", 120 },
	{ "soon", 7 },
	{ "-5", 7 },
	{ "", 7 },
	/* 1000000000 is Sun, 09 Sep 2001 01:46:40 GMT */
	{ "Sun, 09 Sep 2001 01:47:00 GMT", 20 },
	{ "Sun, 09 Sep 2001 01:00:00 GMT", 1 },
	{ "Sun, 09 Sep 2101 01:47:00 GMT", 120 },
	{ "Sun, 09 Sep 2001", 7 },
};

static void reads_pauses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++)
		if (retry_after_s(pauses[i].header, 1000000000, 7) != pauses[i].seconds)
			fail_msg("%s", pauses[i].header ? pauses[i].header : "(null)");
}

static void backs_off(void **state)
{
	static const int64_t bases[] = { 500, 1000, 2000, 4000, 8000, 8000 };

	(void)state;
	for (int i = 0; i < 6; i++)
		for (uint32_t random = 0; random < 100000; random += 77) {
			int64_t pause = backoff_ms(i, random);

			assert_true(pause >= bases[i] * 3 / 4 && pause <= bases[i] * 5 / 4);
		}
}

static const struct {
	const char *why, *body, *text;
} errors[] = {
	{ "as the specification has it",
		"{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"no such\",\"detail\":{}}]}",
		"NAME_UNKNOWN: no such" },
	{ "two", "{\"errors\":[{\"code\":\"A\"},{\"message\":\"b\"}]}", "A; b" },
	{ "a token service", "{\"details\":\"incorrect\"}", "incorrect" },
	{ "plain text, with a line break", "too many requests\n", "too many requests" },
	{ "nothing", "", "" },
	{ "a page", "<html><body>oops</body></html>", "" },
	{ "escape sequences for the terminal", "a\x1b]0;owned\x07z", "a?]0;owned?z" },
	{ "not an object", "[]", "[]" },
	{ "errors of another kind", "{\"errors\":{\"a\":1}}", "" },
};

static void tells_what_the_registry_says(void **state)
{
	cleanup_free char *large = xcalloc(1, 5001), *text = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		cleanup_free char *said =
			registry_error_text(errors[i].body, strlen(errors[i].body));

		if (strcmp(said, errors[i].text) != 0)
			fail_msg("%s: '%s'", errors[i].why, said);
	}
	memset(large, 'x', 5000);
	text = registry_error_text(large, 5000);
	assert_int_equal(strlen(text), 1024);
}

static void media_types(void **state)
{
	cleanup_free char *plain = media_type_of("Application/JSON; charset=utf-8");
	cleanup_free char *none = media_type_of(NULL);

	(void)state;
	assert_string_equal(plain, "application/json");
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_challenges),
		cmocka_unit_test(checks_ranges),
		cmocka_unit_test(reads_pauses),
		cmocka_unit_test(backs_off),
		cmocka_unit_test(tells_what_the_registry_says),
		cmocka_unit_test(media_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

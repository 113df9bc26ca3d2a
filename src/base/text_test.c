/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "base/strv.h"

static void vectors_grow_split_and_join(void **state)
{
	cleanup_strv strv parts = strv_split("a::b", ':'), many = NULL;
	cleanup_free char *joined = strv_join(parts, "-");

	(void)state;
	assert_int_equal(strv_length(parts), 3);
	assert_string_equal(joined, "a--b");
	for (int i = 0; i < 1000; i++)
		strv_appendf(&many, "%d", i);
	assert_int_equal(strv_length(many), 1000);
	assert_string_equal(many[999], "999");
	/* A made array is appended to wherever its length is: TERM goes into a parsed environment.
	 */
	for (size_t count = 0; count < 20; count++) {
		cleanup_strv strv room = strv_room(count);

		for (size_t i = 0; i < count; i++)
			room[i] = xstrdup("x");
		strv_append(&room, "y");
		strv_append(&room, "z");
		assert_int_equal(strv_length(room), count + 2);
	}
	assert_true(strv_contains(many, "512"));
	assert_false(strv_contains(NULL, "512"));
}

static void a_set_variable_keeps_its_place(void **state)
{
	cleanup_strv strv env = NULL;

	(void)state;
	env_set(&env, "A", "1");
	env_set(&env, "AB", "2");
	env_set(&env, "A", "3");
	assert_string_equal(env[0], "A=3");
	assert_string_equal(env_get(env, "AB"), "2");
	assert_null(env_get(env, "B"));
}

static void a_buffer_stops_at_its_ceiling(void **state)
{
	cleanup_buf struct buf buf = BUF_INIT(10);
	cleanup_error struct error *err = NULL;

	(void)state;
	buf_puts(&buf, "123456789");
	assert_int_equal(buf_check(&buf, "it", &err), 0);
	buf_putc(&buf, 'x');
	assert_int_equal(buf_check(&buf, "it", &err), -1);
	assert_string_equal(buf_text(&buf), "123456789");
	/* A length that would wrap around is too large as well. */
	buf_clear(&buf);
	assert_null(buf_reserve(&buf, SIZE_MAX));
}

static const struct {
	const char *text;
	int64_t bytes;
} sizes[] = { { "0", 0 }, { "1", 1 }, { "512b", 512 }, { "1k", 1024 }, { "2g", 2147483648 },
	{ "1.5GiB", 1610612736 }, { "64MB", 67108864 }, { "10 m", 10485760 }, { ".5k", 512 } };

static const char *const no_sizes[] = { "", "x", "-1", "1x", "1gg", "1bb", "0x10q", "9999999999t",
	"nan", "inf" };

static void sizes_are_base_1024(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		cleanup_error struct error *err = NULL;
		int64_t bytes = -1;

		assert_int_equal(size_parse(sizes[i].text, &bytes, &err), 0);
		assert_int_equal(bytes, sizes[i].bytes);
	}
	for (size_t i = 0; i < sizeof(no_sizes) / sizeof(*no_sizes); i++) {
		cleanup_error struct error *err = NULL;
		int64_t bytes = -7;

		assert_int_equal(size_parse(no_sizes[i], &bytes, &err), -1);
		assert_int_equal(bytes, -7);
	}
}

static void sizes_are_shown_as_docker_does(void **state)
{
	char buf[CLOCK_TEXT_MAX];

	(void)state;
	assert_string_equal(size_human(277000000, buf), "277MB");
	assert_string_equal(size_human(0, buf), "0B");
	assert_string_equal(size_human(1234567, buf), "1.23MB");
	assert_string_equal(size_binary(2147483648, buf), "2GiB");
	assert_string_equal(size_binary(1610612736, buf), "1.5GiB");
}

static void times_survive_text(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} times[] = { { "1970-01-01T00:00:01Z", 1000000000 },
		{ "2026-01-31T01:02:03.000000004Z", 1769821323000000004 },
		{ "2026-01-31T02:02:03.5+01:00", 1769821323500000000 } };
	char buf[CLOCK_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		cleanup_error struct error *err = NULL;
		int64_t ns = 0, again = 0;

		assert_int_equal(clock_parse(times[i].text, &ns, &err), 0);
		assert_int_equal(ns, times[i].ns);
		assert_int_equal(clock_parse(clock_text(ns, buf), &again, &err), 0);
		assert_int_equal(again, ns);
	}
	assert_string_equal(clock_text(0, buf), CLOCK_NEVER);
}

/* Each day of two centuries, with all leap days but that of 1900. */
static void dates_are_those_of_the_c_library(void **state)
{
	char ours[CLOCK_TEXT_MAX], theirs[CLOCK_TEXT_MAX];

	(void)state;
	for (int64_t seconds = 86399; seconds < INT64_C(7289654400); seconds += 86400) {
		time_t now = (time_t)seconds;
		struct tm tm;

		gmtime_r(&now, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		assert_string_equal(clock_text(seconds * INT64_C(1000000000), ours), theirs);
	}
}

static void times_that_are_none_are_refused(void **state)
{
	static const char *const texts[] = { "", "yesterday", "2026-01-31", "2026-01-31T01:02:03",
		"2026-01-31T01:02:03+1", "2026-01-31T01:02:03Zz", "2026-01-31T01:02:03+25:00" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cleanup_error struct error *err = NULL;
		int64_t ns;

		assert_int_equal(clock_parse(texts[i], &ns, &err), -1);
	}
}

static void durations_read_as_docker_has_them(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} rows[] = { { 0, "Less than a second" }, { 1, "1 second" }, { 59, "59 seconds" },
		{ 60, "About a minute" }, { 120, "2 minutes" }, { 3600, "About an hour" },
		{ 7200, "2 hours" }, { 172800, "2 days" }, { 1209600, "2 weeks" },
		{ 5184000, "2 months" }, { 63072000, "2 years" } };
	char buf[CLOCK_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(clock_human(rows[i].s * 1000000000, buf), rows[i].text);
}

static void ids_are_64_lower_case_digits(void **state)
{
	char id[ID_MAX], other[ID_MAX];

	(void)state;
	id_make(id);
	id_make(other);
	assert_true(id_is_valid(id));
	assert_string_not_equal(id, other);
	assert_true(id_is_prefix("abc"));
	assert_false(id_is_prefix(""));
	assert_false(id_is_prefix("ABC"));
	assert_false(id_is_valid("abc"));
}

static void json_is_strict(void **state)
{
	static const char *const bad[] = { "", "{", "{\"a\":1}x", "{a:1}", "[1,]", "nul",
		"{\"a\":1} {}", "'a'", "\"\\ud800\"", "\"\\ude00\"", "\"\\ud83dx\\ude00\"",
		"\"\\ud83d\\ud83d\"", "\"\x01\"", "\"a\nb\"", "NaN", "[Infinity]", "[-Infinity]" };
	static const char *const good[] = { "\"\\ud83d\\ude00\"", "\"\\\\ud800\"", "\"\\u007f\"",
		"\"NaN\"", "{\"Infinity\":null}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_error struct error *err = NULL;
		struct json_object *obj = NULL;

		print_message("%s\n", bad[i]);
		assert_int_equal(json_parse(bad[i], strlen(bad[i]), "text", &obj, &err), -1);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_json struct json_object *obj = NULL;

		print_message("%s\n", good[i]);
		assert_int_equal(json_parse(good[i], strlen(good[i]), "text", &obj, &err), 0);
	}
}

/* Readers differ in which of two they take, and in where a name ends. */
static void json_names_stand_once(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "{\"a\":1,\"a\":2}", false },
		{ "{\"a\":1,\"\\u0061\":2}", false }, /* the same name, written otherwise */
		{ "[{\"x\":{\"a\":{},\"a\":{\"b\":1}}}]", false },
		{ "{\"a\":{\"b\":1,\"c\":2},\"a\":1}", false },
		{ "{\"a\\u0000b\":1}", false }, /* would be cut to "a" */
		{ "{\"a\":\"\\u0000\",\"b\":1}", true }, /* a value may have one */
		{ "{\"a\\\\u0000\":1}", true }, /* a backslash, and then letters */
		{ "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}", true },
		{ "{\"a:b\":\"c:\\\":d\",\":\":\"\\\\\"}", true },
		{ "{\"\":1,\"A\":2,\"a\":3}", true },
		{ "\":\"", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_json struct json_object *obj = NULL;

		print_message("%s\n", rows[i].text);
		assert_int_equal(json_parse(rows[i].text, strlen(rows[i].text), "text", &obj, &err),
			rows[i].good ? 0 : -1);
	}
}

static void json_members_have_types(void **state)
{
	static const char text[] =
		"{\"s\":\"x\",\"n\":5,\"b\":true,\"l\":[\"a\",\"b\"],\"m\":[1],\"z\":null}";
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *obj = NULL;
	cleanup_strv strv list = NULL, other = NULL;
	const char *s = NULL;
	int64_t n = 0;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "text", &obj, &err), 0);
	assert_int_equal(json_get_text(obj, "s", &s, &err), 1);
	assert_string_equal(s, "x");
	assert_int_equal(json_get_int(obj, "n", &n, &err), 1);
	assert_int_equal(n, 5);
	assert_int_equal(json_get_text(obj, "z", &s, &err), 0);
	assert_int_equal(json_get_text(obj, "none", &s, &err), 0);
	assert_int_equal(json_get_strv(obj, "l", &list, &err), 1);
	assert_int_equal(strv_length(list), 2);
	assert_int_equal(json_get_strv(obj, "m", &other, &err), -1);
	error_free(take_ptr(err));
	assert_int_equal(json_get_int(obj, "s", &n, &err), -1);
}

static void deep_json_is_refused(void **state)
{
	cleanup_error struct error *err = NULL;
	struct json_object *obj = NULL;
	char text[10001];

	(void)state;
	memset(text, '[', 10000);
	text[10000] = '\0';
	assert_int_equal(json_parse(text, 10000, "text", &obj, &err), -1);
}

static void pretty_json_looks_like_inspect(void **state)
{
	static const char text[] = "[{\"a\":[],\"b\":{},\"c\":[\"x/y\"]}]";
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *obj = NULL;
	cleanup_free char *pretty = NULL;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "text", &obj, &err), 0);
	pretty = json_pretty(obj);
	assert_string_equal(pretty, "[\n    {\n        \"a\": [],\n        \"b\": {},\n        "
				    "\"c\": [\n            \"x/y\"\n        ]\n    }\n]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_grow_split_and_join),
		cmocka_unit_test(a_set_variable_keeps_its_place),
		cmocka_unit_test(a_buffer_stops_at_its_ceiling),
		cmocka_unit_test(sizes_are_base_1024),
		cmocka_unit_test(sizes_are_shown_as_docker_does),
		cmocka_unit_test(times_survive_text),
		cmocka_unit_test(dates_are_those_of_the_c_library),
		cmocka_unit_test(times_that_are_none_are_refused),
		cmocka_unit_test(durations_read_as_docker_has_them),
		cmocka_unit_test(ids_are_64_lower_case_digits),
		cmocka_unit_test(json_is_strict),
		cmocka_unit_test(json_names_stand_once),
		cmocka_unit_test(json_members_have_types),
		cmocka_unit_test(deep_json_is_refused),
		cmocka_unit_test(pretty_json_looks_like_inspect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

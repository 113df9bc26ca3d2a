/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "registry/toml.h"

/* All entries in one line each, so that a table of texts can be compared. */
static int describe(const char *text, struct buf *out, struct error **err)
{
	struct toml_reader reader;
	struct toml_entry entry = { .kind = TOML_OTHER };

	toml_begin(&reader, "f", text);
	for (;;) {
		cleanup_free char *list = NULL;

		toml_entry_done(&entry);
		if (toml_next(&reader, &entry, err) < 0)
			return -1;
		list = entry.list ? strv_join(entry.list, ",") : xstrdup("");
		switch (entry.kind) {
		case TOML_END:
			return 0;
		case TOML_TABLE:
			buf_printf(out, "[%s]", entry.key);
			break;
		case TOML_TABLE_ARRAY:
			buf_printf(out, "[[%s]]", entry.key);
			break;
		case TOML_TEXT:
			buf_printf(out, "%s=<%s>", entry.key, entry.text);
			break;
		case TOML_BOOL:
			buf_printf(out, "%s=%s", entry.key, entry.flag ? "yes" : "no");
			break;
		case TOML_LIST:
			buf_printf(out, "%s=(%s)", entry.key, list);
			break;
		case TOML_OTHER:
			buf_printf(out, "%s=?", entry.key);
			break;
		}
	}
}

static const struct {
	const char *why, *text, *want;
} accepted[] = {
	{ "nothing", "", "" },
	{ "comments and empty lines", "# a\n\n  # b\n", "" },
	{ "no newline at the end", "a = true", "a=yes" },
	{ "ends of lines of another system", "a = true\r\nb = false\r\n", "a=yesb=no" },
	{ "the mark of an editor",
		"\xef\xbb\xbf"
		"a=true",
		"a=yes" },
	{ "tables", "[a]\n[[b]]\n[ a . b ]\n[[\"x.y\".z]]", "[a][[b]][a.b][[x.y.z]]" },
	{ "both kinds of strings", "a = \"x\\ty\" # c\nb = 'x\\ty'", "a=<x\ty>b=<x\\ty>" },
	{ "a comment's sign in a string", "a = \"#\"", "a=<#>" },
	{ "escapes", "a = \"\\\"\\\\\\u00e9\\U0001F600\"", "a=<\"\\\xc3\xa9\xf0\x9f\x98\x80>" },
	{ "an empty string", "a = \"\"", "a=<>" },
	{ "quoted keys, as of short names", "\"a/b\" = \"c\"", "a/b=<c>" },
	{ "a list over lines", "a = [\n \"x\", # c\n 'y',\n]\nb=[]", "a=(x,y)b=()" },
	{ "numbers and dates are passed over", "a = 1\nb = -1.5e3\nc = 2020-01-01T00:00:00Z",
		"a=?b=?c=?" },
};

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);

		if (describe(accepted[i].text, &out, &err) < 0)
			fail_msg("%s: %s", accepted[i].why, error_message(err));
		if (strcmp(buf_text(&out), accepted[i].want) != 0)
			fail_msg("%s: '%s'", accepted[i].why, buf_text(&out));
	}
}

static const struct {
	const char *why, *text, *says;
} rejected[] = {
	{ "no value", "a =", "f:1: a value was expected" },
	{ "on the right line", "a = true\n\n# c\nb = maybe", "f:4: a value was expected" },
	{ "two on a line", "a = true b = true", "f:1: nothing may follow" },
	{ "no key", "= true", "f:1: a key was expected" },
	{ "no =", "a true", "f:1: '=' was expected" },
	{ "an open string", "a = \"x", "f:1: a string without its end" },
	{ "a string over lines", "a = \"x\ny\"", "f:1: a string without its end" },
	{ "a string that is meant to", "a = \"\"\"x\"\"\"", "several lines are not supported" },
	{ "an escape of no character", "a = \"\\ud800\"", "no character" },
	{ "a NUL by an escape", "a = \"\\u0000\"", "no character" },
	{ "an unknown escape", "a = \"\\x41\"", "unknown escape" },
	{ "too few digits", "a = \"\\u00\"", "too few digits" },
	{ "an escape character", "a = \"\x1b\"", "control character" },
	{ "an open list", "a = [\"x\"", "',' or ']'" },
	{ "a list of lists", "a = [[\"x\"]]", "only strings" },
	{ "an inline table", "a = {b = 1}", "inline tables" },
	{ "an open table", "[a", "']' was expected" },
	{ "one bracket", "[[a]", "']' was expected" },
	{ "more after a table", "[a] b", "nothing may follow" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rejected) / sizeof(*rejected); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);

		if (describe(rejected[i].text, &out, &err) == 0)
			fail_msg("%s: taken as '%s'", rejected[i].why, buf_text(&out));
		if (!strstr(error_message(err), rejected[i].says))
			fail_msg("%s: %s", rejected[i].why, error_message(err));
	}
}

/* A cap is met at its edge. */
static void a_list_has_an_end(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		cleanup_error struct error *err = NULL;
		cleanup_buf struct buf text = BUF_INIT(BUF_SMALL), out = BUF_INIT(BUF_SMALL);

		buf_puts(&text, "a = [");
		for (size_t i = 0; i < TOML_LIST_MAX + more; i++)
			buf_puts(&text, "'x',");
		buf_puts(&text, "]");
		assert_int_equal(describe(buf_text(&text), &out, &err), more ? -1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(a_list_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

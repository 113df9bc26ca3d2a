/* SPDX-License-Identifier: Apache-2.0 */
/* One table of flags, in all the ways in which runc's and crun's callers write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci-runtime/command.h"

struct opts {
	bool detach, tty;
	int64_t fds;
	const char *file;
	strv env;
};

static const struct flag flags[] = {
	{ 'd', "detach", NULL, "", FLAG_BOOL, FLAG_AT(opts, detach, bool) },
	{ 't', "tty", NULL, "", FLAG_BOOL, FLAG_AT(opts, tty, bool) },
	{ 'n', "fds", "N", "", FLAG_INT, FLAG_AT(opts, fds, int64_t) },
	{ 'p', "file", "FILE", "", FLAG_TEXT, FLAG_AT(opts, file, const char *) },
	{ 'e', "env", "NAME=VALUE", "", FLAG_LIST, FLAG_AT(opts, env, strv) },
	{ 'E', "env", NULL, NULL, FLAG_LIST, FLAG_AT(opts, env, strv) },
	{},
};

static struct command command_of(int min_args, int max_args, bool options_first)
{
	return (struct command){ .name = "try",
		.args = "ARG",
		.flags = flags,
		.opts_size = sizeof(struct opts),
		.min_args = min_args,
		.max_args = max_args,
		.options_first = options_first };
}

/* "d t n=5 p=x e=A,B | a b": what was set, and the arguments. */
static char *told(const struct parsed *parsed)
{
	const struct opts *opts = parsed->opts;
	cleanup_free char *env = strv_join(opts->env, ",");
	cleanup_free char *args = strv_join(parsed->args, " ");

	return xasprintf("%s%sn=%d p=%s e=%s | %s", opts->detach ? "d " : "", opts->tty ? "t " : "",
		(int)opts->fds, opts->file ? opts->file : "", env ? env : "", args ? args : "");
}

static void flags_are_taken_in_every_form(void **state)
{
	static const struct {
		const char *words; /* a blank between two */
		bool options_first;
		const char *wanted;
	} rows[] = {
		{ "a", false, "n=0 p= e= | a" },
		{ "--detach --fds 5 --file=x a", false, "d n=5 p=x e= | a" },
		{ "-detach -fds 5 -file=x a", false, "d n=5 p=x e= | a" }, /* Go's */
		{ "-dt -n5 -p x a", false, "d t n=5 p=x e= | a" }, /* getopt's */
		{ "-dtn=5 -p=x a", false, "d t n=5 p=x e= | a" },
		{ "-d=false --tty=0 a", false, "n=0 p= e= | a" },
		{ "-d=T a", false, "d n=0 p= e= | a" },
		{ "--env A=1 -eB=2 -E C a", false, "n=0 p= e=A=1,B=2,C | a" },
		{ "a --detach b", false, "d n=0 p= e= | a b" }, /* after arguments */
		{ "a --detach b", true, "n=0 p= e= | a --detach b" },
		{ "-d -- -t", false, "d n=0 p= e= | -t" },
		{ "a -", false, "n=0 p= e= | a -" }, /* stdin */
		{ "--file --detach a", false, "n=0 p=--detach e= | a" }, /* a value */
		{ "--file= a", false, "n=0 p= e= | a" },
		{ "--file x --file y a", false, "n=0 p=y e= | a" }, /* last wins */
		{ "--fds -1 a", false, "n=-1 p= e= | a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct command command = command_of(0, -1, rows[i].options_first);
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL;
		cleanup_strv strv words =
			rows[i].words ? strv_split(rows[i].words, ' ') : strv_room(0);
		struct parsed parsed = { 0 };

		assert_int_equal(command_parse(&command, words, &parsed, &err), 0);
		text = told(&parsed);
		assert_string_equal(text, rows[i].wanted);
		assert_false(parsed.help);
		command_parsed_done(&command, &parsed);
	}
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *words; /* a blank between two */
		int min_args, max_args;
		const char *wanted;
	} rows[] = {
		{ "--nosuch", 0, -1, "flag provided but not defined: --nosuch" },
		{ "--detac", 0, -1, "flag provided but not defined: --detac" }, /* no prefixes */
		{ "-dx", 0, -1, "flag provided but not defined: 'x' in -dx" },
		{ "--d", 0, -1, "flag provided but not defined: --d" },
		{ "--file", 0, -1, "flag needs an argument: --file" },
		{ "-dp", 0, -1, "flag needs an argument: -p" },
		{ "--fds x", 0, -1, "--fds: 'x' is not a number" },
		{ "--fds=", 0, -1, "--fds: '' is not a number" },
		{ "--fds 5x", 0, -1, "--fds: '5x' is not a number" },
		{ "--fds 9223372036854775808", 0, -1,
			"--fds: '9223372036854775808' is not a number" },
		{ "--detach=yes", 0, -1, "--detach: 'yes' is neither true nor false" },
		{ NULL, 1, 1, "try takes exactly 1 argument: ARG" },
		{ "a b c", 2, 2, "try takes exactly 2 arguments: ARG" },
		{ "a b c", 1, 2, "try takes at most 2 arguments: ARG" },
		{ "a", 2, -1, "try takes at least 2 arguments: ARG" },
		/* What was taken until then is freed: the sanitizers look. */
		{ "--env A --nosuch", 0, -1, "flag provided but not defined: --nosuch" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct command command =
			command_of(rows[i].min_args, rows[i].max_args, false);
		cleanup_error struct error *err = NULL;
		cleanup_strv strv words =
			rows[i].words ? strv_split(rows[i].words, ' ') : strv_room(0);
		struct parsed parsed = { 0 };

		assert_int_equal(command_parse(&command, words, &parsed, &err), -1);
		assert_string_equal(error_message(err), rows[i].wanted);
		assert_null(parsed.opts);
	}
}

static void help_needs_no_arguments(void **state)
{
	static const char *const rows[] = { "--help", "-h", "-help", "-?" };
	const struct command command = command_of(1, 1, false);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv words = strv_split(rows[i], ' ');
		struct parsed parsed = { 0 };

		assert_int_equal(command_parse(&command, words, &parsed, &err), 0);
		assert_true(parsed.help);
		command_parsed_done(&command, &parsed);
	}
}

/* One table feeds the parser, the help, the manual page and the completion. */
static void tables_are_sound(void **state)
{
	(void)state;
	for (const struct command *const *at = oci_commands; *at; at++) {
		if (at[1])
			assert_true(strcmp((*at)->name, at[1]->name) < 0);
		assert_ptr_equal(command_find((*at)->name), *at);
		for (const struct flag *flag = (*at)->flags; flag && flag->name; flag++) {
			assert_true(flag->offset < (*at)->opts_size);
			for (const struct flag *other = flag + 1; other->name; other++)
				assert_true(!flag->letter || flag->letter != other->letter);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_taken_in_every_form),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(help_needs_no_arguments),
		cmocka_unit_test(tables_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

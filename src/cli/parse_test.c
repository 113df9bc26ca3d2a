/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

struct opts {
	bool detach, interactive, tty, proxy;
	const char *name, *network;
	int64_t count, memory, swap, nano, wait;
	strv env;
};

static const struct cli_flag flags[] = {
	{ 'd', "detach", NULL, "", CLI_BOOL, CLI_AT(opts, detach, bool), false },
	{ 'i', "interactive", NULL, "", CLI_BOOL, CLI_AT(opts, interactive, bool), false },
	{ 't', "tty", NULL, "", CLI_BOOL, CLI_AT(opts, tty, bool), false },
	{ 0, "proxy", NULL, "", CLI_BOOL, CLI_AT(opts, proxy, bool), false },
	{ 0, "name", "string", "", CLI_STRING, CLI_AT(opts, name, const char *), false },
	{ 0, "network", "string", "", CLI_STRING, CLI_AT(opts, network, const char *), false },
	{ 0, "net", "string", "", CLI_STRING, CLI_AT(opts, network, const char *), true },
	{ 'n', "count", "int", "", CLI_INT, CLI_AT(opts, count, int64_t), false },
	{ 'm', "memory", "bytes", "", CLI_SIZE, CLI_AT(opts, memory, int64_t), false },
	{ 0, "swap", "bytes", "", CLI_SWAP, CLI_AT(opts, swap, int64_t), false },
	{ 0, "cpus", "decimal", "", CLI_CPUS, CLI_AT(opts, nano, int64_t), false },
	{ 0, "wait", "duration", "", CLI_DURATION, CLI_AT(opts, wait, int64_t), false },
	{ 'e', "env", "list", "", CLI_LIST, CLI_AT(opts, env, strv), false },
	{},
};
static const struct opts defaults = { .proxy = true, .count = -1 };

static const struct cli_command command = {
	.name = "test",
	.flags = flags,
	.defaults = &defaults,
	.opts_size = sizeof(struct opts),
	.max_args = -1,
};

/* What was understood, as one text. */
static char *describe(const struct cli_parsed *parsed)
{
	const struct opts *o = parsed->opts;
	cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);

	buf_printf(&out, "%s%s%s%s", o->detach ? "d" : "", o->interactive ? "i" : "",
		o->tty ? "t" : "", o->proxy ? "" : "!proxy");
	if (o->name)
		buf_printf(&out, " name=%s", o->name);
	if (o->network)
		buf_printf(&out, " net=%s", o->network);
	if (o->count != -1)
		buf_printf(&out, " n=%lld", (long long)o->count);
	if (o->memory)
		buf_printf(&out, " m=%lld", (long long)o->memory);
	if (o->swap)
		buf_printf(&out, " swap=%lld", (long long)o->swap);
	if (o->nano)
		buf_printf(&out, " cpus=%lld", (long long)o->nano);
	if (o->wait)
		buf_printf(&out, " wait=%lld", (long long)o->wait);
	for (size_t i = 0; o->env && o->env[i]; i++)
		buf_printf(&out, " e=%s", o->env[i]);
	buf_puts(&out, parsed->help ? " help" : "");
	for (size_t i = 0; parsed->args[i]; i++)
		buf_printf(&out, " [%s]", parsed->args[i]);
	return buf_take(&out);
}

static const struct {
	const char *why, *words, *want;
	bool options_first;
} accepted[] = {
	{ "nothing", "", "", false },
	{ "switches in one word", "-it img", "it [img]", false },
	{ "a switch with a value", "-d=false -i=T", "i", false },
	{ "a long switch with a value", "--proxy=0", "!proxy", false },
	{ "a long switch does not take the next word", "--detach false", "d [false]", false },
	{ "value in the same word", "-m512m", " m=536870912", false },
	{ "value behind '='", "-m=1k", " m=1024", false },
	{ "value in the next word", "-m 2g", " m=2147483648", false },
	{ "a value that looks like a flag", "--name -d", " name=-d", false },
	{ "the last letter takes the value", "-itn5", "it n=5", false },
	{ "the last letter takes the next word", "-itn 5", "it n=5", false },
	{ "an empty value", "--name= x", " name= [x]", false },
	{ "only the first '=' counts", "--name=a=b", " name=a=b", false },
	{ "lists collect", "-e A=1 --env B=2 -eC", " e=A=1 e=B=2 e=C", false },
	{ "the last one wins", "--name a --name b", " name=b", false },
	{ "a hidden alias", "--net host", " net=host", false },
	{ "flags between arguments", "a -d b", "d [a] [b]", false },
	{ "\"--\" ends flags", "-d -- -i --x", "d [-i] [--x]", false },
	{ "\"-\" is an argument", "- -d", "d [-]", false },
	{ "options first: the rest is the program's", "-d img sh -c -i", "d [img] [sh] [-c] [-i]",
		true },
	{ "options first: \"--\" before it", "-d -- img -i", "d [img] [-i]", true },
	{ "options first: \"--\" behind it stays", "img -- x", " [img] [--] [x]", true },
	{ "numbers of other bases", "-n 0x10", " n=16", false },
	{ "negative numbers", "-n -2", " n=-2", false },
	{ "swap without limit", "--swap -1", " swap=-1", false },
	{ "part of a CPU", "--cpus .5", " cpus=500000000", false },
	{ "a CPU and a billionth", "--cpus 1.000000001", " cpus=1000000001", false },
	{ "zeros behind the last digit that counts", "--cpus 1.50000000000", " cpus=1500000000",
		false },
	{ "a duration of two units", "--wait 1m30s", " wait=90000000000", false },
	{ "a fraction of a unit", "--wait 1.5h", " wait=5400000000000", false },
	{ "milliseconds are not minutes", "--wait 3ms", " wait=3000000", false },
	{ "help stops reading", "-d --help --nonsense", "d help", false },
	{ "-h where it means nothing else", "-dh", "d help", false },
};

static void understands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv split = strv_split(accepted[i].words, ' ');
		char *none[] = { NULL };
		char **words = *accepted[i].words ? split : none;
		struct cli_command copy = command;
		struct cli_parsed parsed = { 0 };
		cleanup_free char *got = NULL;

		copy.options_first = accepted[i].options_first;
		if (cli_parse(&copy, words, &parsed, &err) < 0)
			fail_msg("%s: %s", accepted[i].why, error_message(err));
		got = describe(&parsed);
		if (strcmp(got, accepted[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", accepted[i].why, got, accepted[i].want);
		cli_parsed_done(&copy, &parsed);
	}
}

/* pflag's sentences: scripts and people know them. */
static const struct {
	const char *why, *words, *want;
} refused[] = {
	{ "unknown", "--nope", "unknown flag: --nope" },
	{ "unknown with a value", "--nope=3", "unknown flag: --nope" },
	{ "no prefixes", "--nam x", "unknown flag: --nam" },
	{ "unknown letter", "-dz", "unknown shorthand flag: 'z' in -z" },
	{ "unknown first letter", "-zd", "unknown shorthand flag: 'z' in -zd" },
	{ "no value", "--name", "flag needs an argument: --name" },
	{ "no value for a letter", "-im", "flag needs an argument: 'm' in -m" },
	{ "three dashes", "---name", "bad flag syntax: ---name" },
	{ "no name", "--=x", "bad flag syntax: --=x" },
	{ "not true or false", "-d=maybe",
		"invalid argument \"maybe\" for \"-d, --detach\" flag: strconv.ParseBool: parsing "
		"\"maybe\": invalid syntax" },
	{ "not a number", "-n x",
		"invalid argument \"x\" for \"-n, --count\" flag: strconv.ParseInt: parsing \"x\": "
		"invalid syntax" },
	{ "a fraction", "-n 1.5",
		"invalid argument \"1.5\" for \"-n, --count\" flag: strconv.ParseInt: parsing "
		"\"1.5\": invalid syntax" },
	{ "beyond 64 bits", "-n 99999999999999999999",
		"invalid argument \"99999999999999999999\" for \"-n, --count\" flag: "
		"strconv.ParseInt: parsing \"99999999999999999999\": value out of range" },
	{ "not a size", "-m x",
		"invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'" },
	{ "a size below nothing", "-m -1",
		"invalid argument \"-1\" for \"-m, --memory\" flag: invalid size: '-1'" },
	{ "not a decimal", "--cpus x",
		"invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational "
		"number" },
	{ "too fine", "--cpus 0.0000000001",
		"invalid argument \"0.0000000001\" for \"--cpus\" flag: failed to parse "
		"0.0000000001 as a rational number" },
	{ "too many CPUs for 64 bits", "--cpus 99999999999",
		"invalid argument \"99999999999\" for \"--cpus\" flag: failed to parse 99999999999 "
		"as a rational number" },
	{ "a duration without a unit", "--wait 10",
		"invalid argument \"10\" for \"--wait\" flag: time: invalid duration \"10\"" },
	{ "a unit without a number", "--wait s",
		"invalid argument \"s\" for \"--wait\" flag: time: invalid duration \"s\"" },
	{ "two points", "--wait 1.2.3s",
		"invalid argument \"1.2.3s\" for \"--wait\" flag: time: invalid duration "
		"\"1.2.3s\"" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv words = strv_split(refused[i].words, ' ');
		struct cli_parsed parsed = { 0 };

		if (cli_parse(&command, words, &parsed, &err) == 0)
			fail_msg("%s: was taken", refused[i].why);
		if (strcmp(error_message(err), refused[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", refused[i].why, error_message(err),
				refused[i].want);
		assert_null(parsed.opts);
	}
}

static const struct {
	int min, max;
	size_t count;
	const char *want; /* NULL: fine */
} counts[] = {
	{ 0, 0, 0, NULL },
	{ 0, 0, 1, "\"vessel x\" accepts no arguments." },
	{ 1, 1, 1, NULL },
	{ 1, 1, 2, "\"vessel x\" requires exactly 1 argument." },
	{ 2, 2, 1, "\"vessel x\" requires exactly 2 arguments." },
	{ 1, -1, 0, "\"vessel x\" requires at least 1 argument." },
	{ 2, -1, 1, "\"vessel x\" requires at least 2 arguments." },
	{ 1, -1, 9, NULL },
	{ 0, 1, 2, "\"vessel x\" requires at most 1 argument." },
	{ 1, 2, 3, "\"vessel x\" requires at most 2 arguments." },
};

static void counts_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		cleanup_error struct error *err = NULL;
		struct cli_command copy = { .min_args = counts[i].min, .max_args = counts[i].max };
		int result = cli_check_args(&copy, "vessel x", counts[i].count, &err);

		assert_int_equal(result, counts[i].want ? -1 : 0);
		if (counts[i].want)
			assert_string_equal(error_message(err), counts[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands),
		cmocka_unit_test(refuses),
		cmocka_unit_test(counts_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/moment.h"
#include "cli/ports.h"

static const char *const known[] = { "label", "name", "status", NULL };

static const struct {
	const char *why, *filters;
	bool ok;
} forms[] = {
	{ "known", "name=x", true },
	{ "an empty value", "name=", true },
	{ "a value with '='", "label=a=b", true },
	{ "several", "name=x name=y status=z", true },
	{ "no '='", "name", false },
	{ "no key", "=x", false },
	{ "unknown", "colour=red", false },
	{ "a prefix of a known one", "stat=x", false },
	{ "one bad among good ones", "name=x nope=1", false },
};

static void checks_the_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv filters = strv_split(forms[i].filters, ' ');

		if ((filter_check(filters, known, &err) == 0) != forms[i].ok)
			fail_msg("%s", forms[i].why);
	}
}

/* A thing is its labels, name and status. */
struct thing {
	const char *name, *status;
	strv labels;
};

static bool match(const char *key, const char *value, void *arg)
{
	const struct thing *thing = arg;

	if (strcmp(key, "label") == 0)
		return filter_label(thing->labels, value);
	return filter_pattern(strcmp(key, "name") == 0 ? thing->name : thing->status, value);
}

static const struct {
	const char *why, *filters;
	bool want;
} matches[] = {
	{ "values of one key are alternatives", "name=db name=web", true },
	{ "keys must all hold", "name=web status=exited", false },
	{ "both hold", "name=web status=running", true },
	{ "order does not matter", "name=db status=running name=web", true },
	{ "a part of the name", "name=we", true },
	{ "a regular expression", "name=^web$", true },
	{ "one that does not fit", "name=^eb", false },
	{ "not an expression: taken as a text", "name=we(", false },
	{ "label by key", "label=tier", true },
	{ "label by key and value", "label=tier=front", true },
	{ "another value", "label=tier=back", false },
	{ "labels must all be there", "label=tier label=nope", false },
	{ "two labels", "label=tier label=owner=me=too", true },
	{ "a prefix of a key is another key", "label=tie", false },
	{ "a prefix of a value is another value", "label=tier=fro", false },
};

static void matches_by_the_rules(void **state)
{
	char *labels[] = { (char *)"tier=front", (char *)"owner=me=too", NULL };
	struct thing thing = { "web", "running", labels };

	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		cleanup_strv strv filters = strv_split(matches[i].filters, ' ');

		if (filter_match(filters, match, &thing) != matches[i].want)
			fail_msg("%s", matches[i].why);
	}
	assert_true(filter_match(NULL, match, &thing));
}

#define NOW (1000 * INT64_C(1000000000))

static const struct {
	const char *text;
	int64_t want_ns; /* -1: refused */
} moments[] = {
	{ "10m", 400 * INT64_C(1000000000) },
	{ "1.5s", NOW - 1500000000 },
	{ "12", 12 * INT64_C(1000000000) },
	{ "12.000000005", 12 * INT64_C(1000000000) + 5 },
	{ "1970-01-01T00:01:00Z", 60 * INT64_C(1000000000) },
	{ "1970-01-01T01:01:00.5+01:00", 60 * INT64_C(1000000000) + 500000000 },
	{ "1970-01-02Z", 86400 * INT64_C(1000000000) },
	{ "", -1 },
	{ "yesterday", -1 },
	{ "1970-13-01T00:00:00Z", -1 },
};

static void reads_moments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		cleanup_error struct error *err = NULL;
		int64_t got = -1;

		(void)moment_parse(moments[i].text, NOW, &got, &err);
		if (got != moments[i].want_ns)
			fail_msg("'%s': %lld", moments[i].text, (long long)got);
	}
}

/* The right side is what the docker client makes of the same ports. */
static const struct {
	const char *why, *lines, *want;
} ports[] = {
	{ "none", "", "" },
	{ "one", "tcp 0.0.0.0 8080 80", "0.0.0.0:8080->80/tcp" },
	{ "same numbers in a row are a range", "tcp 0.0.0.0 91 91\ntcp 0.0.0.0 90 90",
		"0.0.0.0:90-91->90-91/tcp" },
	{ "a gap", "tcp 0.0.0.0 90 90\ntcp 0.0.0.0 92 92",
		"0.0.0.0:90->90/tcp, 0.0.0.0:92->92/tcp" },
	{ "other protocols", "tcp 0.0.0.0 53 53\nudp 0.0.0.0 53 53",
		"0.0.0.0:53->53/tcp, 0.0.0.0:53->53/udp" },
	{ "all kinds at once",
		"tcp 0.0.0.0 8080 80\ntcp :: 8080 80\ntcp 0.0.0.0 90 90\ntcp 0.0.0.0 91 91\n"
		"tcp 0.0.0.0 93 93\nudp 0.0.0.0 53 53",
		"0.0.0.0:90-91->90-91/tcp, 0.0.0.0:53->53/udp, 0.0.0.0:93->93/tcp, "
		"0.0.0.0:8080->80/tcp, [::]:8080->80/tcp" },
	{ "a line that is none", "tcp 0.0.0.0 1\ntcp 0.0.0.0 2 2", "0.0.0.0:2->2/tcp" },
};

static void prints_ports(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		cleanup_free struct published_port *list = NULL;
		size_t count = ports_parse(ports[i].lines, &list);
		cleanup_free char *got = ports_text(list, count);

		if (strcmp(got, ports[i].want) != 0)
			fail_msg("%s: '%s'", ports[i].why, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_the_form),
		cmocka_unit_test(matches_by_the_rules),
		cmocka_unit_test(reads_moments),
		cmocka_unit_test(prints_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

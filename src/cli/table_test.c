/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The expected texts are what the docker client prints for the same cells. */
static const struct {
	const char *why, *text, *want;
	size_t min_width;
} tables[] = {
	{ "nothing", "", "", TABLE_WIDTH },
	{ "one column is not padded", "A\nbb\n", "A\nbb\n", TABLE_WIDTH },
	{ "short columns are ten wide", "TAG\tID\nv1\tx\n", "TAG       ID\nv1        x\n",
		TABLE_WIDTH },
	{ "long ones have three blanks behind the longest", "REPOSITORY\tTAG\nregistry/httpd\tv1\n",
		"REPOSITORY       TAG\nregistry/httpd   v1\n", TABLE_WIDTH },
	{ "an empty cell is a column too", "A\tB\tC\nx\t\ty\n",
		"A         B         C\nx                   y\n", TABLE_WIDTH },
	{ "an empty last cell leaves the padding before it", "A\tB\nx\t\n",
		"A         B\nx         \n", TABLE_WIDTH },
	{ "characters are counted, not bytes", "A\tB\n\"abcdefgh\xe2\x80\xa6\"\tx\n",
		"A             B\n\"abcdefgh\xe2\x80\xa6\"   x\n", TABLE_WIDTH },
	{ "a line with fewer cells", "A\tB\tC\nonly\n", "A         B         C\nonly\n",
		TABLE_WIDTH },
	{ "no newline at the end", "A\tB", "A         B\n", TABLE_WIDTH },
	{ "wider columns of top", "UID\tPID\n", "UID                 PID\n", 20 },
};

static void aligns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		cleanup_free char *got = NULL;
		size_t length = 0;
		FILE *out = open_memstream(&got, &length);

		assert_non_null(out);
		table_print(out, tables[i].text, tables[i].min_width);
		fclose(out);
		if (strcmp(got, tables[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", tables[i].why, got, tables[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci-runtime/select.h"

static const char *const entries[] = { "app-1", "app-2", "other", ".seccomp" };

static int make_root(void **state)
{
	struct runtime *runtime = xcalloc(1, sizeof(*runtime));

	runtime->root = xstrdup("/tmp/select_test.XXXXXX");
	if (!mkdtemp(runtime->root))
		return -1;
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		cleanup_free char *path = xasprintf("%s/%s", runtime->root, entries[i]);

		if (mkdir(path, 0700) < 0)
			return -1;
	}
	*state = runtime;
	return 0;
}

static int remove_root(void **state)
{
	cleanup_free struct runtime *runtime = *state;
	cleanup_error struct error *err = NULL;
	int result = tree_remove_at(AT_FDCWD, runtime->root, &err);

	free(runtime->root);
	return result;
}

static int note(struct runtime *runtime, const char *id, const void *opts, struct error **err)
{
	strv *seen = *(strv *const *)opts;

	(void)runtime;
	strv_append(seen, id);
	if (strncmp(id, "app", 3) == 0)
		return error_new(err, ERROR_CONFLICT, "%s fails", id);
	return 0;
}

static void each_that_matches(void **state)
{
	static const struct {
		const char *word;
		bool is_regex;
		const char *seen, *error; /* NULL: none */
	} rows[] = {
		{ "other", false, "other", NULL },
		{ "absent", false, "absent", NULL }, /* the command's to say */
		{ "oth", true, "other", NULL }, /* anywhere in the id */
		{ "^th", true, NULL, NULL },
		{ "absent", true, NULL, NULL }, /* none is no error */
		{ "^app-[0-9]$", true, "app-1 app-2",
			"app-1 fails" }, /* goes on; the first counts */
		{ ".", true, "app-1 app-2 other",
			"app-1 fails" }, /* not what begins with a point */
		{ "app|other", true, "app-1 app-2 other", "app-1 fails" }, /* extended */
		{ "x(", true, NULL, "'x(' is not a regular expression" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_strv strv seen = NULL;
		strv *at = &seen;
		const struct selection selection = { rows[i].word, rows[i].is_regex, note, &at };
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL;

		assert_int_equal(select_each(*state, &selection, &err), rows[i].error ? -1 : 0);
		if (rows[i].error)
			assert_string_equal(error_message(err), rows[i].error);
		text = strv_join(seen, " ");
		assert_string_equal(text ? text : "", rows[i].seen ? rows[i].seen : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_that_matches) };

	return cmocka_run_group_tests(tests, make_root, remove_root);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "runtime/mount_option.h"

static const struct {
	const char *why, *options;
	struct mount_options wanted; /* without parameters */
	const char *parameter, *value;
} rows[] = {
	{ "nothing", "", { 0 }, NULL, NULL },
	{ "flags add up", "ro,nosuid", { .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID }, NULL,
		NULL },
	{ "the later of two wins", "ro,rw", { .clear = MOUNT_ATTR_RDONLY }, NULL, NULL },
	{ "and the other way around", "rw,ro", { .set = MOUNT_ATTR_RDONLY }, NULL, NULL },
	{ "times are one field", "noatime",
		{ .set = MOUNT_ATTR_NOATIME, .clear = MOUNT_ATTR__ATIME }, NULL, NULL },
	{ "of which one is left", "noatime,strictatime",
		{ .set = MOUNT_ATTR_STRICTATIME, .clear = MOUNT_ATTR__ATIME }, NULL, NULL },
	{ "all below", "rro", { .all_set = MOUNT_ATTR_RDONLY }, NULL, NULL },
	{ "an r that belongs to the name", "relatime", { .clear = MOUNT_ATTR__ATIME }, NULL, NULL },
	{ "rbind is bind", "rbind,rprivate",
		{ .bind = true,
			.bind_all = true,
			.propagation = MS_PRIVATE,
			.propagate_all = true },
		NULL, NULL },
	{ "copy up", "tmpcopyup", { .copy_up = true }, NULL, NULL },
	{ "a parameter", "size=64m", { 0 }, "size", "64m" },
	{ "one with more than one equals sign", "a=b=c", { 0 }, "a", "b=c" },
	{ "a flag of the file system", "newinstance", { 0 }, "newinstance", NULL },
	{ "no option", "defaults", { 0 }, NULL, NULL },
};

static void options_mean_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mount_options options CLEANUP(mount_options_done) = { 0 };
		cleanup_strv strv texts = strv_split(rows[i].options, ',');
		const struct mount_options *wanted = &rows[i].wanted;
		struct error *err = NULL;

		assert_int_equal(mount_options_parse(texts, &options, &err), 0);
		if (options.set != wanted->set || options.clear != wanted->clear ||
			options.all_set != wanted->all_set ||
			options.all_clear != wanted->all_clear ||
			options.propagation != wanted->propagation ||
			options.propagate_all != wanted->propagate_all ||
			options.bind != wanted->bind || options.bind_all != wanted->bind_all ||
			options.copy_up != wanted->copy_up)
			fail_msg("%s: set %lx clear %lx", rows[i].why, options.set, options.clear);
		if (!rows[i].parameter) {
			assert_null(options.parameters[0].key);
			continue;
		}
		assert_string_equal(options.parameters[0].key, rows[i].parameter);
		if (rows[i].value)
			assert_string_equal(options.parameters[0].value, rows[i].value);
		else
			assert_null(options.parameters[0].value);
		assert_null(options.parameters[1].key);
	}
}

static void there_is_a_limit(void **state)
{
	(void)state;
	for (size_t count = MOUNT_PARAMETERS_MAX; count <= MOUNT_PARAMETERS_MAX + 1; count++) {
		struct mount_options options CLEANUP(mount_options_done) = { 0 };
		cleanup_error struct error *err = NULL;
		cleanup_strv strv texts = NULL;

		for (size_t i = 0; i < count; i++)
			strv_appendf(&texts, "p%zu=1", i);
		assert_int_equal(mount_options_parse(texts, &options, &err),
			count > MOUNT_PARAMETERS_MAX ? -1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_mean_what_they_say),
		cmocka_unit_test(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

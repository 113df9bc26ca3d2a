/* SPDX-License-Identifier: Apache-2.0 */
/* With a directory in resctrl's place: which group is joined, and what is written there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "runtime/rdt.h"

#define SCHEMATA "    MB:0=100;1=100\n    L3:0=fff;1=fff\n"

static void put(int dir_fd, const char *path, const char *text)
{
	struct error *err = NULL;

	assert_int_equal(file_replace_at(dir_fd, path, text, strlen(text), 0644, false, &err), 0);
}

static char *text_of(int dir_fd, const char *path)
{
	struct error *err = NULL;
	char *text = NULL;

	assert_true(file_read_at(dir_fd, path, 4096, &text, &err) >= 0);
	return text;
}

/* As the kernel has them: files of a group are there once it is made. */
static void add_group(int dir_fd, const char *name)
{
	cleanup_free char *tasks = xasprintf("%s/tasks", name);
	cleanup_free char *schemata = xasprintf("%s/schemata", name);

	assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
	put(dir_fd, tasks, "");
	put(dir_fd, schemata, SCHEMATA);
}

static const struct {
	const char *why, *clos_id, *schema, *line, *joined, *error;
} rows[] = {
	{ "as it is", "shared", NULL, NULL, "shared/tasks", NULL },
	{ "the group of all", "/", NULL, NULL, "tasks", NULL },
	{ "which is what was asked for", "shared", "L3:0=fff;1=fff", "MB:0=100;1=100",
		"shared/tasks", NULL },
	{ "which is something else", "shared", "L3:0=f", NULL, NULL, "is not 'L3:0=f'" },
	{ "half of a line is not the line", "shared", "L3:0=fff", NULL, NULL, "is not 'L3:0=fff'" },
	{ "none, and nothing to make one of", "missing", NULL, NULL, NULL, "is no group" },
	{ "of its own, with the container's name", NULL, NULL, NULL, "own/tasks", NULL },
};

static void groups_are_joined(void **state)
{
	char dir[] = "/tmp/vessel-rdt.XXXXXX";
	struct error *failed = NULL;
	int root_fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(root_fd, "tasks", "");
	put(root_fd, "schemata", SCHEMATA);
	add_group(root_fd, "shared");
	add_group(root_fd, "own");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_spec struct spec spec;
		int result;

		spec_init(&spec);
		spec.rdt.set = true;
		spec.rdt.clos_id = xstrdup_null(rows[i].clos_id);
		spec.rdt.l3_schema = xstrdup_null(rows[i].schema);
		if (rows[i].line)
			strv_append(&spec.rdt.schemata, rows[i].line);
		result = rdt_join(root_fd, &spec, "own", (pid_t)(1000 + i), &err);
		if ((result == 0) != (rows[i].error == NULL) ||
			(err && !strstr(error_message(err), rows[i].error)))
			fail_msg("%s: %s", rows[i].why, err ? error_message(err) : "joined");
		if (rows[i].joined) {
			cleanup_free char *tasks = text_of(root_fd, rows[i].joined);
			cleanup_free char *pid = xasprintf("%d", (int)(1000 + i));

			assert_string_equal(tasks, pid);
		}
	}
	/* A group that was there is never changed. */
	{
		cleanup_free char *schemata = text_of(root_fd, "shared/schemata");

		assert_string_equal(schemata, SCHEMATA);
	}
	assert_int_equal(faccessat(root_fd, "missing", F_OK, 0), -1);
	close(root_fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, dir, &failed), 0);
}

/* A directory made in a plain one has none of a group's files: as if the kernel refused. */
static const struct {
	const char *why, *clos_id, *schema, *error;
} unfit[] = {
	{ "what the kernel does not take", "new", "L3:0=0", "schemata" },
	{ "of its own, with the container's name", NULL, "L3:0=0", "schemata" },
	{ "whose tasks are not to be written", NULL, NULL, "tasks" },
	{ "a link is no group", "link", "L3:0=0", "link" },
};

static void a_group_that_cannot_be_filled_is_not_left(void **state)
{
	char dir[] = "/tmp/vessel-rdt.XXXXXX";
	struct error *failed = NULL;
	int root_fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root_fd, "info", 0755), 0);
	put(root_fd, "info/last_cmd_status", "Mask 0 has no bits\nmore\n");
	assert_int_equal(mkdirat(root_fd, "elsewhere", 0755), 0);
	assert_int_equal(symlinkat("elsewhere", root_fd, "link"), 0);
	for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++) {
		const char *group = unfit[i].clos_id ? unfit[i].clos_id : "own";
		cleanup_error struct error *err = NULL;
		cleanup_spec struct spec spec;

		spec_init(&spec);
		spec.rdt.set = true;
		spec.rdt.clos_id = xstrdup_null(unfit[i].clos_id);
		spec.rdt.l3_schema = xstrdup_null(unfit[i].schema);
		assert_int_equal(rdt_join(root_fd, &spec, "own", 1000, &err), -1);
		if (!strstr(error_message(err), unfit[i].error))
			fail_msg("%s: %s", unfit[i].why, error_message(err));
		if (strcmp(unfit[i].error, "schemata") == 0)
			assert_string_equal(error_hint_text(err), "Mask 0 has no bits");
		if (strcmp(group, "link") != 0)
			assert_int_equal(faccessat(root_fd, group, F_OK, 0), -1);
	}
	/* What was there before is not ours to remove. */
	assert_int_equal(faccessat(root_fd, "link", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	close(root_fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, dir, &failed), 0);
}

static void a_monitoring_group_is_entered_as_well(void **state)
{
	char dir[] = "/tmp/vessel-rdt.XXXXXX";
	cleanup_free char *tasks = NULL, *counted = NULL;
	cleanup_spec struct spec spec;
	struct error *err = NULL;
	int root_fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	add_group(root_fd, "shared");
	assert_int_equal(mkdirat(root_fd, "shared/mon_groups", 0755), 0);
	assert_int_equal(mkdirat(root_fd, "shared/mon_groups/own", 0755), 0);
	put(root_fd, "shared/mon_groups/own/tasks", "");
	spec_init(&spec);
	spec.rdt.set = spec.rdt.monitoring = true;
	spec.rdt.clos_id = xstrdup("shared");
	if (rdt_join(root_fd, &spec, "own", 1000, &err) < 0)
		fail_msg("%s", error_message(err));
	tasks = text_of(root_fd, "shared/tasks");
	counted = text_of(root_fd, "shared/mon_groups/own/tasks");
	assert_string_equal(tasks, "1000");
	assert_string_equal(counted, "1000");
	close(root_fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, dir, &err), 0);
}

static void without_the_hardware_it_is_an_error_for_who_asks(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_spec struct spec spec;

	(void)state;
	spec_init(&spec);
	assert_int_equal(rdt_check(&spec, &err), 0);
	assert_int_equal(rdt_apply(&spec, "x", getpid(), &err), 0);
	assert_int_equal(rdt_remove(&spec, "x", &err), 0);
	if (access(RDT_ROOT "/schemata", F_OK) == 0) {
		print_message("skipped: this machine has resctrl\n");
		skip();
	}
	spec.rdt.set = true;
	assert_int_equal(rdt_check(&spec, &err), -1);
	assert_int_equal(error_kind(err), ERROR_UNSUPPORTED);
	assert_non_null(strstr(error_message(err), "linux.intelRdt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_joined),
		cmocka_unit_test(a_group_that_cannot_be_filled_is_not_left),
		cmocka_unit_test(a_monitoring_group_is_entered_as_well),
		cmocka_unit_test(without_the_hardware_it_is_an_error_for_who_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/container_files.h"
#include "engine/diff.h"

enum kind { FILE_ = 'f', DIRECTORY = 'd', WHITEOUT = 'w', OPAQUE = 'o', LINK = 'l' };

struct node {
	enum kind kind;
	const char *path;
};

struct sides {
	char path[64];
	int upper_fd, base_fd;
};

static void setup(struct sides *sides)
{
	cleanup_error struct error *err = NULL;
	int fd;

	strcpy(sides->path, "/tmp/diff-test.XXXXXX");
	assert_non_null(mkdtemp(sides->path));
	fd = dir_open_at(AT_FDCWD, sides->path, &err);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "upper", 0755), 0);
	assert_int_equal(mkdirat(fd, "base", 0755), 0);
	sides->upper_fd = dir_open_at(fd, "upper", &err);
	sides->base_fd = dir_open_at(fd, "base", &err);
	close_fd(fd);
}

static void teardown(struct sides *sides)
{
	cleanup_error struct error *err = NULL;

	close_fd(sides->upper_fd);
	close_fd(sides->base_fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, sides->path, &err), 0);
}

static void make(int root_fd, const struct node *node)
{
	int fd;

	switch (node->kind) {
	case FILE_:
		fd = openat(root_fd, node->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		close_fd(fd);
		break;
	case LINK:
		assert_int_equal(symlinkat("/etc", root_fd, node->path), 0);
		break;
	case WHITEOUT:
		assert_int_equal(mknodat(root_fd, node->path, S_IFCHR, makedev(0, 0)), 0);
		break;
	case OPAQUE:
	case DIRECTORY:
		assert_int_equal(mkdirat(root_fd, node->path, 0755), 0);
		fd = openat(root_fd, node->path, O_RDONLY | O_CLOEXEC);
		if (node->kind == OPAQUE)
			assert_int_equal(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0), 0);
		close_fd(fd);
		break;
	}
}

/* Directories are of one time: what was made in them later would change that. */
static void make_all(int root_fd, const struct node *nodes)
{
	static const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	size_t count = 0;

	for (; nodes[count].path; count++)
		make(root_fd, &nodes[count]);
	while (count-- > 0)
		(void)utimensat(root_fd, nodes[count].path, times, AT_SYMLINK_NOFOLLOW);
}

static char *found(const struct sides *sides, char *const *left_out)
{
	cleanup_changes struct changes changes = { 0 };
	cleanup_error struct error *err = NULL;
	cleanup_buf struct buf text = BUF_INIT(BUF_SMALL);

	assert_int_equal(
		changes_find(sides->upper_fd, sides->base_fd, left_out, &changes, &err), 0);
	for (size_t i = 0; i < changes.count; i++)
		buf_printf(&text, "%s%c %s", i ? ", " : "", changes.items[i].kind,
			changes.items[i].path);
	return xstrdup(buf_text(&text));
}

#define NODES 8

static void changes_are_read_off_the_upper_directory(void **state)
{
	static const struct {
		const char *why;
		struct node base[NODES], upper[NODES];
		const char *wanted;
	} rows[] = {
		{ "nothing", { { FILE_, "a" } }, { { 0, NULL } }, "" },
		{ "added", { { 0, NULL } }, { { DIRECTORY, "d" }, { FILE_, "d/f" }, { LINK, "l" } },
			"A /d, A /d/f, A /l" },
		{ "changed, in a directory that is as it was",
			{ { DIRECTORY, "d" }, { FILE_, "d/f" }, { FILE_, "d/g" } },
			{ { DIRECTORY, "d" }, { FILE_, "d/f" } }, "C /d, C /d/f" },
		{ "a directory that was only looked into", { { DIRECTORY, "d" } },
			{ { DIRECTORY, "d" } }, "" },
		{ "deleted", { { DIRECTORY, "d" }, { FILE_, "d/f" }, { FILE_, "g" } },
			{ { DIRECTORY, "d" }, { WHITEOUT, "d/f" }, { WHITEOUT, "g" } },
			"C /d, D /d/f, D /g" },
		{ "a whiteout of nothing", { { 0, NULL } }, { { WHITEOUT, "x" } }, "" },
		{ "an opaque directory, and those in it",
			{ { DIRECTORY, "d" }, { FILE_, "d/f" }, { DIRECTORY, "d/s" },
				{ FILE_, "d/s/t" }, { FILE_, "d/s/u" } },
			{ { OPAQUE, "d" }, { DIRECTORY, "d/s" }, { FILE_, "d/s/u" } },
			"C /d, D /d/f, C /d/s, D /d/s/t, C /d/s/u" },
		{ "a file instead of a directory", { { DIRECTORY, "d" }, { FILE_, "d/f" } },
			{ { FILE_, "d" } }, "C /d" },
		{ "a directory instead of a file", { { FILE_, "d" } },
			{ { OPAQUE, "d" }, { FILE_, "d/f" } }, "C /d, A /d/f" },
		{ "a link instead of a directory leads nowhere", { { DIRECTORY, "d" } },
			{ { LINK, "d" } }, "C /d" },
		{ "sorted by the whole path", { { 0, NULL } },
			{ { DIRECTORY, "a" }, { FILE_, "a/b" }, { FILE_, "a-b" } },
			"A /a, A /a-b, A /a/b" },
	};

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: whiteouts and opaque directories need root\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sides sides;
		cleanup_free char *text = NULL;

		setup(&sides);
		make_all(sides.base_fd, rows[i].base);
		make_all(sides.upper_fd, rows[i].upper);
		text = found(&sides, NULL);
		if (strcmp(text, rows[i].wanted) != 0)
			fail_msg("%s: '%s'", rows[i].why, text);
		teardown(&sides);
	}
}

static void mount_points_are_no_changes(void **state)
{
	static const struct node upper[] = { { DIRECTORY, "proc" }, { DIRECTORY, "dev" },
		{ DIRECTORY, "dev/shm" }, { DIRECTORY, "sys" }, { DIRECTORY, "etc" },
		{ FILE_, "etc/hosts" }, { 0, NULL } };
	static const struct node more[] = { { FILE_, "sys/mine" }, { FILE_, "etc/mine" },
		{ 0, NULL } };
	cleanup_free char *none = NULL, *some = NULL;
	cleanup_strv strv found_first = NULL, found_then = NULL;
	struct sides sides;

	(void)state;
	setup(&sides);
	make_all(sides.upper_fd, upper);
	found_first = container_mount_points(sides.upper_fd, sides.base_fd);
	none = found(&sides, found_first);
	assert_string_equal(none, "");
	/* A file of the container's own in them brings the directory back, not what was mounted. */
	make_all(sides.upper_fd, more);
	found_then = container_mount_points(sides.upper_fd, sides.base_fd);
	some = found(&sides, found_then);
	assert_string_equal(some, "A /etc, A /etc/mine, A /sys, A /sys/mine");
	teardown(&sides);
}

/* A container may have put a link where we look for a mount point of ours. */
static void mount_points_are_not_looked_for_outside(void **state)
{
	static const struct node upper[] = { { LINK, "etc" }, { 0, NULL } };
	cleanup_free char *text = NULL;
	cleanup_strv strv mount_points = NULL;
	struct sides sides;

	(void)state;
	setup(&sides);
	make_all(sides.upper_fd, upper);
	mount_points = container_mount_points(sides.upper_fd, sides.base_fd);
	assert_null(mount_points);
	text = found(&sides, mount_points);
	assert_string_equal(text, "A /etc");
	teardown(&sides);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_read_off_the_upper_directory),
		cmocka_unit_test(mount_points_are_no_changes),
		cmocka_unit_test(mount_points_are_not_looked_for_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Each test runs in a child with a mount namespace of its own; its exit code is its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "sys/mount.h"

#define DIR_MAX 64

/* assert_true() would jump back into the parent's test runner. */
static void check(bool passed, int line, const char *what, const struct error *err)
{
	if (passed)
		return;
	(void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, line, what,
		err ? error_message(err) : strerrordesc_np(errno));
	_exit(1);
}

#define CHECK(condition) check((condition), __LINE__, #condition, err)

static void __attribute__((noreturn)) run_alone(void (*test)(const char *dir), const char *dir)
{
	struct error *err = NULL;

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount_propagate_root(MS_PRIVATE, &err) == 0);
	test(dir);
	_exit(0);
}

static void in_own_namespace(void (*test)(const char *dir))
{
	char dir[DIR_MAX] = "/tmp/vessel-mount-test.XXXXXX";
	struct error *err = NULL;
	int status = -1;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	pid = fork();
	if (pid == 0)
		run_alone(test, dir);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(tree_remove_at(AT_FDCWD, dir, &err), 0);
	assert_int_equal(status, 0);
}

static int target(const char *dir)
{
	return open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void check_new_and_set(const char *dir)
{
	static const struct mount_option options[] = { { "size", "4k" }, { "mode", "0700" },
		{ NULL, NULL } };
	static const struct mount_option wrong[] = { { "colour", "red" }, { NULL, NULL } };
	struct error *err = NULL;
	cleanup_free char *file = xasprintf("%s/file", dir);
	struct statvfs fs;
	struct stat st;
	int fd = mount_new("tmpfs", "mine", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &err);

	CHECK(fd >= 0);
	CHECK(mount_attach(fd, target(dir), &err) == 0);
	CHECK(statvfs(dir, &fs) == 0 && fs.f_flag & ST_NOSUID && fs.f_flag & ST_NOEXEC);
	CHECK(!(fs.f_flag & ST_RDONLY));
	CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(mount_set(fd, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOEXEC, 0, false, &err) == 0);
	CHECK(statvfs(dir, &fs) == 0 && fs.f_flag & ST_RDONLY && !(fs.f_flag & ST_NOEXEC));
	CHECK(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno == EROFS);
	CHECK(mount_new("tmpfs", "mine", wrong, 0, &err) < 0);
	/* The kernel's own words. */
	CHECK(strstr(error_message(err), "Unknown parameter 'colour'"));
	CHECK(error_kind(err) == ERROR_INVALID);
	error_free(err);
	err = NULL;
	CHECK(mount_new("nosuchfs", "mine", NULL, 0, &err) < 0);
	CHECK(error_kind(err) == ERROR_INVALID);
}

static void a_new_mount_has_its_options(void **state)
{
	(void)state;
	in_own_namespace(check_new_and_set);
}

static void check_clone(const char *dir)
{
	struct error *err = NULL;
	int fd = mount_clone(AT_FDCWD, "/etc", true, &err);
	cleanup_free char *passwd = xasprintf("%s/passwd", dir);
	cleanup_free char *made = xasprintf("%s/vessel-test-file", dir);

	CHECK(fd >= 0);
	CHECK(mount_set(fd, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, true, &err) == 0);
	CHECK(mount_attach(fd, target(dir), &err) == 0);
	CHECK(access(passwd, R_OK) == 0);
	CHECK(open(made, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno == EROFS);
	CHECK(mount_clone(AT_FDCWD, "/no/such/path", false, &err) < 0);
	CHECK(error_errno(err) == ENOENT);
}

static void a_clone_is_changed_alone(void **state)
{
	(void)state;
	in_own_namespace(check_clone);
}

static void put(const char *dir, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	struct error *err = NULL;

	CHECK(file_replace_at(AT_FDCWD, path, text, strlen(text), 0644, false, &err) == 0);
}

static void check_text(const char *dir, const char *name, const char *wanted)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name), *text = NULL;
	struct error *err = NULL;

	CHECK(file_read_at(AT_FDCWD, path, 4096, &text, &err) >= 0);
	CHECK(strcmp(text, wanted) == 0);
}

/* Many layers, with names that the kernel's old syntax has a meaning for, and one too long for one
 * value. */
static void check_overlay(const char *dir)
{
	struct error *err = NULL;
	cleanup_strv strv lowers = NULL;
	cleanup_free char *upper = xasprintf("%s/up:per,1", dir), *work = xasprintf("%s/work", dir);
	cleanup_free char *merged = xasprintf("%s/merged", dir),
			  *deep = xasprintf("%s/%0200d", dir, 0);
	int fd;

	for (int i = 0; i < 40; i++) {
		strv_appendf(&lowers, "%s/lo:we\\r,%d", dir, i);
		CHECK(mkdir(lowers[i], 0755) == 0);
		put(lowers[i], "which", lowers[i]);
	}
	CHECK(mkdir(deep, 0755) == 0);
	strv_appendf(&lowers, "%s/%0200d", deep, 1);
	CHECK(mkdir(lowers[40], 0755) == 0);
	put(lowers[40], "lowest", "lowest");
	CHECK(mkdir(upper, 0755) == 0 && mkdir(work, 0755) == 0 && mkdir(merged, 0755) == 0);
	fd = mount_overlay(lowers, upper, work, MOUNT_ATTR_NOSUID, &err);
	CHECK(fd >= 0);
	CHECK(mount_attach(fd, target(merged), &err) == 0);
	check_text(merged, "which", lowers[0]);
	check_text(merged, "lowest", "lowest");
	put(merged, "new", "new");
	check_text(upper, "new", "new");
}

static void an_overlay_has_many_layers(void **state)
{
	(void)state;
	in_own_namespace(check_overlay);
}

static void check_read_only_overlay(const char *dir)
{
	struct error *err = NULL;
	cleanup_strv strv lowers = NULL;
	cleanup_free char *merged = xasprintf("%s/merged", dir);
	cleanup_free char *made = xasprintf("%s/made", merged);
	int fd;

	for (int i = 0; i < 2; i++) {
		strv_appendf(&lowers, "%s/%d", dir, i);
		CHECK(mkdir(lowers[i], 0755) == 0);
	}
	CHECK(mkdir(merged, 0755) == 0);
	fd = mount_overlay(lowers, NULL, NULL, 0, &err);
	CHECK(fd >= 0);
	CHECK(mount_attach(fd, target(merged), &err) == 0);
	CHECK(open(made, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno == EROFS);
	strv_append(&lowers, "/no/such/layer");
	CHECK(mount_overlay(lowers, NULL, NULL, 0, &err) < 0);
}

static void an_overlay_without_upper_is_read_only(void **state)
{
	(void)state;
	in_own_namespace(check_read_only_overlay);
}

static void check_pivot(const char *dir)
{
	struct error *err = NULL;
	int fd = mount_new("tmpfs", "root", NULL, 0, &err);
	cleanup_free char *text = NULL;
	struct stat st;

	CHECK(fd >= 0);
	CHECK(mount_attach(fd, target("/"), &err) == 0);
	CHECK(mkdirat(fd, "here", 0755) == 0);
	CHECK(mount_pivot(fd, &err) == 0);
	CHECK(stat("here", &st) == 0 && stat("/here", &st) == 0);
	CHECK(stat("/../../etc", &st) < 0 && stat(dir, &st) < 0);
}

static void pivot_leaves_nothing_of_the_old_root(void **state)
{
	(void)state;
	in_own_namespace(check_pivot);
}

static void escapes_of_mountinfo_are_read(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{ "/plain", "/plain" },
		{ "/a\\040b\\011c\\012d\\134",
			"/a b\tc\nd\\" }, /* the four that the kernel writes */
		{ "\\134040", "\\040" }, /* what was unescaped is not looked at again */
		{ "/a\\", "/a\\" }, /* cut off: not read beyond its end */
		{ "/a\\04", "/a\\04" },
		{ "/a\\490", "/a\\490" }, /* no byte */
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_free char *text = xstrdup(rows[i].text);

		mountinfo_unescape(text);
		assert_string_equal(text, rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_mount_has_its_options),
		cmocka_unit_test(a_clone_is_changed_alone),
		cmocka_unit_test(an_overlay_has_many_layers),
		cmocka_unit_test(an_overlay_without_upper_is_read_only),
		cmocka_unit_test(escapes_of_mountinfo_are_read),
		cmocka_unit_test(pivot_leaves_nothing_of_the_old_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

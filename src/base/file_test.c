/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static int make_directory(void **state)
{
	char path[] = "/tmp/vessel-file-XXXXXX";
	int *fd = malloc(sizeof(*fd));

	if (!fd || !mkdtemp(path))
		return -1;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fd;
	return *fd < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
	cleanup_error struct error *err = NULL;
	char link[64], path[256];
	int fd = *(int *)*state;
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return -1;
	path[length] = '\0';
	free(*state);
	close(fd);
	return tree_remove_at(AT_FDCWD, path, &err);
}

static void a_replaced_file_is_the_new_one(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	int dir_fd = *(int *)*state;

	assert_int_equal(file_replace_at(dir_fd, "f", "old", 3, 0600, true, &err), 0);
	assert_int_equal(file_replace_at(dir_fd, "f", "newer", 5, 0600, false, &err), 0);
	assert_int_equal(file_read_at(dir_fd, "f", 100, &text, &err), 5);
	assert_string_equal(text, "newer");
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
	cleanup_error struct error *err = NULL;
	char *text = NULL;
	int dir_fd = *(int *)*state;

	assert_int_equal(file_replace_at(dir_fd, "f", "12345", 5, 0600, false, &err), 0);
	assert_int_equal(file_read_at(dir_fd, "f", 5, &text, &err), 5);
	free(text);
	assert_int_equal(file_read_at(dir_fd, "f", 4, &text, &err), -1);
	error_free(take_ptr(err));
	/* Endless ones as well, which say that their size is 0. */
	assert_int_equal(file_read_at(AT_FDCWD, "/dev/zero", 10000, &text, &err), -1);
}

static void a_tree_is_removed_and_links_are_not_followed(void **state)
{
	cleanup_error struct error *err = NULL;
	int dir_fd = *(int *)*state;
	struct stat st;

	close_fd(dir_make_at(dir_fd, "t/a/b/c", 0755, &err));
	assert_int_equal(file_replace_at(dir_fd, "t/a/f", "x", 1, 0600, false, &err), 0);
	assert_int_equal(file_replace_at(dir_fd, "kept", "x", 1, 0600, false, &err), 0);
	assert_int_equal(symlinkat("../kept", dir_fd, "t/link"), 0);
	assert_int_equal(symlinkat("..", dir_fd, "t/up"), 0);
	assert_int_equal(tree_remove_at(dir_fd, "t", &err), 0);
	assert_int_equal(fstatat(dir_fd, "t", &st, 0), -1);
	assert_int_equal(fstatat(dir_fd, "kept", &st, 0), 0);
	assert_int_equal(tree_remove_at(dir_fd, "t", &err), 0);
}

/* As an image can have it, or a container can make it: deeper than a process may have files open.
 */
static void a_tree_of_any_depth_is_removed(void **state)
{
	cleanup_error struct error *err = NULL;
	int dir_fd = *(int *)*state, fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	struct rlimit old, few = { .rlim_cur = 100 };
	struct stat st;

	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		/* Names that what is moved would get. */
		assert_int_equal(mkdirat(fd, i % 2 ? ".removed-0" : ".removed-1", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		assert_int_equal(file_replace_at(next, ".removed-2", "x", 1, 0600, false, &err), 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(tree_remove_at(dir_fd, "d", &err), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(fstatat(dir_fd, "d", &st, 0), -1);
}

static void a_missing_file_says_which(void **state)
{
	cleanup_error struct error *err = NULL;
	char *text = NULL;

	assert_int_equal(file_read_at(*(int *)*state, "nowhere", 10, &text, &err), -1);
	assert_string_equal(error_message(err), "open nowhere: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_replaced_file_is_the_new_one, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			a_file_beyond_the_limit_is_refused, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_tree_is_removed_and_links_are_not_followed,
			make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			a_tree_of_any_depth_is_removed, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			a_missing_file_says_which, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

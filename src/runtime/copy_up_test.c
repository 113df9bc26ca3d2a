/* SPDX-License-Identifier: Apache-2.0 */
/* A tree is copied as it is, and never further than it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/copy_up.h"

struct trees {
	char dir[32];
	int from_fd, to_fd;
};

static int setup(void **state)
{
	struct trees *trees = xcalloc(1, sizeof(*trees));
	int dir_fd;

	memcpy(trees->dir, "/tmp/vessel-copy.XXXXXX", sizeof("/tmp/vessel-copy.XXXXXX"));
	if (!mkdtemp(trees->dir))
		return -1;
	dir_fd = open(trees->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(dir_fd, "from", 0755) < 0 || mkdirat(dir_fd, "to", 0700) < 0)
		return -1;
	trees->from_fd = openat(dir_fd, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	trees->to_fd = openat(dir_fd, "to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	close(dir_fd);
	*state = trees;
	return 0;
}

static int teardown(void **state)
{
	struct trees *trees = *state;
	struct error *err = NULL;
	int result = tree_remove_at(AT_FDCWD, trees->dir, &err);

	close(trees->from_fd);
	close(trees->to_fd);
	free(trees);
	return result;
}

static const struct {
	const char *path;
	mode_t mode;
	const char *content; /* of a file, or where a link leads */
} entries[] = {
	{ "empty", S_IFREG | 0644, "" },
	{ "secret", S_IFREG | 0600, "x" },
	{ "setuid", S_IFREG | 04755, "#!/bin/sh\n" },
	{ "dir", S_IFDIR | 0750, NULL },
	{ "dir/sticky", S_IFDIR | 01777, NULL },
	{ "dir/sticky/file", S_IFREG | 0444, "deep" },
	{ "dir/dangling", S_IFLNK | 0777, "no/such" },
	/* Followed, it would be copied into itself, or out of the tree. */
	{ "dir/up", S_IFLNK | 0777, ".." },
	{ "dir/out", S_IFLNK | 0777, "/etc" },
};

static void make_entries(int dir_fd)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		const char *path = entries[i].path, *content = entries[i].content;
		struct error *err = NULL;

		if (S_ISDIR(entries[i].mode))
			assert_int_equal(mkdirat(dir_fd, path, 0700), 0);
		else if (S_ISLNK(entries[i].mode))
			assert_int_equal(symlinkat(content, dir_fd, path), 0);
		else
			assert_int_equal(file_replace_at(dir_fd, path, content, strlen(content),
						 0600, false, &err),
				0);
		if (!S_ISLNK(entries[i].mode))
			assert_int_equal(fchmodat(dir_fd, path, entries[i].mode & 07777, 0), 0);
		if (geteuid() == 0) {
			assert_int_equal(fchownat(dir_fd, path, 33, 34, AT_SYMLINK_NOFOLLOW), 0);
			if (S_ISREG(entries[i].mode)) /* a change of owner takes setuid away */
				assert_int_equal(
					fchmodat(dir_fd, path, entries[i].mode & 07777, 0), 0);
		}
	}
}

static void check_entry(int dir_fd, size_t i)
{
	const char *path = entries[i].path, *content = entries[i].content;
	cleanup_free char *text = NULL;
	struct error *err = NULL;
	char target[64] = "";
	struct stat st;

	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mode != entries[i].mode)
		fail_msg("%s: mode %o, not %o", path, st.st_mode, entries[i].mode);
	if (geteuid() == 0 && (st.st_uid != 33 || st.st_gid != 34))
		fail_msg("%s: owned by %u:%u", path, st.st_uid, st.st_gid);
	if (S_ISLNK(st.st_mode)) {
		assert_true(readlinkat(dir_fd, path, target, sizeof(target) - 1) > 0);
		assert_string_equal(target, content);
	} else if (S_ISREG(st.st_mode)) {
		assert_int_equal(
			file_read_at(dir_fd, path, 4096, &text, &err), (ssize_t)strlen(content));
		assert_string_equal(text, content);
	}
}

static void a_tree_is_copied_as_it_is(void **state)
{
	const struct trees *trees = *state;
	struct error *err = NULL;
	struct stat st;

	make_entries(trees->from_fd);
	/* Read, one would wait for a writer; copied, it would be a device of the host. */
	assert_int_equal(mkfifoat(trees->from_fd, "dir/fifo", 0600), 0);
	assert_int_equal(fchmod(trees->from_fd, 0711), 0);
	if (copy_up_tree(trees->from_fd, trees->to_fd, &err) < 0)
		fail_msg("%s", error_message(err));
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		check_entry(trees->to_fd, i);
	assert_int_equal(faccessat(trees->to_fd, "dir/fifo", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstat(trees->to_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
}

static void what_is_larger_than_a_chunk_arrives(void **state)
{
	const struct trees *trees = *state;
	int fd = openat(trees->from_fd, "large", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const off_t size = (5L << 20) + 7;
	struct error *err = NULL;
	struct stat st;
	char end[3] = "";

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "end", 3, size - 3), 3);
	close(fd);
	assert_int_equal(copy_up_tree(trees->from_fd, trees->to_fd, &err), 0);
	fd = openat(trees->to_fd, "large", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(pread(fd, end, 3, size - 3), 3);
	assert_memory_equal(end, "end", 3);
	close(fd);
}

/* An image chooses how deep it is. */
static void make_deep(int dir_fd, int depth)
{
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	for (int i = 0; i < depth; i++) {
		int below;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		below = openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(below >= 0);
		close(fd);
		fd = below;
	}
	close(fd);
}

static void depth_has_an_end(void **state)
{
	const struct trees *trees = *state;
	cleanup_error struct error *err = NULL;

	make_deep(trees->from_fd, COPY_UP_DEPTH_MAX + 1);
	assert_int_equal(copy_up_tree(trees->from_fd, trees->to_fd, &err), -1);
	assert_int_equal(error_kind(err), ERROR_INVALID);
	assert_non_null(strstr(error_message(err), "too deep"));
}

static void as_deep_as_is_allowed_is_copied(void **state)
{
	const struct trees *trees = *state;
	struct error *err = NULL;

	make_deep(trees->from_fd, COPY_UP_DEPTH_MAX);
	assert_int_equal(copy_up_tree(trees->from_fd, trees->to_fd, &err), 0);
}

/* What is there already was put by somebody: it is not written through. */
static void nothing_is_overwritten(void **state)
{
	const struct trees *trees = *state;
	static const struct {
		const char *name;
		mode_t mode;
	} both[] = { { "file", S_IFREG }, { "dir", S_IFDIR }, { "link", S_IFLNK } };

	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		cleanup_error struct error *err = NULL;

		if (both[i].mode == S_IFDIR)
			assert_int_equal(mkdirat(trees->from_fd, both[i].name, 0755), 0);
		else if (both[i].mode == S_IFLNK)
			assert_int_equal(symlinkat("x", trees->from_fd, both[i].name), 0);
		else
			assert_int_equal(file_replace_at(trees->from_fd, both[i].name, "new", 3,
						 0644, false, &err),
				0);
		assert_int_equal(symlinkat("elsewhere", trees->to_fd, both[i].name), 0);
		assert_int_equal(copy_up_tree(trees->from_fd, trees->to_fd, &err), -1);
		assert_int_equal(error_errno(err), EEXIST);
		assert_non_null(strstr(error_message(err), both[i].name));
		assert_int_equal(faccessat(trees->to_fd, "elsewhere", F_OK, 0), -1);
		assert_int_equal(unlinkat(trees->from_fd, both[i].name,
					 both[i].mode == S_IFDIR ? AT_REMOVEDIR : 0),
			0);
		assert_int_equal(unlinkat(trees->to_fd, both[i].name, 0), 0);
	}
}

#define TREES(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREES(a_tree_is_copied_as_it_is),
		TREES(what_is_larger_than_a_chunk_arrives),
		TREES(depth_has_an_end),
		TREES(as_deep_as_is_allowed_is_copied),
		TREES(nothing_is_overwritten),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

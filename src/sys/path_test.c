/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

/* A directory with "root" (what the attacker filled) and "outside" (what must not be reached). */
struct place {
	char *path;
	int dir_fd, root_fd, outside_fd;
};

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *secret = NULL;

	place->path = xasprintf("%s/vessel-path-test.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->path));
	place->dir_fd = open(place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(place->dir_fd, "root", 0755), 0);
	assert_int_equal(mkdirat(place->dir_fd, "outside", 0755), 0);
	place->root_fd = openat(place->dir_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	place->outside_fd = openat(place->dir_fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdirat(place->root_fd, "dir", 0755), 0);
	assert_int_equal(symlinkat("../outside", place->root_fd, "relative"), 0);
	secret = xasprintf("%s/outside", place->path);
	assert_int_equal(symlinkat(secret, place->root_fd, "absolute"), 0);
	assert_int_equal(symlinkat("chain2", place->root_fd, "chain"), 0);
	assert_int_equal(symlinkat("../../../../../../../../tmp", place->root_fd, "chain2"), 0);
	assert_int_equal(symlinkat("loop", place->root_fd, "loop"), 0);
	assert_int_equal(symlinkat("/proc/self/root", place->root_fd, "magic"), 0);
	assert_int_equal(symlinkat("/run", place->root_fd, "dangling"), 0);
	assert_int_equal(symlinkat("../run2/./deep", place->root_fd, "dir/dangling"), 0);
	assert_int_equal(symlinkat("/dir", place->root_fd, "inner"), 0);
	assert_int_equal(mkfifoat(place->root_fd, "fifo", 0600), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;

	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	close_fd(place->dir_fd);
	close_fd(place->root_fd);
	close_fd(place->outside_fd);
	free(place->path);
	free(place);
	return 0;
}

static bool is_empty(int dir_fd)
{
	/* An empty directory can be removed; put it back when it could. */
	if (unlinkat(dir_fd, "outside", AT_REMOVEDIR) < 0)
		return false;
	return mkdirat(dir_fd, "outside", 0755) == 0;
}

static void put_file(int dir_fd, const char *name, const char *text)
{
	cleanup_error struct error *err = NULL;

	assert_int_equal(file_replace_at(dir_fd, name, text, strlen(text), 0644, false, &err), 0);
}

static const struct {
	const char *why, *path;
	const char *made; /* where mkdirs makes it, from the root; NULL: an error */
} made_in_root[] = {
	{ "plain", "a/b/c", "a/b/c" },
	{ "absolute means from the root", "/a2/b", "a2/b" },
	{ "slashes repeated and at the end", "//a3///b//", "a3/b" },
	{ "climbing stops at the root", "../../../../up/x", "up/x" },
	{ "a link up and out ends in the root", "relative/x", "outside/x" },
	{ "dangling link: made where it points, in the root", "dangling/x", "run/x" },
	{ "relative dangling link", "dir/dangling/x", "run2/deep/x" },
	{ "link inside", "inner/y", "dir/y" },
	{ "link to itself", "loop/x", NULL },
	{ "file in the way", "file/x", NULL },
	{ "what is there already", "dir", "dir" },
	{ "the root itself", "/", "." },
	{ "no text is the root", "", "." },
};

static void mkdirs_stays_in_root(void **state)
{
	struct place *place = *state;

	put_file(place->root_fd, "file", "text");
	for (size_t i = 0; i < sizeof(made_in_root) / sizeof(made_in_root[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = path_mkdirs_in_root(
			place->root_fd, made_in_root[i].path, 0750, geteuid(), getegid(), &err);
		struct stat st, wanted;

		print_message("%s\n", made_in_root[i].why);
		if (!made_in_root[i].made) {
			assert_int_equal(fd, -1);
			assert_non_null(err);
			continue;
		}
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(
			fstatat(place->root_fd, made_in_root[i].made, &wanted, AT_SYMLINK_NOFOLLOW),
			0);
		assert_int_equal(st.st_ino, wanted.st_ino);
		assert_true(is_empty(place->dir_fd));
	}
}

static void mkdirs_mode_is_not_masked(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	mode_t old = umask(077);
	cleanup_close int fd =
		path_mkdirs_in_root(place->root_fd, "deep/er", 01777, geteuid(), getegid(), &err);
	struct stat st;

	umask(old);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
}

static const struct {
	const char *why, *path;
	int flags;
	int expected; /* errno, or 0 */
} opened[] = {
	{ "new file", "dir/new", O_WRONLY | O_CREAT, 0 },
	{ "create through a link that leaves: the root's own, which is missing", "relative/new",
		O_WRONLY | O_CREAT, ENOENT },
	{ "create at a dangling link", "dangling", O_WRONLY | O_CREAT, ELOOP },
	{ "magic link", "magic/etc", O_PATH, ENOENT },
	{ "a loop ends", "loop", O_RDONLY, ELOOP },
	{ "a chain that climbs", "chain/x", O_RDONLY, ENOENT },
};

static void open_stays_in_root(void **state)
{
	struct place *place = *state;

	put_file(place->outside_fd, "secret", "secret");
	for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = path_open_in_root(
			place->root_fd, opened[i].path, opened[i].flags, 0640, &err);

		print_message("%s\n", opened[i].why);
		assert_int_equal(fd < 0 ? error_errno(err) : 0, opened[i].expected);
		if (fd >= 0)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_int_equal(unlinkat(place->outside_fd, "secret", 0), 0);
	assert_true(is_empty(place->dir_fd));
}

/* /proc of the machine below the root, as a bind mount would put it there: its magic links lead
 * anywhere. */
static void magic_links_are_refused(void **state)
{
	cleanup_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	cleanup_error struct error *err = NULL;
	cleanup_close int fd = path_open_in_root(proc_fd, "self/root/etc", O_PATH, 0, &err);

	(void)state;
	assert_int_equal(fd, -1);
	assert_int_equal(error_errno(err), ELOOP);
}

static const struct {
	const char *why, *path, *name; /* name NULL: an error */
} parents[] = {
	{ "plain", "dir/x", "x" },
	{ "in the root", "x", "x" },
	{ "absolute", "/x", "x" },
	{ "a slash at the end does not make it another entry", "dir/x//", "x" },
	{ "the component itself is not resolved", "relative", "relative" },
	{ "no entry: the root", "/", NULL },
	{ "no entry: empty", "", NULL },
	{ "no entry: dot", "dir/.", NULL },
	{ "no entry: dots", "dir/..", NULL },
	{ "parent missing", "missing/x", NULL },
	{ "parent is a link out", "absolute/x", NULL },
};

static void parent_names_an_entry(void **state)
{
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *name = NULL;
		cleanup_close int fd =
			path_parent_in_root(place->root_fd, parents[i].path, &name, &err);

		print_message("%s\n", parents[i].why);
		assert_int_equal(fd >= 0, parents[i].name != NULL);
		if (fd >= 0)
			assert_string_equal(name, parents[i].name);
		else
			assert_null(name);
	}
}

static void read_takes_regular_files_only(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *fifo = NULL, *directory = NULL, *large = NULL, *err = NULL;
	cleanup_free char *text = NULL;
	size_t length = 0;

	put_file(place->root_fd, "dir/file", "12345");
	put_file(place->outside_fd, "secret", "secret");
	assert_int_equal(
		path_read_in_root(place->root_fd, "/inner/file", 5, &text, &length, &err), 1);
	assert_string_equal(text, "12345");
	assert_int_equal(length, 5);
	assert_int_equal(
		path_read_in_root(place->root_fd, "relative/secret", 9, &text, &length, &err), 0);
	assert_int_equal(
		path_read_in_root(place->root_fd, "absolute/secret", 9, &text, &length, &err), 0);
	/* Would block for ever. */
	assert_int_equal(path_read_in_root(place->root_fd, "fifo", 9, &text, &length, &fifo), -1);
	assert_int_equal(
		path_read_in_root(place->root_fd, "dir", 9, &text, &length, &directory), -1);
	assert_int_equal(
		path_read_in_root(place->root_fd, "dir/file", 4, &text, &length, &large), -1);
	assert_int_equal(unlinkat(place->outside_fd, "secret", 0), 0);
}

static void stat_follows_in_root(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL, *loop = NULL;
	struct stat st = { 0 };

	assert_int_equal(path_stat_in_root(place->root_fd, "inner", &st, &err), 1);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(path_stat_in_root(place->root_fd, "relative", &st, &err), 0);
	assert_int_equal(path_stat_in_root(place->root_fd, "fifo/x", &st, &err), 0);
	assert_int_equal(path_stat_in_root(place->root_fd, "loop", &st, &loop), -1);
}

/* A process that swaps a directory with a link out, again and again, while we make directories. */
static void swapping_does_not_lead_out(void **state)
{
	struct place *place = *state;
	pid_t parent = getpid(), pid;
	int status;

	assert_int_equal(mkdirat(place->root_fd, "swap", 0755), 0);
	pid = fork();
	if (pid == 0) {
		while (getppid() == parent)
			(void)renameat2(place->root_fd, "swap", place->root_fd, "absolute",
				RENAME_EXCHANGE);
		_exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *path = xasprintf("swap/d%d", i);
		cleanup_close int fd =
			path_mkdirs_in_root(place->root_fd, path, 0755, geteuid(), getegid(), &err);
		cleanup_error struct error *file_err = NULL;

		replace_string(&path, xasprintf("swap/f%d", i));
		close_fd(path_open_in_root(
			place->root_fd, path, O_WRONLY | O_CREAT, 0600, &file_err));
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(is_empty(place->dir_fd));
}

static const struct {
	const char *path, *clean;
} cleaned[] = {
	{ "", "/" },
	{ "/", "/" },
	{ ".", "/" },
	{ "..", "/" },
	{ "/a/../b//c/.", "/b/c" },
	{ "a", "/a" },
	{ "a/..", "/" },
	{ "/a/b/../../../c", "/c" },
	{ "/a/...", "/a/..." },
	{ "//a//", "/a" },
};

static void clean_is_lexical(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cleaned) / sizeof(cleaned[0]); i++) {
		cleanup_free char *clean = path_clean(cleaned[i].path);

		assert_string_equal(clean, cleaned[i].clean);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mkdirs_stays_in_root, setup, teardown),
		cmocka_unit_test_setup_teardown(mkdirs_mode_is_not_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(open_stays_in_root, setup, teardown),
		cmocka_unit_test(magic_links_are_refused),
		cmocka_unit_test_setup_teardown(parent_names_an_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(read_takes_regular_files_only, setup, teardown),
		cmocka_unit_test_setup_teardown(stat_follows_in_root, setup, teardown),
		cmocka_unit_test_setup_teardown(swapping_does_not_lead_out, setup, teardown),
		cmocka_unit_test(clean_is_lexical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

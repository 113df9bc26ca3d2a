/* SPDX-License-Identifier: Apache-2.0 */
/* COPY from one temporary directory to another: needs root, for files of several owners. */
#include "build/copy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/key.h"
#include "sys/path.h"

/* "context" to copy from, "root" to copy to, "outside" that neither may reach. */
struct place {
	char *path;
	int dir_fd, context_fd, root_fd;
};

static void put(int dir_fd, const char *path, const char *text, mode_t mode)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close_fd(fd);
}

static void make_directory(int dir_fd, const char *path)
{
	assert_int_equal(mkdirat(dir_fd, path, 0755), 0);
}

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");

	place->path = xasprintf("%s/vessel-copy-test.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->path));
	place->dir_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_directory(place->dir_fd, "context");
	make_directory(place->dir_fd, "root");
	make_directory(place->dir_fd, "outside");
	put(place->dir_fd, "outside/secret", "secret", 0600);
	place->context_fd = openat(place->dir_fd, "context", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place->root_fd = openat(place->dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(place->context_fd, "file", "content", 0640);
	put(place->context_fd, "b.txt", "b", 0644);
	put(place->context_fd, "a.txt", "a", 0644);
	make_directory(place->context_fd, "dir");
	make_directory(place->context_fd, "dir/sub");
	put(place->context_fd, "dir/x", "x", 04755);
	put(place->context_fd, "dir/sub/y", "y", 0600);
	assert_int_equal(symlinkat("sub/y", place->context_fd, "dir/link"), 0);
	assert_int_equal(symlinkat("../../outside/secret", place->context_fd, "climbs"), 0);
	assert_int_equal(symlinkat("dir", place->context_fd, "dirlink"), 0);
	assert_int_equal(fchmodat(place->context_fd, "dir/sub", 0700, 0), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	struct error *err = NULL;

	close_fd(place->context_fd);
	close_fd(place->root_fd);
	close_fd(place->dir_fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	free(place->path);
	free(place);
	return 0;
}

/* Copies; *ret_error is the error's text, or NULL. */
static char *copy_with(
	struct place *place, const char *pattern, struct copy *copy, const struct ignore *ignore)
{
	struct source source = { .root_fd = place->context_fd,
		.ignore = ignore,
		.root_owned = true,
		.name = "the build context" };
	cleanup_error struct error *err = NULL;
	cleanup_strv strv paths = NULL;

	copy->root_fd = place->root_fd;
	if (source_expand(&source, pattern, false, &paths, &err) < 0)
		return xstrdup(error_message(err));
	for (size_t i = 0; paths && paths[i]; i++) {
		cleanup_tree struct tree tree = { .fd = -1 };

		if (tree_list(&source, paths[i], NULL, &tree, &err) < 0 ||
			copy_tree(copy, &tree, &err) < 0)
			return xstrdup(error_message(err));
	}
	return NULL;
}

static char *copy_to(struct place *place, const char *pattern, const char *dest)
{
	struct copy copy = { .dest = dest };

	return copy_with(place, pattern, &copy, NULL);
}

static struct stat look(struct place *place, const char *path)
{
	struct stat st;

	if (fstatat(place->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s' is not there", path);
	return st;
}

static bool is_there(struct place *place, const char *path)
{
	return faccessat(place->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void copies_files(void **state)
{
	static const struct {
		const char *why, *pattern, *dest, *made;
	} rows[] = {
		{ "under a new name", "file", "/new/name", "new/name" },
		{ "into a directory by its slash", "file", "/into/", "into/file" },
		{ "into one that is there", "file", "/into", "into/file" },
		{ "by wildcard", "*.txt", "/texts/", "texts/b.txt" },
		{ "clamped to the root of the context", "../../../file", "/clamped", "clamped" },
		{ "through a link to a directory", "dirlink/x", "/x", "x" },
		{ "a directory's contents", "dir", "/d", "d/sub/y" },
		{ "into one that is there, merged", "dir/sub", "/d", "d/y" },
		{ "by a path that climbs out of the image", "file", "/../../up", "up" },
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_free char *failed = copy_to(place, rows[i].pattern, rows[i].dest);

		if (failed || !is_there(place, rows[i].made))
			fail_msg("%s: %s", rows[i].why, failed ? failed : "not there");
	}
}

static void keeps_metadata(void **state)
{
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5 } };
	struct place *place = *state;
	char link[16] = "";

	if (geteuid() != 0) {
		print_message("skipped: only root can give files away\n");
		skip();
	}
	assert_int_equal(utimensat(place->context_fd, "dir/x", times, 0), 0);
	assert_int_equal(fchownat(place->context_fd, "dir/x", 5, 6, 0), 0);
	assert_int_equal(fchmodat(place->context_fd, "dir/x", 04755, 0), 0);
	assert_int_equal(utimensat(place->context_fd, "dir/sub", times, 0), 0);
	assert_null(copy_to(place, "dir", "/d"));
	assert_int_equal(look(place, "d/x").st_mode & 07777, 04755);
	assert_int_equal(look(place, "d/x").st_mtim.tv_sec, 2000);
	assert_int_equal(look(place, "d/x").st_uid, 0); /* whoever has it here */
	assert_int_equal(look(place, "d/sub").st_mode & 07777, 0700);
	assert_int_equal(look(place, "d/sub").st_mtim.tv_sec, 2000);
	assert_int_equal(readlinkat(place->root_fd, "d/link", link, sizeof(link)), 5);
	assert_memory_equal(link, "sub/y", 5);
}

static void changes_metadata(void **state)
{
	struct owner owner = { 1234, 50 };
	struct copy copy = { .dest = "/d/", .owner = &owner, .mode = "u=rwX,go=" };
	struct place *place = *state;

	if (geteuid() != 0) {
		print_message("skipped: only root can give files away\n");
		skip();
	}
	assert_null(copy_with(place, "dir", &copy, NULL));
	assert_int_equal(look(place, "d").st_uid, 1234); /* directories that are made, too */
	assert_int_equal(look(place, "d/x").st_gid, 50);
	assert_int_equal(look(place, "d/x").st_mode & 07777, 0700);
	assert_int_equal(look(place, "d/sub/y").st_mode & 07777, 0600);
	assert_int_equal(look(place, "d/link").st_uid, 1234);
}

static void stays_inside(void **state)
{
	struct place *place = *state;
	cleanup_free char *failed = copy_to(place, "climbs", "/got");

	/* The link leads to context/outside/secret, which is not there. */
	assert_non_null(failed);
	assert_non_null(strstr(failed, "'climbs' is not in the build context"));
	assert_int_equal(symlinkat("../../../outside", place->root_fd, "out"), 0);
	assert_null(copy_to(place, "file", "/out/planted"));
	assert_int_equal(faccessat(place->dir_fd, "outside/planted", F_OK, 0), -1);
	assert_true(is_there(place, "outside/planted"));
}

static void replaces(void **state)
{
	struct place *place = *state;
	cleanup_free char *over_directory = NULL, *over_link = NULL;

	put(place->root_fd, "target", "old", 0644);
	assert_int_equal(symlinkat("target", place->root_fd, "follow"), 0);
	make_directory(place->root_fd, "into");
	assert_int_equal(symlinkat("../target", place->root_fd, "into/file"), 0);
	/* As the destination a link is followed; as an entry of a directory it is replaced. */
	assert_null(copy_to(place, "file", "/into/"));
	assert_true(S_ISREG(look(place, "into/file").st_mode));
	assert_int_equal(look(place, "target").st_size, 3);
	assert_null(copy_to(place, "file", "/follow"));
	assert_true(S_ISLNK(look(place, "follow").st_mode));
	assert_int_equal(look(place, "target").st_size, 7);
	make_directory(place->root_fd, "d");
	make_directory(place->root_fd, "d/x");
	over_directory = copy_to(place, "dir", "/d");
	assert_non_null(strstr(over_directory, "cannot be replaced by a file"));
	assert_int_equal(unlinkat(place->root_fd, "d/x", AT_REMOVEDIR), 0);
	(void)unlinkat(place->root_fd, "d/sub/y", 0);
	(void)unlinkat(place->root_fd, "d/sub", AT_REMOVEDIR);
	assert_int_equal(symlinkat("/into", place->root_fd, "d/sub"), 0);
	over_link = copy_to(place, "dir", "/d");
	assert_non_null(strstr(over_link, "is not a directory"));
}

static void makes_where_a_link_dangles(void **state)
{
	struct place *place = *state;

	assert_int_equal(symlinkat("/later/name", place->root_fd, "dangling"), 0);
	assert_null(copy_to(place, "file", "/dangling"));
	assert_true(S_ISREG(look(place, "later/name").st_mode));
}

static void hides_what_is_ignored(void **state)
{
	struct place *place = *state;
	cleanup_ignore struct ignore ignore = { .patterns = NULL };
	cleanup_error struct error *err = NULL;
	cleanup_free char *failed = NULL, *behind_link = NULL;
	struct copy all = { .dest = "/all" }, one = { .dest = "/one" };

	assert_int_equal(ignore_parse("i", "dir\n!dir/sub\n*.txt", 19, &ignore, &err), 0);
	assert_null(copy_with(place, "file", &one, &ignore));
	assert_null(copy_with(place, "*.txt", &all, &ignore) ? "an error" : NULL);
	assert_false(is_there(place, "all/a.txt"));
	assert_null(copy_with(place, "dir", &all, &ignore));
	assert_true(is_there(place, "all/sub/y"));
	assert_false(is_there(place, "all/x"));
	failed = copy_with(place, "dir/x", &all, &ignore);
	assert_non_null(failed);
	behind_link = copy_with(place, "dirlink/x", &all, &ignore); /* the same file */
	assert_non_null(behind_link);
}

static void digest(struct place *place, char ret[static ID_MAX])
{
	struct source source = { .root_fd = place->context_fd, .root_owned = true, .name = "c" };
	cleanup_tree struct tree tree = { .fd = -1 };
	cleanup_error struct error *err = NULL;
	struct sha256 sha;

	key_begin(&sha, "test");
	assert_int_equal(tree_list(&source, "/dir", NULL, &tree, &err), 0);
	assert_int_equal(tree_digest(&tree, &sha, &err), 0);
	key_end(&sha, ret);
}

/* Everything that makes another image makes another digest; a time does not. */
static void digests(void **state)
{
	struct place *place = *state;
	char before[ID_MAX], after[ID_MAX];
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };

	digest(place, before);
	assert_int_equal(utimensat(place->context_fd, "dir/x", times, 0), 0);
	digest(place, after);
	assert_string_equal(before, after);
	put(place->context_fd, "dir/x", "y", 04755);
	digest(place, after);
	assert_string_not_equal(before, after);
	put(place->context_fd, "dir/x", "x", 0755);
	digest(place, after);
	assert_string_not_equal(before, after);
	put(place->context_fd, "dir/x", "x", 04755);
	digest(place, after);
	assert_string_equal(before, after);
	assert_int_equal(renameat(place->context_fd, "dir/x", place->context_fd, "dir/z"), 0);
	digest(place, after);
	assert_string_not_equal(before, after);
	assert_int_equal(renameat(place->context_fd, "dir/z", place->context_fd, "dir/x"), 0);
	assert_int_equal(unlinkat(place->context_fd, "dir/link", 0), 0);
	assert_int_equal(symlinkat("sub/z", place->context_fd, "dir/link"), 0);
	digest(place, after);
	assert_string_not_equal(before, after);
}

static void names_owners(void **state)
{
	static const struct {
		const char *why, *text, *says;
		struct owner owner;
	} rows[] = {
		{ "a name brings its group", "app", NULL, { 1000, 1001 } },
		{ "a number is its group too", "7", NULL, { 7, 7 } },
		{ "both", "app:staff", NULL, { 1000, 50 } },
		{ "numbers", "1:2", NULL, { 1, 2 } },
		{ "the group only", ":staff", NULL, { 0, 50 } },
		{ "root, always", "root:root", NULL, { 0, 0 } },
		{ "nobody we know", "nosuch", "the user 'nosuch' is not in", { 0, 0 } },
		{ "a group neither", "app:nosuch", "the group 'nosuch' is not in", { 0, 0 } },
		{ "part of a name", "ap", "the user 'ap'", { 0, 0 } },
		{ "an account with a broken number", "bad", "the user 'bad'", { 0, 0 } },
		{ "-1 means something else to chown", "4294967295", "the user", { 0, 0 } },
		{ "three parts", "a:b:c", "user:group", { 0, 0 } },
	};
	struct place *place = *state;

	make_directory(place->root_fd, "etc");
	put(place->root_fd, "etc/passwd", "app:x:1000:1001::/:\nbad:x:x:1::/:\n", 0644);
	put(place->root_fd, "etc/group", "staff:x:50:\n", 0644);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_error struct error *err = NULL;
		struct owner owner = { 99, 99 };
		int failed = owner_parse(rows[i].text, place->root_fd, &owner, &err);

		if ((failed < 0) != (rows[i].says != NULL) ||
			(failed < 0 && !strstr(error_message(err), rows[i].says)) ||
			(failed == 0 &&
				(owner.uid != rows[i].owner.uid || owner.gid != rows[i].owner.gid)))
			fail_msg("%s: %u:%u, %s", rows[i].why, owner.uid, owner.gid,
				err ? error_message(err) : "no error");
	}
}

/* Linked to a file of the machine, /etc/passwd is not found: the link is read inside the root. */
static void reads_no_foreign_accounts(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	struct owner owner;

	make_directory(place->root_fd, "etc");
	put(place->dir_fd, "outside/passwd", "intruder:x:77:77::/:\n", 0644);
	assert_int_equal(symlinkat("../../../outside/passwd", place->root_fd, "etc/passwd"), 0);
	assert_int_equal(owner_parse("intruder", place->root_fd, &owner, &err), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(copies_files),
		TEST(keeps_metadata),
		TEST(changes_metadata),
		TEST(stays_inside),
		TEST(replaces),
		TEST(makes_where_a_link_dangles),
		TEST(hides_what_is_ignored),
		TEST(digests),
		TEST(names_owners),
		TEST(reads_no_foreign_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

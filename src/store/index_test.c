/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers as they are seen when they are mounted. What GNU tar unpacks is the measure for archives
 * that it wrote; for those that nobody should write, both forms are each other's.
 */
#include "store/store_test.h"

#include <sys/wait.h>

#include "base/id.h"
#include "store/tree_test.h"
#include "sys/mount.h"

/* Runs a shell script in the place; its exit code. */
static int run(const struct place *place, const char *script)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (chdir(place->path) < 0)
			_exit(126);
		(void)dup2(2, 1);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void check_same(const char *what, const char *ours, const char *theirs)
{
	size_t at = 0, line = 0;

	while (ours[at] && ours[at] == theirs[at]) {
		if (ours[at++] == '\n')
			line = at;
	}
	if (ours[at] != theirs[at])
		fail_msg("%s: differ:\n%.400s\n%.400s", what, ours + line, theirs + line);
}

static char *describe_layer(struct place *place, const struct digest *diff_id)
{
	char path[64];
	cleanup_close int fd = open_layer(place, diff_id, path);

	return tree_describe(fd);
}

/* Whether the layer is kept as the place's form says. */
static bool is_in_form(struct place *place, const struct digest *diff_id)
{
	cleanup_error struct error *err = NULL;
	cleanup_strv strv lowers = NULL;

	assert_int_equal(layer_lowers(&place->store, diff_id, 1, &lowers, &err), 0);
	return lower_is_index(lowers[0]) == (place->store.form == LAYER_EROFS);
}

static const struct {
	const char *what, *script;
} trees[] = {
	{ "kinds and modes",
		"echo text >plain; : >empty; mkdir -p dir/sub sticky setgid; chmod 1777 sticky\n"
		"chmod 2775 setgid; chmod 700 dir; echo x >setuid; chmod 4755 setuid; mkfifo fifo\n"
		"mknod null c 1 3; mknod disk b 259 70000; mknod high c 4095 1048575\n"
		"chown 1000:1001 dir/sub; chown 4000000000:3000000000 plain; ln -s plain link\n"
		"chown -h 7:8 link" },
	{ "names that sort oddly",
		"for n in '!' '#' '+' - -- . .. ... .a a a. aa A Z \"$(printf '\\001')\" "
		"\"$(printf '\\344')\" \"$(printf 'new\\nline')\" 'with space'; do\n"
		"case $n in .|..) ;; *) mkdir -- \"d$n\"; echo x >\"./$n\" || :;; esac; done" },
	{ "names of all lengths",
		"for i in $(seq 1 255); do n=$(head -c $i /dev/zero | tr '\\0' n); : >$n; done\n"
		"mkdir two; for i in 254 255; do n=$(head -c $i /dev/zero | tr '\\0' m)\n"
		"mkdir two/$n; for j in $(seq 200 255); do\n"
		": >two/$n/$(head -c $j /dev/zero | tr '\\0' o); done; done" },
	{ "4,000 names in a directory", "mkdir d; cd d; seq 1 4000 | xargs touch" },
	{ "directories of each size about a block",
		"for i in $(seq 1 60); do mkdir d$i; for j in $(seq 1 $i); do : >d$i/file$j; done; "
		"done" },
	{ "deep", "d=.; for i in $(seq 1 200); do d=$d/level$i; done; mkdir -p $d; echo x >$d/f" },
	{ "symlinks of many lengths",
		"for i in 1 2 50 300 400 410 415 416 417 440 447 448 449 450 480 511 512 513 1000 "
		"4095; do\n"
		"ln -s $(head -c $i /dev/zero | tr '\\0' t) l$i; done" },
	{ "files of many lengths", "for i in 1 511 512 513 4095 4096 4097 8191 100000 1234567; do\n"
				   "head -c $i /dev/urandom >f$i; done" },
	{ "times", "touch -d @1.987654321 fraction; touch -d 1901-12-31 old; touch -d 2100-01-01 "
		   "future\n"
		   "touch -d @-0.5 before; mkdir d; touch -d @777777.000000001 d; ln -s x l\n"
		   "touch -h -d @12345.678 l" },
	{ "hard links",
		"echo text >b; ln b a; mkdir z; ln b z/c; ln -s b l; ln l l2; mkfifo f; ln f f2" },
	{ "attributes",
		"echo x >f; mkdir d; python3 -c '\n"
		"import os\n"
		"os.setxattr(\"f\", \"user.a\", b\"value\"); os.setxattr(\"f\", \"user.empty\", "
		"b\"\")\n"
		"os.setxattr(\"d\", \"user.dir\", bytes(range(256)) * 5)\n"
		"for i in range(40): os.setxattr(\"d\", \"user.%d\" % i, b\"x\" * i)\n"
		"open(\"p\", \"w\").write(\"x\")\n"
		"os.setxattr(\"p\", \"security.capability\", "
		"bytes.fromhex(\"0100000200200000000000000000000000000000\"))'" },
	{ "holes",
		"truncate -s 3G all; truncate -s 3G middle; truncate -s 1M start; truncate -s 5000 "
		"small\n"
		"printf x | dd of=middle bs=1 seek=1500000000 conv=notrunc status=none\n"
		"head -c 70000 /dev/urandom | dd of=start conv=notrunc status=none\n"
		"truncate -s 64M power; head -c 1048576 /dev/urandom | "
		"dd of=power bs=1M seek=32 conv=notrunc status=none\n"
		"truncate -s 10M end; printf end >>end" },
	{ "some of this machine", "mkdir usr; cp -a /usr/sbin /usr/share/zoneinfo usr/" },
};

static int import_file(struct place *place, const char *name, struct layer_row *ret)
{
	cleanup_free char *path = xasprintf("%s/%s", place->path, name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_error struct error *err = NULL;

	assert_true(fd >= 0);
	if (layer_import(&place->store, fd, ret, &err) == 0)
		return 0;
	print_message("%s\n", error_message(err));
	return -1;
}

static void a_layer_is_what_tar_unpacks(void **state)
{
	struct place *place = *state;

	need_form(place);
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		cleanup_free char *script =
			xasprintf("rm -rf tree theirs a; mkdir tree theirs; cd tree; umask 022\n%s",
				trees[i].script);
		cleanup_free char *ours = NULL, *theirs = NULL;
		cleanup_close int fd = -1;
		struct layer_row row;

		assert_int_equal(run(place, script), 0);
		assert_int_equal(
			run(place, "tar --format=posix --xattrs --xattrs-include='*' -S -C tree "
				   "-cf a . && tar --xattrs --xattrs-include='*' --same-owner "
				   "--numeric-owner -C theirs -xpf a"),
			0);
		assert_int_equal(import_file(place, "a", &row), 0);
		if (!is_in_form(place, &row.diff_id))
			fail_msg("%s: not in this form", trees[i].what);
		fd = openat(place->store.root_fd, "theirs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ours = describe_layer(place, &row.diff_id);
		theirs = tree_describe(fd);
		assert_true(strlen(ours) > 100);
		check_same(trees[i].what, ours, theirs);
	}
}

/* ---- archives that nobody should write ---- */

#define ENTRIES_MAX 8

static const struct {
	const char *why;
	bool unfit; /* the index cannot say it */
	struct raw entries[ENTRIES_MAX];
} odd[] = {
	{ "the last one wins", false, { { "f", .content = "1" }, { "f", .content = "22" } } },
	{ "a file becomes a directory", false, { { "x" }, { "x/", '5' }, { "x/y" } } },
	{ "a directory becomes a file", false, { { "x/y" }, { "x", .content = "file" } } },
	{ "a directory comes twice", false,
		{ { "d/", '5', .mode = 0700 }, { "d/f" }, { "d/", '5', .mode = 0750, .uid = 7 } } },
	{ "no entry for the directories", false, { { "a/b/c" }, { "a/b/d" } } },
	{ "the root's own", false, { { "./", '5', .mode = 0711, .uid = 5, .gid = 6 }, { "./f" } } },
	{ "whiteouts", false,
		{ { ".wh.gone" }, { "d/.wh.f" }, { "d/.wh..wh.plnk" }, { "o/.wh..wh..opq" } } },
	{ "the root is opaque", false, { { ".wh..wh..opq" }, { "f" } } },
	{ "a whiteout of what is here", false,
		{ { "f", .content = "x" }, { ".wh.f" }, { "d/g" }, { ".wh.d" } } },
	{ "gone, then there again", false, { { ".wh.d" }, { "d/", '5' }, { "d/f" } } },
	{ "gone, then a file", false, { { ".wh.f" }, { "f", .content = "new" } } },
	{ "opaque goes with its directory", false,
		{ { "d/.wh..wh..opq" }, { "d", .content = "file" }, { "d", '5' } } },
	{ "a whiteout twice", false, { { ".wh.f" }, { ".wh.f" } } },
	{ "a link to a whiteout", false, { { ".wh.f" }, { "l", '1', "f" } } },
	{ "overlay's own mark", false, { { "mark", '3', .major = 0, .minor = 0 }, { "f" } } },
	{ "a link before another is replaced", false,
		{ { "a", .content = "1" }, { "b", '1', "a" }, { "a", .content = "2" } } },
	{ "a link to itself", false, { { "a", .content = "1" }, { "a", '1', "./a" } } },
	{ "a link over a directory", false,
		{ { "a", .content = "1" }, { "d/x" }, { "d", '1', "a" } } },
	{ "a link over its own target", true, { { "d/x", .content = "1" }, { "d", '1', "d/x" } } },
	{ "a link to nothing", true, { { "b", '1', "a" } } },
	{ "a link to a directory", true, { { "d/", '5' }, { "b", '1', "d" } } },
	{ "a link upwards", true, { { "a" }, { "b", '1', "../a" } } },
	{ "through a symlink", true, { { "d/", '5' }, { "l", '2', "d" }, { "l/f" } } },
	{ "through a symlink to nothing", true, { { "l", '2', "d/e" }, { "l/f" } } },
	{ "through a symlink out of it", true, { { "l", '2', "/../../etc" }, { "l/f" } } },
	{ "through a file", true, { { "f" }, { "f/g" } } },
	{ "through a whiteout", true, { { ".wh.d" }, { "d/f" } } },
	{ "a link through a symlink", true,
		{ { "d/f", .content = "x" }, { "l", '2', "d" }, { "h", '1', "l/f" } } },
	{ "a root that is a file", true, { { "." } } },
	{ "a whiteout of nothing", true, { { ".wh." } } },
	{ "a whiteout of a dot", true, { { ".wh..." }, { ".wh.." } } },
	{ "absolute", false, { { "/a//b/./c", .content = "x" } } },
	{ "a device", false, { { "n", '3', .major = 1, .minor = 3, .mode = 0666 }, { "p", '6' } } },
};

static int import_raw(
	struct place *place, const struct buf *tar, struct layer_row *ret, struct error **err)
{
	cleanup_close int fd = raw_fd(tar);

	return layer_import(&place->store, fd, ret, err);
}

/* Imports into both places: what one refuses the other refuses, in the same words. */
static void check_both(struct place *erofs, struct place *directory, const struct buf *tar,
	const char *why, struct layer_row *ret)
{
	cleanup_error struct error *first = NULL, *second = NULL;
	cleanup_free char *ours = NULL, *theirs = NULL;
	struct layer_row again;
	int result = import_raw(erofs, tar, ret, &first);

	assert_int_equal(import_raw(directory, tar, &again, &second), result);
	if (result < 0) {
		print_message("%s: %s\n", why, error_message(first));
		assert_string_equal(error_message(first), error_message(second));
		assert_int_equal(count_names(erofs, "tmp"), 0);
		ret->tar_size = -1;
		return;
	}
	assert_memory_equal(ret, &again, sizeof(again));
	ours = describe_layer(erofs, &ret->diff_id);
	theirs = describe_layer(directory, &again.diff_id);
	check_same(why, ours, theirs);
}

static void both_forms_read_the_same(void **state)
{
	struct place *erofs = *state, *directory;
	void *other = NULL;

	need_form(erofs);
	setup_directory(&other);
	directory = other;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		struct layer_row row;

		for (size_t j = 0; j < ENTRIES_MAX && odd[i].entries[j].path; j++)
			raw_add(&tar, &odd[i].entries[j]);
		raw_end(&tar);
		check_both(erofs, directory, &tar, odd[i].why, &row);
		if (row.tar_size >= 0 && is_in_form(erofs, &row.diff_id) == odd[i].unfit)
			fail_msg("%s: in the wrong form", odd[i].why);
	}
	teardown(&other);
}

static unsigned int random_below(unsigned int *seed, unsigned int limit)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % limit;
}

/* Names are few, so that entries meet; most archives are good. */
static void random_entry(unsigned int *seed, struct raw *ret)
{
	static const char *const names[] = { "a", "b", "d/", "d/a", "d/b", "d/e/", "d/e/a", "b/a",
		"./", ".wh.a", ".wh.d", "d/.wh.e", "d/.wh..wh..opq", "d/.wh.a", "c", "c/a" };
	static const char *const targets[] = { "a", "b", "d/a", "d/e/a", "c" };
	static const char kinds[] = "000000000123601";
	const char *name = names[random_below(seed, sizeof(names) / sizeof(names[0]))];
	char kind = kinds[random_below(seed, sizeof(kinds) - 1)];

	if (name[strlen(name) - 1] == '/')
		kind = '5';
	*ret = (struct raw){ .path = name,
		.type = kind,
		.mode = 0600 + random_below(seed, 0100),
		.uid = random_below(seed, 5) };
	if (kind == '0')
		ret->content = &"some content, cut somewhere"[random_below(seed, 20)];
	if (kind == '1' || kind == '2')
		ret->link = targets[random_below(seed, sizeof(targets) / sizeof(targets[0]))];
	if (kind == '3') {
		ret->major = 1;
		ret->minor = random_below(seed, 9);
	}
}

static void random_archive(unsigned int *seed, struct buf *tar)
{
	unsigned int count = 1 + random_below(seed, 12);
	struct raw raw;

	while (count-- > 0) {
		random_entry(seed, &raw);
		raw_add(tar, &raw);
	}
	raw_end(tar);
}

static void random_archives_read_the_same(void **state)
{
	struct place *erofs = *state, *directory;
	unsigned int seed = 20240611, indexed = 0, unpacked = 0, refused = 0;
	void *other = NULL;

	need_form(erofs);
	setup_directory(&other);
	directory = other;
	for (int i = 0; i < 60; i++) {
		cleanup_free char *why = xasprintf("archive %d of seed %u", i, seed);
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		struct layer_row row;

		random_archive(&seed, &tar);
		check_both(erofs, directory, &tar, why, &row);
		if (row.tar_size < 0)
			refused++;
		else if (is_in_form(erofs, &row.diff_id))
			indexed++;
		else
			unpacked++;
	}
	print_message("%u indexed, %u unpacked, %u refused\n", indexed, unpacked, refused);
	assert_true(indexed > 20 && refused > 5);
	teardown(&other);
}

/* What the kernel checks when it is set, it must check. */
static const struct {
	const char *why, *key, *value;
	bool unfit;
} attributes[] = {
	{ "user's", "SCHILY.xattr.user.a", "x", false },
	{ "without a name", "SCHILY.xattr.user.", "x", true },
	{ "another program's mark", "SCHILY.xattr.trusted.overlay.redirect", "/etc", false },
	{ "a label", "SCHILY.xattr.security.selinux", "x", false },
	{ "capabilities that are none", "SCHILY.xattr.security.capability", "x", true },
	{ "a list that is none", "SCHILY.xattr.system.posix_acl_access", "x", true },
};

static void attributes_are_checked(void **state)
{
	struct place *erofs = *state, *directory;
	void *other = NULL;

	need_form(erofs);
	setup_directory(&other);
	directory = other;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		struct layer_row row;

		raw_pax(&tar, attributes[i].key, attributes[i].value);
		raw_add(&tar, &(struct raw){ .path = "f", .content = attributes[i].why });
		raw_end(&tar);
		check_both(erofs, directory, &tar, attributes[i].why, &row);
		if (row.tar_size >= 0 && is_in_form(erofs, &row.diff_id) == attributes[i].unfit)
			fail_msg("%s: in the wrong form", attributes[i].why);
	}
	teardown(&other);
}

/* Parts that are not whole blocks cannot be pointed at. */
static const struct {
	const char *why, *map, *size;
	int length;
	bool unfit;
} sparse[] = {
	{ "whole blocks", "512,512,2048,512", "4096", 1024, false },
	{ "begins within a block", "100,512", "4096", 512, true },
	{ "ends within a block", "512,100", "4096", 100, true },
	{ "ends with the file", "512,100", "612", 100, false },
	{ "the second is out of step", "0,100,1024,512", "4096", 612, true },
	{ "an empty part at the end", "512,512,4096,0", "4096", 512, false },
	{ "all of it, in parts", "0,512,512,512", "1024", 1024, false },
	{ "too many chunks", "512,512", "600000000", 512, true },
};

static void holes_are_kept_or_unpacked(void **state)
{
	struct place *erofs = *state, *directory;
	void *other = NULL;

	need_form(erofs);
	setup_directory(&other);
	directory = other;
	for (size_t i = 0; i < sizeof(sparse) / sizeof(sparse[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX), records = BUF_INIT(BUF_SMALL);
		cleanup_free char *map = raw_record("GNU.sparse.map", sparse[i].map);
		cleanup_free char *size = raw_record("GNU.sparse.size", sparse[i].size);
		cleanup_free char *count = raw_record("GNU.sparse.numblocks", "1");
		cleanup_free char *content = xcalloc((size_t)sparse[i].length + 1, 1);
		struct layer_row row;

		memset(content, 'c', (size_t)sparse[i].length);
		if (strchr(strchr(sparse[i].map, ',') + 1, ','))
			replace_string(&count, raw_record("GNU.sparse.numblocks", "2"));
		buf_printf(&records, "%s%s%s", size, count, map);
		raw_pax_text(&tar, 'x', buf_text(&records), records.length);
		raw_add(&tar, &(struct raw){ .path = "f", .content = content });
		raw_end(&tar);
		print_message("%s\n", sparse[i].why);
		check_both(erofs, directory, &tar, sparse[i].why, &row);
		if (row.tar_size >= 0 && is_in_form(erofs, &row.diff_id) == sparse[i].unfit)
			fail_msg("%s: in the wrong form", sparse[i].why);
	}
	teardown(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_FORMS(a_layer_is_what_tar_unpacks),
		cmocka_unit_test_setup_teardown(both_forms_read_the_same, setup_erofs, teardown),
		cmocka_unit_test_setup_teardown(
			random_archives_read_the_same, setup_erofs, teardown),
		cmocka_unit_test_setup_teardown(attributes_are_checked, setup_erofs, teardown),
		cmocka_unit_test_setup_teardown(holes_are_kept_or_unpacked, setup_erofs, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

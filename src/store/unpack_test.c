/* SPDX-License-Identifier: Apache-2.0 */
#include "store/unpack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "store/tar_test.h"

/* What must not be touched, and where an archive goes. Names in archives lead to "outside" by the
 * place's own path. */
struct place {
	char *path, *outside; /* of outside, from the machine's root */
	int dir_fd, dest_fd;
	char opaque[4096]; /* told, each with a newline */
};

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	cleanup_error struct error *err = NULL;

	place->path = xasprintf("%s/vessel-unpack-test.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->path));
	place->outside = xasprintf("%s/outside", place->path);
	place->dir_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(place->dir_fd, "dest", 0755), 0);
	assert_int_equal(mkdirat(place->dir_fd, "outside", 0755), 0);
	assert_int_equal(
		file_replace_at(place->dir_fd, "outside/canary", "alive", 5, 0600, false, &err), 0);
	place->dest_fd = openat(place->dir_fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;

	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	close_fd(place->dir_fd);
	close_fd(place->dest_fd);
	free(place->path);
	free(place->outside);
	free(place);
	return 0;
}

static void check_outside(const struct place *place)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	struct stat st;

	assert_int_equal(fstatat(place->dir_fd, "outside", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(fstatat(place->dir_fd, "outside/canary", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_true(file_read_at(place->dir_fd, "outside/canary", 100, &text, &err) == 5);
	assert_string_equal(text, "alive");
	/* Nothing new: only the canary goes, and then it is empty. */
	assert_int_equal(unlinkat(place->dir_fd, "outside/canary", 0), 0);
	assert_int_equal(unlinkat(place->dir_fd, "outside", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(place->dir_fd, "outside", 0755), 0);
	assert_int_equal(
		file_replace_at(place->dir_fd, "outside/canary", "alive", 5, 0600, false, &err), 0);
}

static int note_opaque(void *arg, const char *path, struct error **err)
{
	struct place *place = arg;

	(void)err;
	strncat(place->opaque, path, sizeof(place->opaque) - strlen(place->opaque) - 2);
	strcat(place->opaque, "\n"); // NOLINT(clang-analyzer-security.insecureAPI.strcpy)
	return 0;
}

static int unpack(
	struct place *place, const struct buf *tar, bool layer, uint64_t limit, struct error **err)
{
	const struct unpack_options options = { .dest_fd = place->dest_fd,
		.limit = limit,
		.layer = layer,
		.opaque = note_opaque,
		.arg = place };
	cleanup_close int fd = raw_fd(tar);
	cleanup_stream struct stream *stream = raw_stream(fd);
	struct unpack_result result;

	return unpack_stream(stream, &options, &result, err);
}

/* "%s" in a path or link becomes the outside directory's path. */
static char *outside_for(const struct place *place, const char *text)
{
	if (strncmp(text, "%s", 2) != 0)
		return xstrdup(text);
	return xasprintf("%s%s", place->outside, text + 2);
}

static void add_all(
	const struct place *place, const struct raw *entries, size_t count, struct buf *tar)
{
	for (size_t i = 0; i < count && entries[i].path; i++) {
		struct raw raw = entries[i];
		cleanup_free char *path = outside_for(place, raw.path);
		cleanup_free char *link = outside_for(place, raw.link ? raw.link : "");

		raw.path = path;
		if (raw.link)
			raw.link = link;
		raw_add(tar, &raw);
	}
	raw_end(tar);
}

#define ENTRIES_MAX 6

/* says NULL: it is taken. is: what must stand at look afterwards. */
static const struct {
	const char *why;
	struct raw entries[ENTRIES_MAX];
	const char *says, *look;
	mode_t is;
} hostile[] = {
	{ "climbing name", { { "../outside/x" } }, "'..'", NULL, 0 },
	{ "climbing in the middle", { { "a/../../outside/x" } }, "'..'", NULL, 0 },
	{ "absolute name stays inside", { { "/abs", .content = "x" } }, NULL, "abs", S_IFREG },
	{ "dots and slashes", { { ".//a/.//b/" } }, NULL, "a/b", S_IFREG },
	{ "link out, then through it: made inside",
		{ { "l", '2', "%s" }, { "l/x", .content = "x" } }, NULL, "l", S_IFLNK },
	{ "relative link out, then through it",
		{ { "l", '2', "../outside" }, { "l/x", .content = "x" } }, NULL, "outside/x",
		S_IFREG },
	{ "chain of links", { { "a", '2', "b" }, { "b", '2', "../../../outside" }, { "a/x" } },
		NULL, "outside/x", S_IFREG },
	{ "link to itself", { { "l", '2', "l" }, { "l/x" } }, "Too many levels", NULL, 0 },
	{ "file where a link out is: the link goes",
		{ { "l", '2', "%s/canary" }, { "l", .content = "dead" } }, NULL, "l", S_IFREG },
	{ "directory where a link out is: the link goes",
		{ { "l", '2', "%s" }, { "l", '5', .mode = 0777 }, { "l/canary" } }, NULL,
		"l/canary", S_IFREG },
	{ "mode and owner through a link",
		{ { "l", '2', "%s" }, { "l/", '5', .mode = 0777, .uid = 1234 } }, NULL, "l",
		S_IFDIR },
	{ "link that takes a directory's place, before its mode is set",
		{ { "d", '5', .mode = 0777, .uid = 1234 }, { "d", '2', "%s" } }, NULL, "d",
		S_IFLNK },
	{ "hard link, absolute", { { "h", '1', "%s/canary" }, { "h", .content = "dead" } },
		"No such file", NULL, 0 },
	{ "hard link, climbing", { { "h", '1', "../outside/canary" } }, "'..'", NULL, 0 },
	{ "hard link through a link out", { { "l", '2', "%s" }, { "h", '1', "l/canary" } },
		"No such file", NULL, 0 },
	{ "hard link to a link: a second name of the link",
		{ { "l", '2', "%s/canary" }, { "h", '1', "l" }, { "h", .content = "dead" } }, NULL,
		"h", S_IFREG },
	{ "hard link to what comes later", { { "h", '1', "f" }, { "f" } }, "No such file", NULL,
		0 },
	{ "hard link to itself", { { "f", .content = "x" }, { "f", '1', "f" } }, NULL, "f",
		S_IFREG },
	{ "hard link to a directory", { { "d", '5' }, { "h", '1', "d" } }, "hard link", NULL, 0 },
	{ "root as a link", { { "./", '2', "%s" } }, "root directory", NULL, 0 },
	{ "root as a file", { { "/", '0' } }, "root directory", NULL, 0 },
	{ "device over directory",
		{ { "d", '5' }, { "d/f" }, { "d", '3', .major = 1, .minor = 3 } }, NULL, "d",
		S_IFCHR },
	{ "all kinds over each other",
		{ { "x" }, { "x", '5' }, { "x", '6' }, { "x", '2', "y" }, { "x", '5' }, { "x/f" } },
		NULL, "x/f", S_IFREG },
	{ "twice the same", { { "f", .content = "1" }, { "f", .content = "2" } }, NULL, "f",
		S_IFREG },
	{ "file as directory", { { "f" }, { "f/x" } }, "Not a directory", NULL, 0 },
	{ "overlay's whiteout device is not taken", { { "w", '3' }, { "after" } }, NULL, "after",
		S_IFREG },
};

static void hostile_archives_stay_inside(void **state)
{
	if (geteuid() != 0) {
		print_message("skipped: only root can set owners and make devices\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		struct place *place;
		struct stat st = { 0 };
		int result;

		setup(state);
		place = *state;
		add_all(place, hostile[i].entries, ENTRIES_MAX, &tar);
		result = unpack(place, &tar, true, STREAM_LIMIT, &err);
		print_message("%s: %s\n", hostile[i].why, err ? error_message(err) : "taken");
		assert_int_equal(result, hostile[i].says ? -1 : 0);
		if (hostile[i].says)
			assert_non_null(strstr(error_message(err), hostile[i].says));
		if (hostile[i].look) {
			assert_int_equal(
				fstatat(place->dest_fd, hostile[i].look, &st, AT_SYMLINK_NOFOLLOW),
				0);
			assert_int_equal(st.st_mode & S_IFMT, hostile[i].is);
		}
		assert_int_equal(fstatat(place->dest_fd, "w", &st, AT_SYMLINK_NOFOLLOW), -1);
		check_outside(place);
		teardown(state);
	}
	setup(state);
}

static bool is_whiteout(const struct place *place, const char *path)
{
	struct stat st;

	return fstatat(place->dest_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool is_there(const struct place *place, const char *path)
{
	return faccessat(place->dest_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void whiteouts_become_overlays(void **state)
{
	static const struct raw entries[] = {
		{ ".wh.gone" },
		{ "dir/.wh.gone" }, /* dir has no entry: it is made */
		{ "opaque", '5' },
		{ "opaque/.wh..wh..opq" },
		{ "again", '5' },
		{ "again/f" },
		{ ".wh.again" }, /* hides the lower one's content, not this layer's */
		{ ".wh.later" },
		{ "later", '5' }, /* the other order */
		{ ".wh.file" },
		{ "file" },
		{ "kept" },
		{ ".wh.kept" },
		{ ".wh..wh.plnk" },
		{ ".wh..wh.aufs" },
	};
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;

	if (geteuid() != 0) {
		print_message("skipped: only root can set owners and make devices\n");
		skip();
	}
	add_all(place, entries, sizeof(entries) / sizeof(entries[0]), &tar);
	assert_int_equal(unpack(place, &tar, true, STREAM_LIMIT, &err), 0);
	assert_true(is_whiteout(place, "gone"));
	assert_true(is_whiteout(place, "dir/gone"));
	assert_true(is_there(place, "again/f"));
	assert_true(is_there(place, "file") && !is_whiteout(place, "file"));
	assert_true(is_there(place, "kept") && !is_whiteout(place, "kept"));
	assert_false(is_there(place, "opaque/.wh..wh..opq"));
	assert_false(is_there(place, ".wh..wh.plnk"));
	assert_string_equal(place->opaque, "later\nagain\nopaque\n");
}

static const struct {
	const char *why, *path;
} bad_whiteouts[] = {
	{ "of nothing", ".wh." },
	{ "of the directory itself", ".wh.." },
	{ "of the directory above", ".wh..." },
	{ "as a directory", ".wh.a/b" },
};

static void broken_whiteouts_are_refused(void **state)
{
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(bad_whiteouts) / sizeof(bad_whiteouts[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		const struct raw raw = { bad_whiteouts[i].path };

		print_message("whiteout %s\n", bad_whiteouts[i].why);
		add_all(place, &raw, 1, &tar);
		assert_int_equal(unpack(place, &tar, true, STREAM_LIMIT, &err), -1);
		assert_non_null(strstr(error_message(err), "whiteout"));
	}
}

/* Outside layers such a name is a name. */
static void whiteouts_mean_nothing_to_add(void **state)
{
	static const struct raw entries[] = { { ".wh.x", .content = "text" } };
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;

	if (geteuid() != 0)
		skip();
	add_all(place, entries, 1, &tar);
	assert_int_equal(unpack(place, &tar, false, STREAM_LIMIT, &err), 0);
	assert_true(is_there(place, ".wh.x"));
}

static const struct {
	const char *name;
	bool kept;
} attributes[] = {
	{ "user.kept", true },
	{ "user.overlay.opaque", false },
	{ "user.fuseoverlayfs.opaque", false },
	{ "trusted.overlay.opaque", false },
	{ "trusted.overlay.redirect", false },
	{ "trusted.overlay.metacopy", false },
	{ "trusted.other", false },
	{ "security.selinux", false },
	{ "security.ima", false },
};

static void only_some_attributes_travel(void **state)
{
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	char value[16];

	if (geteuid() != 0)
		skip();
	for (int dir = 0; dir < 2; dir++) {
		cleanup_buf struct buf records = BUF_INIT(BUF_SMALL);

		for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
			cleanup_free char *key = xasprintf("SCHILY.xattr.%s", attributes[i].name);
			cleanup_free char *record = raw_record(key, "y");

			buf_puts(&records, record);
		}
		raw_pax_text(&tar, 'x', buf_text(&records), records.length);
		raw_add(&tar, &(struct raw){ .path = dir ? "d" : "f", .type = dir ? '5' : '0' });
	}
	raw_end(&tar);
	assert_int_equal(unpack(place, &tar, true, STREAM_LIMIT, &err), 0);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		cleanup_free char *file = xasprintf("%s/dest/f", place->path);
		cleanup_free char *dir = xasprintf("%s/dest/d", place->path);
		bool on_file = lgetxattr(file, attributes[i].name, value, sizeof(value)) >= 0;
		bool on_dir = lgetxattr(dir, attributes[i].name, value, sizeof(value)) >= 0;

		assert_int_equal(on_file, attributes[i].kept);
		assert_int_equal(on_dir, attributes[i].kept);
	}
}

static void owners_modes_and_times_are_kept(void **state)
{
	static const struct raw entries[] = {
		{ "dir", '5', .mode = 02770, .uid = 5, .gid = 6 },
		{ "dir/suid", .content = "x", .mode = 04755 },
		{ "dir/owned", .content = "x", .mode = 06711, .uid = 1000, .gid = 1001 },
		{ "dir/plain", .content = "x", .mode = 0666 },
		{ "dir/link", '2', "suid", .uid = 7 },
	};
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	mode_t mask = umask(077);

	if (geteuid() != 0)
		skip();
	add_all(place, entries, sizeof(entries) / sizeof(entries[0]), &tar);
	assert_int_equal(unpack(place, &tar, true, STREAM_LIMIT, &err), 0);
	assert_int_equal(umask(mask), 077);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct stat st;

		assert_int_equal(
			fstatat(place->dest_fd, entries[i].path, &st, AT_SYMLINK_NOFOLLOW), 0);
		if (!S_ISLNK(st.st_mode))
			assert_int_equal(st.st_mode & 07777, entries[i].mode);
		assert_int_equal(st.st_uid, entries[i].uid);
		assert_int_equal(st.st_gid, entries[i].gid);
		assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	}
}

/* What was to be set on a directory at the end is not set on what a link in its place leads to. */
static void a_replaced_directory_is_left_alone(void **state)
{
	static const struct raw entries[] = {
		{ "other", '5', .mode = 0700 },
		{ "d", '5', .mode = 0777 },
		{ "d", '2', "other" },
	};
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	struct stat st;

	if (geteuid() != 0)
		skip();
	add_all(place, entries, 3, &tar);
	assert_int_equal(unpack(place, &tar, true, STREAM_LIMIT, &err), 0);
	assert_int_equal(fstatat(place->dest_fd, "other", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

/* At the cap it is taken, one byte above it is not; holes count. */
static void sizes_have_a_ceiling(void **state)
{
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX), sparse = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL, *second = NULL;
	cleanup_free char *size = raw_record("GNU.sparse.size", "1152921504606846976");
	cleanup_free char *map = raw_record("GNU.sparse.map", "0,1");
	cleanup_free char *both = xasprintf("%s%s", size, map);

	if (geteuid() != 0)
		skip();
	raw_add(&tar, &(struct raw){ .path = "a", .content = "12345" });
	raw_add(&tar, &(struct raw){ .path = "b", .content = "12345" });
	assert_int_equal(unpack(place, &tar, true, 10, &err), 0);
	assert_int_equal(unpack(place, &tar, true, 9, &err), -1);
	assert_non_null(strstr(error_message(err), "more than 9 bytes"));
	raw_pax_text(&sparse, 'x', both, strlen(both));
	raw_add(&sparse, &(struct raw){ .path = "hole", .content = "x" });
	assert_int_equal(unpack(place, &sparse, true, STREAM_LIMIT, &second), -1);
	assert_non_null(strstr(error_message(second), "entry 'hole': the archive unpacks to more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hostile_archives_stay_inside, NULL, teardown),
		cmocka_unit_test_setup_teardown(whiteouts_become_overlays, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_whiteouts_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(whiteouts_mean_nothing_to_add, setup, teardown),
		cmocka_unit_test_setup_teardown(only_some_attributes_travel, setup, teardown),
		cmocka_unit_test_setup_teardown(owners_modes_and_times_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_replaced_directory_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_have_a_ceiling, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Layers from what a build step left in its upper directory. */
#include "store/store_test.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "sys/mount.h"

/* Makes what a build step would have left in its upper directory. */
static char *make_upper(struct place *place)
{
	cleanup_error struct error *err = NULL;
	char *temp, *upper;
	cleanup_close int fd = -1;

	(void)store_make_temp(&place->store, &temp, &err);
	fail_on(err);
	upper = xasprintf("%s/fs", temp);
	free(temp);
	assert_int_equal(mkdir(upper, 0755), 0);
	fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(fd, "opaque", 0700), 0);
	assert_int_equal(file_replace_at(fd, "opaque/f", "text", 4, 04755, false, &err), 0);
	assert_int_equal(linkat(fd, "opaque/f", fd, "second", 0), 0);
	assert_int_equal(mknodat(fd, "gone", S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(mknodat(fd, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(mknodat(fd, "socket", S_IFSOCK | 0666, 0), 0);
	assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("/nowhere", fd, "link"), 0);
	assert_int_equal(file_replace_at(fd, ".wh.named", "x", 1, 0600, false, &err), 0);
	close_fd(take_fd(&fd));
	fd = -1;
	return upper;
}

static void mark_upper(
	const char *upper, const char *name, const char *attribute, const char *value)
{
	cleanup_free char *path = xasprintf("%s/%s", upper, name);

	assert_int_equal(lsetxattr(path, attribute, value, strlen(value), 0), 0);
}

/* A layer's tree as text: everything that must survive. Times to the second. */
static char *describe(struct place *place, const struct digest *diff_id)
{
	char root[64];
	cleanup_close int root_fd = open_layer(place, diff_id, root);
	cleanup_free char *command =
		xasprintf("cd %s/ && find . -mindepth 1 ! -name .wh.named ! -type s "
			  "\\( -type d -printf '%%P %%y %%m %%U %%G\\n' -o "
			  "-printf '%%P %%y %%m %%U %%G %%s %%n %%l\\n' \\) | sort; "
			  "stat -c '%%n %%t:%%T' gone null; cat opaque/f second",
			root);
	cleanup_buf struct buf text = BUF_INIT(BUF_SMALL);
	FILE *pipe = popen(command, "re"); // NOLINT(cert-env33-c): a test's own path
	char line[512];

	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		buf_puts(&text, line);
	pclose(pipe);
	return buf_take(&text);
}

static void check_attribute(struct place *place, const struct digest *diff_id, const char *name,
	const char *attribute, const char *expected)
{
	char root[64], value[64] = "";
	cleanup_close int root_fd = open_layer(place, diff_id, root);
	cleanup_free char *path = xasprintf("%s/%s", root, name);
	ssize_t length = lgetxattr(path, attribute, value, sizeof(value) - 1);

	assert_int_equal(length, expected ? (ssize_t)strlen(expected) : -1);
	assert_string_equal(value, expected ? expected : "");
}

/* The entries of a layer's tar, a line each. */
static char *list_tar(struct place *place, const struct digest *diff_id)
{
	cleanup_buf struct buf names = BUF_INIT(BUF_SMALL);
	cleanup_error struct error *err = NULL;
	cleanup_close int fd = blob_open(&place->store, diff_id, &err);
	cleanup_stream struct stream *stream = raw_stream(fd);
	cleanup_tar_reader struct tar_reader *reader = tar_reader_new(stream);
	struct tar_entry *entry;

	while (tar_next(reader, &entry, &err) > 0)
		buf_printf(&names, "%s\n", entry->path);
	fail_on(err);
	return buf_take(&names);
}

static void a_commit_is_what_importing_it_gives(void **state)
{
	struct place *place = *state, *second;
	cleanup_error struct error *err = NULL;
	cleanup_free char *upper = NULL, *made = NULL, *imported = NULL;
	cleanup_close int fd = -1;
	struct layer_row row, again;
	void *other = NULL;

	need_form(place);
	upper = make_upper(place);
	mark_upper(upper, "opaque", "trusted.overlay.opaque", "y");
	mark_upper(upper, "opaque", "trusted.overlay.origin", "x");
	mark_upper(upper, "opaque/f", "user.kept", "value");
	(void)layer_commit(&place->store, upper, &row, &err);
	fail_on(err);
	assert_int_equal(faccessat(AT_FDCWD, upper, F_OK, 0), -1);
	assert_int_equal(row.size, 4);
	made = describe(place, &row.diff_id);
	assert_non_null(strstr(made, "opaque/f f 4755 0 0 4 2"));
	assert_non_null(strstr(made, "gone 0:0"));

	setup_form(&other, place->store.form);
	second = other;
	fd = blob_open(&place->store, &row.diff_id, &err);
	(void)layer_import(&second->store, fd, &again, &err);
	fail_on(err);
	assert_memory_equal(&again, &row, sizeof(row));
	imported = describe(second, &again.diff_id);
	assert_string_equal(imported, made);
	check_attribute(second, &again.diff_id, "opaque", "trusted.overlay.opaque", "y");
	check_attribute(second, &again.diff_id, "opaque", "trusted.overlay.origin", NULL);
	check_attribute(second, &again.diff_id, "second", "user.kept", "value");
	teardown(&other);
}

static void an_empty_upper_is_the_empty_layer(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	char text[DIGEST_TEXT_MAX];

	for (int i = 0; i < 2; i++) {
		cleanup_free char *temp = NULL, *upper = NULL;
		struct layer_row row;

		assert_int_equal(store_make_temp(&place->store, &temp, &err), 0);
		upper = xasprintf("%s/fs", temp);
		assert_int_equal(mkdir(upper, 0755), 0);
		(void)layer_commit(&place->store, upper, &row, &err);
		fail_on(err);
		/* Every builder's: 1024 zero bytes. */
		assert_string_equal(digest_text(&row.diff_id, text),
			"sha256:"
			"5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
		assert_int_equal(row.size, 0);
		assert_int_equal(store_remove_temp(&place->store, temp, &err), 0);
	}
	assert_int_equal(count_names(place, "layers"), 1);
	assert_int_equal(count_names(place, "tmp"), 0);
}

static void put_file(int dir_fd, const char *path, const char *text)
{
	cleanup_error struct error *err = NULL;

	(void)file_replace_at(dir_fd, path, text, strlen(text), 0644, false, &err);
	fail_on(err);
}

/* A step over a layer as a build makes it, with the kernel's own marks: a file deleted, a directory
 * deleted and made again, one changed, and an archive unpacked into the detached mount. */
static char *make_step(struct place *place, const struct layer_row *base)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_strv strv lowers = NULL;
	cleanup_free char *work = NULL, *temp = NULL;
	cleanup_close int root_fd = -1, archive_fd = -1;
	char *upper;

	assert_int_equal(layer_lowers(&place->store, &base->diff_id, 1, &lowers, &err), 0);
	assert_int_equal(store_make_temp(&place->store, &temp, &err), 0);
	upper = xasprintf("%s/fs", temp);
	work = xasprintf("%s/work", temp);
	assert_int_equal(mkdir(upper, 0755), 0);
	assert_int_equal(mkdir(work, 0755), 0);
	root_fd = mount_overlay(lowers, upper, work, 0, &err);
	fail_on(err);
	assert_int_equal(unlinkat(root_fd, "deleted", 0), 0);
	assert_int_equal(unlinkat(root_fd, "again/old", 0), 0);
	assert_int_equal(unlinkat(root_fd, "again", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(root_fd, "again", 0711), 0);
	put_file(root_fd, "again/new", "new");
	put_file(root_fd, "changed", "changed");
	raw_add(&tar, &(struct raw){ .path = "added/file", .content = "added", .uid = 33 });
	raw_add(&tar, &(struct raw){ .path = "replaced", .type = '5', .mode = 0700 });
	raw_end(&tar);
	archive_fd = raw_fd(&tar);
	assert_int_equal(archive_unpack(archive_fd, root_fd, &err), 1);
	/* Still ours, after the helper had it. */
	assert_int_equal(faccessat(root_fd, "added/file", F_OK, 0), 0);
	return upper;
}

static void a_step_over_a_layer_is_its_changes(void **state)
{
	static const struct raw entries[] = {
		{ "deleted" },
		{ "again", '5' },
		{ "again/old" },
		{ "changed", .content = "before" },
		{ "replaced" },
		{ "kept" },
	};
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_free char *upper = NULL, *names = NULL;
	cleanup_close int fd = -1;
	struct layer_row base, step;

	need_form(place);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		raw_add(&tar, &entries[i]);
	raw_end(&tar);
	fd = raw_fd(&tar);
	(void)layer_import(&place->store, fd, &base, &err);
	fail_on(err);
	upper = make_step(place, &base);
	(void)layer_commit(&place->store, upper, &step, &err);
	fail_on(err);
	names = list_tar(place, &step.diff_id);
	assert_string_equal(names,
		"added/\nadded/file\nagain/\nagain/.wh..wh..opq\nagain/new\nchanged\n"
		".wh.deleted\nreplaced/\nreplaced/.wh..wh..opq\n");
}

static const struct {
	const char *name, *attribute;
} elsewhere[] = {
	{ "opaque", "trusted.overlay.redirect" },
	{ "second", "trusted.overlay.metacopy" },
};

/* Content that overlay keeps in a lower layer would be lost without a word. */
static void content_elsewhere_is_refused(void **state)
{
	struct place *place = *state;

	NEED_ROOT();
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *upper = make_upper(place);
		struct layer_row row;

		mark_upper(upper, elsewhere[i].name, elsewhere[i].attribute, "x");
		assert_int_equal(layer_commit(&place->store, upper, &row, &err), -1);
		print_message("%s\n", error_message(err));
		assert_non_null(strstr(error_message(err), "elsewhere"));
		assert_int_equal(count_names(place, "layers"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_FORMS(a_commit_is_what_importing_it_gives),
		cmocka_unit_test_setup_teardown(an_empty_upper_is_the_empty_layer, setup, teardown),
		IN_BOTH_FORMS(a_step_over_a_layer_is_its_changes),
		cmocka_unit_test_setup_teardown(content_elsewhere_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

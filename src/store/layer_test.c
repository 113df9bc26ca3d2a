/* SPDX-License-Identifier: Apache-2.0 */
/* The store from outside, with the real helper beside this program. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <zlib.h>
#include <zstd.h>

#include "base/id.h"
#include "base/sha256.h"
#include "store/blob.h"
#include "store/tar_test.h"
#include "sys/mount.h"

struct place {
	char *path;
	struct store store;
};

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	cleanup_error struct error *err = NULL;

	/* Not /tmp: on a tmpfs before Linux 6.6 there are no user.* attributes. */
	place->path = xasprintf("%s/vessel-layer-test.XXXXXX", tmp ? tmp : "/var/tmp");
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(store_open(place->path, &place->store, &err), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;

	store_close(&place->store);
	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	free(place->path);
	free(place);
	return 0;
}

#define NEED_ROOT() \
	do { \
		if (geteuid() != 0) { \
			print_message("skipped: only root can make the jail\n"); \
			skip(); \
		} \
	} while (0)

static void fail_on(const struct error *err)
{
	if (err)
		fail_msg("%s", error_message(err));
}

/* How many names are in a directory of the store. */
static int count_names(const struct place *place, const char *path)
{
	cleanup_free char *command =
		xasprintf("find %s/%s -mindepth 1 -maxdepth 1 | wc -l", place->path, path);
	FILE *pipe = popen(command, "re"); // NOLINT(cert-env33-c): a test's own path
	char line[32] = "";

	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	return (int)strtol(line, NULL, 10);
}

static void make_tar(struct buf *tar)
{
	static const struct raw entries[] = {
		{ "etc/", '5', .mode = 0750 },
		{ "etc/.wh..wh..opq" },
		{ "etc/passwd", .content = "root:x:0:0::/:/bin/sh\n" },
		{ "etc/.wh.shadow" },
		{ "bin", '2', "usr/bin" },
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		raw_add(tar, &entries[i]);
	raw_end(tar);
	buf_puts(tar, "what follows the end belongs to the digest");
}

static void gzip_buf(const struct buf *in, struct buf *out)
{
	z_stream z = { 0 };
	char *room = buf_reserve(out, in->length + 4096);

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)in->data;
	z.avail_in = (unsigned int)in->length;
	z.next_out = (unsigned char *)room;
	z.avail_out = (unsigned int)in->length + 4096;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->length += z.total_out;
	deflateEnd(&z);
}

static void zstd_buf(const struct buf *in, struct buf *out)
{
	char *room = buf_reserve(out, in->length + 4096);
	size_t length = ZSTD_compress(room, in->length + 4096, in->data, in->length, 3);

	assert_false(ZSTD_isError(length));
	out->length += length;
}

static void plain_buf(const struct buf *in, struct buf *out)
{
	buf_append(out, in->data, in->length);
}

static void check_layer(struct place *place, const struct buf *tar, const struct layer_row *row)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *blob = NULL, *fs = NULL, *shadow = NULL, *etc = NULL;
	char hex[HEX_MAX], value[4];
	struct digest digest;
	struct catalog *catalog;
	struct layer_row found;
	struct stat st;
	size_t length;

	sha256_bytes(tar->data, tar->length, digest.sha256);
	assert_memory_equal(&row->diff_id, &digest, sizeof(digest));
	assert_int_equal(row->tar_size, tar->length);
	assert_int_equal(row->size, 22);
	assert_int_equal(blob_read(&place->store, &digest, RAW_MAX, &blob, &length, &err), 0);
	assert_int_equal(length, tar->length);
	assert_memory_equal(blob, tar->data, length);
	fs = xasprintf("%s/layers/%s/fs", place->path, digest_hex(&digest, hex));
	shadow = xasprintf("%s/etc/shadow", fs);
	etc = xasprintf("%s/etc", fs);
	assert_int_equal(lstat(shadow, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	assert_int_equal(lgetxattr(etc, "trusted.overlay.opaque", value, sizeof(value)), 1);
	assert_int_equal(value[0], 'y');
	assert_int_equal(stat(etc, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(fs, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(store_catalog(&place->store, &catalog, &err), 0);
	assert_int_equal(catalog_find_layer(catalog, &digest, &found, &err), 1);
	assert_int_equal(found.tar_size, row->tar_size);
	assert_true(layer_exists(&place->store, &digest));
}

static void import_takes_all_compressions(void **state)
{
	static void (*const forms[])(
		const struct buf *in, struct buf *out) = { plain_buf, gzip_buf, zstd_buf };
	struct place *place = *state;

	NEED_ROOT();
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX), packed = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = -1;
		struct layer_row row;

		make_tar(&tar);
		forms[i](&tar, &packed);
		fd = raw_fd(&packed);
		(void)layer_import(&place->store, fd, &row, &err);
		fail_on(err);
		check_layer(place, &tar, &row);
		/* The second and third time it is there: nothing more is made. */
		assert_int_equal(count_names(place, "layers"), 1);
		assert_int_equal(count_names(place, "blobs/sha256"), 1);
		assert_int_equal(count_names(place, "tmp"), 0);
	}
}

static void put_broken(struct buf *packed, int how)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);

	raw_add(&tar, &(struct raw){ .path = "first", .content = "text" });
	raw_add(&tar, &(struct raw){ .path = how == 0 ? "../climbs" : "second",
			      .content = "text",
			      .size = how == 1 ? 100000 : 0 });
	if (how == 2)
		tar.data[2UL * TAR_BLOCK] ^= 1;
	if (how < 3) {
		buf_append(packed, tar.data, tar.length);
		return;
	}
	raw_end(&tar);
	gzip_buf(&tar, packed);
	if (how == 3)
		packed->length /= 2;
	else
		packed->data[packed->length - 6] ^= 1; /* of the checksum */
}

static const struct {
	const char *why, *says;
} broken[] = {
	{ "hostile name", "entry '../climbs': its name has '..'" },
	{ "truncated", "entry 'second': the archive ends" },
	{ "checksum", "tar header 2: wrong checksum" },
	{ "gzip cut", "gzip data" },
	{ "gzip checksum", "gzip data" },
};

static void a_broken_archive_leaves_nothing(void **state)
{
	struct place *place = *state;

	NEED_ROOT();
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		cleanup_buf struct buf packed = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = -1;
		struct layer_row row;

		put_broken(&packed, (int)i);
		fd = raw_fd(&packed);
		assert_int_equal(layer_import(&place->store, fd, &row, &err), -1);
		print_message("%s: %s\n", broken[i].why, error_message(err));
		assert_non_null(strstr(error_message(err), broken[i].says));
		assert_int_equal(count_names(place, "layers"), 0);
		assert_int_equal(count_names(place, "blobs/sha256"), 0);
		assert_int_equal(count_names(place, "tmp"), 0);
	}
}

/* An import that waits in the middle for more of its archive. */
static pid_t start_import(const struct place *place, const struct buf *tar, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct error *err = NULL;
		struct store store;
		struct layer_row row;

		close(fds[1]);
		if (store_open(place->path, &store, &err) < 0)
			_exit(2);
		_exit(layer_import(&store, fds[0], &row, &err) < 0 ? 1 : 0);
	}
	close(fds[0]);
	assert_int_equal(write(fds[1], tar->data, 3UL * TAR_BLOCK), 3L * TAR_BLOCK);
	*ret_fd = fds[1];
	return pid;
}

static void wait_for_temp(const struct place *place)
{
	for (int i = 0; i < 1000 && count_names(place, "tmp/*/fs") == 0; i++)
		(void)usleep(10000);
}

static void a_sweep_tells_work_from_garbage(void **state)
{
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	int fd, status;
	pid_t pid;

	NEED_ROOT();
	make_tar(&tar);
	pid = start_import(place, &tar, &fd);
	wait_for_temp(place);
	assert_int_equal(count_names(place, "tmp"), 1);
	assert_int_equal(store_sweep(&place->store, &err), 0);
	assert_int_equal(count_names(place, "tmp"), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	/* The helper dies with it, at once or when it notices. */
	for (int i = 0; i < 100 && count_names(place, "tmp") > 0; i++) {
		cleanup_error struct error *busy = NULL;

		(void)store_sweep(&place->store, &busy);
		(void)usleep(10000);
	}
	assert_int_equal(count_names(place, "tmp"), 0);
	assert_int_equal(count_names(place, "layers"), 0);
	assert_int_equal(count_names(place, "blobs/sha256"), 0);

	/* And one that is let finish does. */
	pid = start_import(place, &tar, &fd);
	wait_for_temp(place);
	assert_int_equal(store_sweep(&place->store, &err), 0);
	assert_int_equal(write(fd, tar.data + 3UL * TAR_BLOCK, tar.length - 3UL * TAR_BLOCK),
		tar.length - 3UL * TAR_BLOCK);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(store_sweep(&place->store, &err), 0);
	assert_int_equal(count_names(place, "layers"), 1);
	assert_int_equal(count_names(place, "blobs/sha256"), 1);
}

static void a_sweep_removes_what_no_row_names(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	cleanup_store struct store other = { 0 };
	struct digest digest;
	char hex[HEX_MAX];

	assert_int_equal(store_open(place->path, &other, &err), 0);
	assert_int_equal(blob_put(&other, "x", 1, &digest, &err), 0);
	digest.sha256[0] ^= 1;
	assert_int_equal(mkdirat(place->store.layers_fd, digest_hex(&digest, hex), 0700), 0);
	/* The layer nobody has locked goes; the other's new blob stays until it is done. */
	assert_int_equal(store_sweep(&place->store, &err), 1);
	assert_int_equal(count_names(place, "layers"), 0);
	assert_int_equal(count_names(place, "blobs/sha256"), 1);
	store_close(&other);
	assert_int_equal(store_sweep(&place->store, &err), 1);
	assert_int_equal(count_names(place, "blobs/sha256"), 0);
}

/* ---- committing ---- */

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
static char *describe(const struct place *place, const struct digest *diff_id)
{
	char hex[HEX_MAX];
	cleanup_free char *command =
		xasprintf("cd %s/layers/%s/fs && find . -mindepth 1 ! -name .wh.named ! -type s "
			  "\\( -type d -printf '%%P %%y %%m %%U %%G\\n' -o "
			  "-printf '%%P %%y %%m %%U %%G %%s %%n %%l\\n' \\) | sort; "
			  "stat -c '%%n %%t:%%T' gone null; cat opaque/f second",
			place->path, digest_hex(diff_id, hex));
	cleanup_buf struct buf text = BUF_INIT(BUF_SMALL);
	FILE *pipe = popen(command, "re"); // NOLINT(cert-env33-c): a test's own path
	char line[512];

	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		buf_puts(&text, line);
	pclose(pipe);
	return buf_take(&text);
}

static void check_attribute(const struct place *place, const struct digest *diff_id,
	const char *name, const char *attribute, const char *expected)
{
	char hex[HEX_MAX], value[64] = "";
	cleanup_free char *path =
		xasprintf("%s/layers/%s/fs/%s", place->path, digest_hex(diff_id, hex), name);
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

	NEED_ROOT();
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

	setup(&other);
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

	NEED_ROOT();
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

/* ---- blobs ---- */

static void blobs_are_what_their_names_say(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL, *wrong = NULL, *damaged = NULL, *missing = NULL;
	cleanup_free char *text = NULL, *path = NULL;
	struct digest digest, other = { { 1 } }, ret;
	struct blob_writer *writer;
	char hex[HEX_MAX];
	int64_t size;
	size_t length;
	FILE *file;

	assert_int_equal(blob_put(&place->store, "text", 4, &digest, &err), 0);
	assert_int_equal(blob_put(&place->store, "text", 4, &digest, &err), 0); /* again */
	assert_int_equal(blob_read(&place->store, &digest, 4, &text, &length, &err), 0);
	assert_string_equal(text, "text");
	assert_int_equal(count_names(place, "blobs/sha256"), 1);

	assert_int_equal(blob_begin(&place->store, &writer, &err), 0);
	assert_int_equal(blob_write(writer, "other", 5, &err), 0);
	assert_int_equal(blob_commit(&writer, &other, &ret, &size, &wrong), -1);
	assert_int_equal(error_kind(wrong), ERROR_INVALID);
	assert_null(writer);
	assert_int_equal(count_names(place, "blobs/sha256"), 1);
	assert_int_equal(count_names(place, "tmp"), 0);

	assert_int_equal(blob_open(&place->store, &other, &missing), -1);
	assert_int_equal(error_kind(missing), ERROR_NOT_FOUND);

	path = xasprintf("%s/blobs/sha256/%s", place->path, digest_hex(&digest, hex));
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fputs("tex!", file);
	(void)fclose(file);
	free(take_ptr(text));
	assert_int_equal(blob_read(&place->store, &digest, 4, &text, &length, &damaged), -1);
	assert_non_null(strstr(error_message(damaged), "damaged"));
}

/* ---- images ---- */

static void put_layer(struct place *place, const char *name, struct layer_row *ret)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_close int fd = -1;

	raw_add(&tar, &(struct raw){ .path = name, .content = "12345" });
	raw_end(&tar);
	fd = raw_fd(&tar);
	(void)layer_import(&place->store, fd, ret, &err);
	fail_on(err);
}

static void put_image(struct place *place, const char *reference, const struct layer_row *layers,
	size_t count, struct image_row *ret)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_error struct error *err = NULL;

	config.created = xstrdup("2026-01-31T01:02:03Z");
	config.architecture = xstrdup("amd64");
	config.os = xstrdup("linux");
	config.author = xstrdup(reference ? reference : "nobody");
	for (size_t i = 0; i < count; i++)
		image_config_add_layer(&config, &layers[i].diff_id);
	(void)store_put_image(&place->store, &config, reference, ret, &err);
	fail_on(err);
}

static void images_are_found_as_users_write_them(void **state)
{
	struct place *place = *state;
	cleanup_image_row struct image_row image = { 0 }, nameless = { 0 };
	cleanup_image_config struct image_config config = { 0 };
	cleanup_error struct error *err = NULL, *missing = NULL;
	struct layer_row layers[2];
	char text[DIGEST_TEXT_MAX], prefix[13];
	const char *names[] = { "debian:12", "docker.io/library/debian:12", text, text + 7,
		prefix };

	NEED_ROOT();
	put_layer(place, "one", &layers[0]);
	put_layer(place, "two", &layers[1]);
	put_image(place, "debian:12", layers, 2, &image);
	put_image(place, NULL, layers, 1, &nameless);
	assert_int_equal(image.size, 10);
	assert_string_equal(image.reference, "docker.io/library/debian:12");
	digest_text(&image.id, text);
	memcpy(prefix, text + 7, 12);
	prefix[12] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_image_row struct image_row found = { 0 };

		print_message("%s\n", names[i]);
		(void)store_find_image(&place->store, names[i], &found, &err);
		fail_on(err);
		assert_memory_equal(&found.id, &image.id, sizeof(image.id));
	}
	assert_int_equal(store_find_image(&place->store, "debian:13", &nameless, &missing), -1);
	assert_int_equal(error_kind(missing), ERROR_NOT_FOUND);
	assert_string_equal(error_message(missing), "No such image: debian:13");
	assert_int_equal(store_read_config(&place->store, &image.id, &config, &err), 0);
	assert_int_equal(config.layer_count, 2);
}

static void lowers_are_topmost_first(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL, *missing = NULL;
	cleanup_strv strv lowers = NULL, none = NULL;
	struct layer_row layers[2];
	struct digest ids[3] = { 0 };
	char hex[HEX_MAX];

	NEED_ROOT();
	put_layer(place, "one", &layers[0]);
	put_layer(place, "two", &layers[1]);
	ids[0] = layers[0].diff_id;
	ids[1] = layers[1].diff_id;
	assert_int_equal(layer_lowers(&place->store, ids, 2, &lowers, &err), 0);
	assert_int_equal(strv_length(lowers), 2);
	assert_non_null(strstr(lowers[0], digest_hex(&ids[1], hex)));
	assert_non_null(strstr(lowers[1], digest_hex(&ids[0], hex)));
	assert_int_equal(layer_lowers(&place->store, ids, 3, &none, &missing), -1);
	assert_null(none);
}

static void an_image_needs_its_layers(void **state)
{
	struct place *place = *state;
	cleanup_image_config struct image_config config = { 0 };
	cleanup_image_row struct image_row row = { 0 };
	cleanup_error struct error *err = NULL;
	const struct digest nothing = { { 7 } };

	config.architecture = xstrdup("amd64");
	config.os = xstrdup("linux");
	image_config_add_layer(&config, &nothing);
	assert_int_equal(store_put_image(&place->store, &config, "x", &row, &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
}

static void removing_takes_what_nothing_else_names(void **state)
{
	struct place *place = *state;
	cleanup_image_row struct image_row first = { 0 }, second = { 0 };
	cleanup_error struct error *err = NULL;
	struct layer_row layers[2];

	NEED_ROOT();
	put_layer(place, "shared", &layers[0]);
	put_layer(place, "own", &layers[1]);
	put_image(place, "first:1", layers, 2, &first);
	put_image(place, "second:1", layers, 1, &second);
	assert_int_equal(count_names(place, "layers"), 2);
	assert_int_equal(count_names(place, "blobs/sha256"), 6);
	assert_int_equal(store_remove_image(&place->store, &first.id, &err), 0);
	assert_int_equal(count_names(place, "layers"), 1);
	assert_int_equal(count_names(place, "blobs/sha256"), 3);
	assert_true(layer_exists(&place->store, &layers[0].diff_id));
	assert_int_equal(store_sweep(&place->store, &err), 0); /* nothing was forgotten */
	assert_int_equal(store_remove_image(&place->store, &second.id, &err), 0);
	assert_int_equal(count_names(place, "layers"), 0);
	assert_int_equal(count_names(place, "blobs/sha256"), 0);
	assert_int_equal(count_names(place, "tmp"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(import_takes_all_compressions, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_archive_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sweep_tells_work_from_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sweep_removes_what_no_row_names, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_commit_is_what_importing_it_gives, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_upper_is_the_empty_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_step_over_a_layer_is_its_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(content_elsewhere_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(blobs_are_what_their_names_say, setup, teardown),
		cmocka_unit_test_setup_teardown(
			images_are_found_as_users_write_them, setup, teardown),
		cmocka_unit_test_setup_teardown(lowers_are_topmost_first, setup, teardown),
		cmocka_unit_test_setup_teardown(an_image_needs_its_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			removing_takes_what_nothing_else_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

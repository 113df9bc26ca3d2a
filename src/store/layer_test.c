/* SPDX-License-Identifier: Apache-2.0 */
/* Layers from archives, and what is left when that fails or is killed. */
#include "store/store_test.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <zlib.h>
#include <zstd.h>

#include "base/sha256.h"

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
	cleanup_free char *blob = NULL, *shadow = NULL, *etc = NULL;
	cleanup_close int root_fd = -1;
	char root[64], value[4];
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
	root_fd = open_layer(place, &digest, root);
	shadow = xasprintf("%s/etc/shadow", root);
	etc = xasprintf("%s/etc", root);
	assert_int_equal(lstat(shadow, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	assert_int_equal(lgetxattr(etc, "trusted.overlay.opaque", value, sizeof(value)), 1);
	assert_int_equal(value[0], 'y');
	assert_int_equal(stat(etc, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstat(root_fd, &st), 0);
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

	need_form(place);
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

/* The tar is a blob already: no second one is written; a compressed one is hashed by what is in it.
 */
static void import_takes_a_blob(void **state)
{
	struct place *place = *state;

	need_form(place);
	for (int packed = 0; packed <= 1; packed++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX), gzip = BUF_INIT(RAW_MAX);
		const struct buf *put = packed ? &gzip : &tar;
		cleanup_error struct error *err = NULL;
		struct layer_row row = { 0 }, again = { 0 };
		struct digest blob;

		make_tar(&tar);
		if (packed)
			buf_puts(&tar, "another one");
		gzip_buf(&tar, &gzip);
		assert_int_equal(blob_put(&place->store, put->data, put->length, &blob, &err), 0);
		if (layer_import_blob(&place->store, &blob, &row, &err) < 0)
			fail_on(err);
		check_layer(place, &tar, &row);
		assert_int_equal(layer_import_blob(&place->store, &blob, &again, &err), 0);
		assert_memory_equal(&row, &again, sizeof(row));
		assert_int_equal(count_names(place, "tmp"), 0);
		/* One; then that, the compressed one, and the tar of it. */
		assert_int_equal(count_names(place, "blobs/sha256"), packed ? 3 : 1);
	}
}

static void spoil(struct place *place, const char *name)
{
	cleanup_free char *command = xasprintf(
		"cd %s/layers/* && printf x | dd of=%s bs=1 seek=1300 conv=notrunc status=none",
		place->path, name);

	assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a test's own path
}

/* A layer that is not unpacked tells whether it is what was made; its tar is the blob. */
static void damage_is_found(void **state)
{
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_free char *copy = NULL;
	cleanup_close int fd = -1;
	struct layer_row row;

	need_form(place);
	make_tar(&tar);
	fd = raw_fd(&tar);
	assert_int_equal(layer_import(&place->store, fd, &row, &err), 0);
	assert_true(layer_is_whole(&place->store, &row.diff_id));
	if (place->store.form == LAYER_EROFS) {
		copy = xasprintf("cd %s/layers/* && cp data x && mv x data", place->path);
		assert_int_equal(system(copy), 0); // NOLINT(cert-env33-c): a test's own path
		assert_true(layer_is_whole(&place->store, &row.diff_id));
		spoil(place, "data");
		assert_false(layer_is_whole(&place->store, &row.diff_id));
		assert_int_equal(layer_remove(&place->store, &row.diff_id, &err), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(layer_import(&place->store, fd, &row, &err), 0);
		assert_true(layer_is_whole(&place->store, &row.diff_id));
		spoil(place, "index.erofs");
		assert_false(layer_is_whole(&place->store, &row.diff_id));
	}
	assert_int_equal(layer_remove(&place->store, &row.diff_id, &err), 0);
	assert_false(layer_is_whole(&place->store, &row.diff_id));
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

	need_form(place);
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
		store.form = place->store.form;
		_exit(layer_import(&store, fds[0], &row, &err) < 0 ? 1 : 0);
	}
	close(fds[0]);
	assert_int_equal(write(fds[1], tar->data, 3UL * TAR_BLOCK), 3L * TAR_BLOCK);
	*ret_fd = fds[1];
	return pid;
}

static void wait_for_temp(const struct place *place)
{
	for (int i = 0; i < 1000 && count_names(place, "tmp") == 0; i++)
		(void)usleep(10000);
}

static void a_sweep_tells_work_from_garbage(void **state)
{
	struct place *place = *state;
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	int fd, status;
	pid_t pid;

	need_form(place);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_FORMS(import_takes_all_compressions),
		IN_BOTH_FORMS(import_takes_a_blob),
		IN_BOTH_FORMS(damage_is_found),
		IN_BOTH_FORMS(a_broken_archive_leaves_nothing),
		IN_BOTH_FORMS(a_sweep_tells_work_from_garbage),
		cmocka_unit_test_setup_teardown(a_sweep_removes_what_no_row_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed forms of layers: readable by zlib, the same each time, made once. */
#include "store/store_test.h"

#include <zlib.h>

#include "base/sha256.h"
#include "store/compress.h"

#define MIB (1UL << 20)

static void put_tar(struct place *place, const char *bytes, size_t length, struct digest *ret)
{
	cleanup_error struct error *err = NULL;
	struct layer_row row = { .size = 1, .tar_size = (int64_t)length };
	struct catalog *catalog;

	assert_int_equal(blob_put(&place->store, bytes, length, ret, &err), 0);
	row.diff_id = *ret;
	assert_int_equal(store_catalog(&place->store, &catalog, &err), 0);
	assert_int_equal(catalog_put_layer(catalog, &row, &err), 0);
}

/* Half of it compresses well, half of it does not. */
static char *make_bytes(size_t length)
{
	char *bytes = xcalloc(1, length + 1);
	uint32_t random = 1;

	for (size_t i = 0; i < length; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = i / 1000 % 2 ? 'x' : (char)(random >> 24);
	}
	return bytes;
}

/* zlib's own reader of files, which knows any number of members. */
static void check_inflates(struct place *place, const struct compressed_row *row,
	const struct digest *diff_id, size_t length)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *bytes = xcalloc(1, length + 1);
	int fd = blob_open(&place->store, &row->digest, &err);
	gzFile file = gzdopen(fd, "rb");
	struct digest found;

	assert_non_null(file);
	assert_int_equal(gzread(file, bytes, (unsigned int)length + 1), length);
	sha256_bytes(bytes, length, found.sha256);
	assert_memory_equal(&found, diff_id, sizeof(found));
	assert_int_equal(gzclose(file), Z_OK);
}

static void layers_of_any_length_are_gzip(void **state)
{
	static const size_t lengths[] = { 0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 77 };
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *bytes = make_bytes(lengths[i]);
		struct compressed_row row = { .size = 0 }, again = { .size = 0 };
		struct digest diff_id;

		put_tar(place, bytes, lengths[i], &diff_id);
		(void)layer_compress(&place->store, &diff_id, NULL, &row, &err);
		fail_on(err);
		assert_string_equal(row.media_type, OCI_LAYER_GZIP);
		assert_int_equal(blob_size(&place->store, &row.digest), row.size);
		check_inflates(place, &row, &diff_id, lengths[i]);
		/* Found the second time; made anew, the same, when the blob is gone. */
		assert_int_equal(layer_compress(&place->store, &diff_id, NULL, &again, &err), 0);
		assert_memory_equal(&again.digest, &row.digest, sizeof(row.digest));
		free(again.media_type);
		assert_int_equal(blob_remove(&place->store, &row.digest, &err), 0);
		assert_int_equal(layer_compress(&place->store, &diff_id, NULL, &again, &err), 0);
		assert_memory_equal(&again.digest, &row.digest, sizeof(row.digest));
		free(again.media_type);
		free(row.media_type);
	}
	assert_int_equal(count_names(place, "tmp"), 0);
}

static void add_up(const struct digest *diff_id, int64_t current, int64_t total, void *arg)
{
	int64_t *last = arg;

	(void)diff_id;
	assert_true(current > *last && current <= total);
	*last = current;
}

static void progress_is_told_up_to_the_end(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	cleanup_free char *bytes = make_bytes(3 * MIB + 5);
	int64_t last = 0;
	const struct compress_progress progress = { .bytes = add_up, .arg = &last };
	struct compressed_row row = { .size = 0 };
	struct digest diff_id;

	put_tar(place, bytes, 3 * MIB + 5, &diff_id);
	assert_int_equal(layer_compress(&place->store, &diff_id, &progress, &row, &err), 0);
	assert_int_equal(last, 3 * MIB + 5);
	free(row.media_type);
}

/* What is sent to others is checked before: it would be refused by everyone who pulls it. */
static void a_damaged_tar_is_refused(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	cleanup_free char *bytes = make_bytes(2 * MIB), *path = NULL;
	cleanup_close int fd = -1;
	struct compressed_row row = { .size = 0 };
	struct digest diff_id;
	char hex[HEX_MAX];

	put_tar(place, bytes, 2 * MIB, &diff_id);
	path = xasprintf("%s/blobs/sha256/%s", place->path, digest_hex(&diff_id, hex));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "?", 1, 1234567), 1);
	assert_int_equal(layer_compress(&place->store, &diff_id, NULL, &row, &err), -1);
	assert_non_null(strstr(error_message(err), "damaged"));
	assert_int_equal(count_names(place, "blobs/sha256"), 1);
	assert_int_equal(count_names(place, "tmp"), 0);
}

static void put_image(struct place *place, struct image_row *ret)
{
	cleanup_image_config struct image_config config = { .os = xstrdup("linux"),
		.architecture = xstrdup("amd64") };
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_close int fd = -1;
	struct layer_row layer;

	raw_add(&tar, &(struct raw){ .path = "file", .content = "12345" });
	raw_end(&tar);
	fd = raw_fd(&tar);
	(void)layer_import(&place->store, fd, &layer, &err);
	fail_on(err);
	image_config_add_layer(&config, &layer.diff_id);
	(void)store_put_image(&place->store, &config, "box", ret, &err);
	fail_on(err);
}

static void an_image_made_here_gets_compressed_layers_once(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	cleanup_image_row struct image_row row = { 0 }, found = { 0 };
	struct digest plain, compressed;

	NEED_ROOT();
	put_image(place, &row);
	plain = row.manifest;
	(void)image_compress(&place->store, &row, NULL, &err);
	fail_on(err);
	compressed = row.manifest;
	assert_memory_not_equal(&plain, &compressed, sizeof(plain));
	assert_int_equal(image_compress(&place->store, &row, NULL, &err), 0);
	assert_memory_equal(&row.manifest, &compressed, sizeof(compressed));
	assert_int_equal(store_find_image(&place->store, "box", &found, &err), 0);
	assert_memory_equal(&found.manifest, &compressed, sizeof(compressed));
	assert_memory_equal(&found.id, &row.id, sizeof(row.id));
	/* Nothing of it is garbage but the manifest that it had before. */
	assert_int_equal(store_sweep(&place->store, &err), 1);
	assert_int_equal(image_compress(&place->store, &found, NULL, &err), 0);
}

/* A registry knows it by this manifest, plain as it is. */
static void an_image_from_a_registry_stays_as_it_is(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	cleanup_image_row struct image_row row = { 0 };
	struct catalog *catalog;
	struct digest before;

	NEED_ROOT();
	put_image(place, &row);
	before = row.manifest;
	assert_int_equal(store_catalog(&place->store, &catalog, &err), 0);
	assert_int_equal(catalog_put_repo_digest(
				 catalog, "docker.io/library/box", &row.manifest, &row.id, &err),
		0);
	assert_int_equal(image_compress(&place->store, &row, NULL, &err), 0);
	assert_memory_equal(&row.manifest, &before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(layers_of_any_length_are_gzip, setup, teardown),
		cmocka_unit_test_setup_teardown(progress_is_told_up_to_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_tar_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_image_made_here_gets_compressed_layers_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_image_from_a_registry_stays_as_it_is, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

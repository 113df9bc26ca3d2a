/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs and images. */
#include "store/store_test.h"

#include <sys/stat.h>

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

	need_form(place);
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

	need_form(place);
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
		cmocka_unit_test_setup_teardown(blobs_are_what_their_names_say, setup, teardown),
		cmocka_unit_test_setup_teardown(
			images_are_found_as_users_write_them, setup, teardown),
		IN_BOTH_FORMS(lowers_are_topmost_first),
		cmocka_unit_test_setup_teardown(an_image_needs_its_layers, setup, teardown),
		IN_BOTH_FORMS(removing_takes_what_nothing_else_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

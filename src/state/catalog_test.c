/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "state/catalog.h"
#include "state/sqlite.h"

#define PROCESSES 3
#define ROUNDS 10

struct fixture {
	char path[64];
	int fd;
	struct catalog *catalog;
};

static struct catalog *open_catalog(struct fixture *fixture)
{
	cleanup_error struct error *err = NULL;
	struct catalog *catalog = NULL;

	if (catalog_open(fixture->fd, &catalog, &err) < 0)
		fail_msg("%s", error_message(err));
	return catalog;
}

static int set_up(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	strcpy(fixture->path, "/tmp/vessel-catalog-XXXXXX"); // NOLINT: a constant that fits
	assert_non_null(mkdtemp(fixture->path));
	fixture->fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fixture->fd >= 0);
	fixture->catalog = open_catalog(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;

	catalog_close(fixture->catalog);
	close(fixture->fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, fixture->path, &err), 0);
	free(fixture);
	return 0;
}

/* first and last bytes as given, zeroes between. */
static struct digest digest_of(uint8_t first, uint8_t last)
{
	struct digest digest = { .sha256 = { first } };

	digest.sha256[DIGEST_SIZE - 1] = last;
	return digest;
}

static void put_layer(struct catalog *catalog, const struct digest *diff_id)
{
	const struct layer_row row = { .diff_id = *diff_id, .size = 10, .tar_size = 20 };
	cleanup_error struct error *err = NULL;

	if (catalog_put_layer(catalog, &row, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void put_image(struct catalog *catalog, const struct digest *id, const char *reference,
	const struct digest *layers, size_t count)
{
	const struct image_row row = { .id = *id,
		.manifest = digest_of(0xee, id->sha256[0]),
		.created_ns = id->sha256[0],
		.size = 30,
		.reference = (char *)reference };
	cleanup_error struct error *err = NULL;

	if (catalog_put_image(catalog, &row, layers, count, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void images_are_found_by_reference_and_prefix(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest layer = digest_of(1, 1), a = digest_of(0xab, 1), b = digest_of(0xab, 2),
			    c = digest_of(0xcd, 0xff);
	static const struct {
		const char *why, *prefix;
		int found;
	} prefixes[] = {
		{ "unique", "cd", 1 },
		{ "odd number of digits", "c", 1 },
		{ "two match", "ab", -1 },
		{ "two match by an odd number", "ab000", -1 },
		{ "none", "cd1", 0 },
		{ "all digits", "ab00000000000000000000000000000000000000000000000000000000000002",
			1 },
		{ "one digit too many",
			"ab000000000000000000000000000000000000000000000000000000000000020", 0 },
		{ "not hex", "xyz", 0 },
		{ "upper case", "CD", 0 },
		{ "empty would be any", "", 0 },
	};
	cleanup_error struct error *err = NULL;
	cleanup_image_row struct image_row found = { 0 };

	put_layer(catalog, &layer);
	put_image(catalog, &a, "docker.io/library/a:1", &layer, 1);
	put_image(catalog, &b, NULL, &layer, 1);
	put_image(catalog, &c, NULL, &layer, 1);
	assert_int_equal(catalog_find_reference(catalog, "docker.io/library/a:1", &found, &err), 1);
	assert_memory_equal(&found.id, &a, sizeof(a));
	assert_int_equal(found.manifest.sha256[0], 0xee);
	assert_int_equal(found.size, 30);
	assert_string_equal(found.reference, "docker.io/library/a:1");
	assert_int_equal(catalog_find_reference(catalog, "docker.io/library/a:2", &found, &err), 0);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		cleanup_error struct error *why = NULL;
		cleanup_image_row struct image_row row = { 0 };
		int result = catalog_find_image(catalog, prefixes[i].prefix, &row, &why);

		if (result != prefixes[i].found)
			fail_msg("%s: %d", prefixes[i].why, result);
	}
}

static void a_reference_moves(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest layer = digest_of(1, 1), a = digest_of(0xa, 0), b = digest_of(0xb, 0),
			    none = digest_of(0xc, 0);
	cleanup_error struct error *err = NULL;
	cleanup_strv strv of_a = NULL, of_b = NULL;

	put_layer(catalog, &layer);
	put_image(catalog, &a, "x:1", &layer, 1);
	put_image(catalog, &b, "x:1", &layer, 1);
	assert_int_equal(catalog_put_reference(catalog, "x:2", &b, &err), 0);
	assert_int_equal(catalog_references_of(catalog, &a, &of_a, &err), 0);
	assert_int_equal(catalog_references_of(catalog, &b, &of_b, &err), 0);
	assert_int_equal(strv_length(of_a), 0);
	assert_int_equal(strv_length(of_b), 2);
	assert_string_equal(of_b[1], "x:2");
	assert_int_equal(catalog_delete_reference(catalog, "x:2", &err), 1);
	assert_int_equal(catalog_delete_reference(catalog, "x:2", &err), 0);
	assert_int_equal(catalog_put_reference(catalog, "x:3", &none, &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
}

static int collect(const struct image_row *row, void *arg)
{
	strv *rows = arg;

	strv_appendf(rows, "%02x %s", row->id.sha256[0], row->reference ? row->reference : "-");
	return 0;
}

static void each_image_once_for_each_reference(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest layer = digest_of(1, 1), a = digest_of(0xa, 0), b = digest_of(0xb, 0);
	cleanup_error struct error *err = NULL;
	cleanup_strv strv rows = NULL;

	put_layer(catalog, &layer);
	put_image(catalog, &a, "x:1", &layer, 1);
	put_image(catalog, &b, NULL, &layer, 1);
	assert_int_equal(catalog_put_reference(catalog, "x:2", &a, &err), 0);
	assert_int_equal(catalog_each_image(catalog, collect, &rows, &err), 0);
	assert_int_equal(strv_length(rows), 3);
	assert_string_equal(rows[0], "0b -"); /* created last */
	assert_string_equal(rows[1], "0a x:1");
	assert_string_equal(rows[2], "0a x:2");
}

static void deleting_gives_layers_that_nobody_names(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest shared = digest_of(1, 1), own = digest_of(2, 2), a = digest_of(0xa, 0),
			    b = digest_of(0xb, 0);
	/* The same layer twice in an image is one layer. */
	const struct digest layers[] = { shared, own, own };
	const struct cache_row step = { .layer = own, .has_layer = true, .size = 1 };
	cleanup_error struct error *err = NULL;
	cleanup_free struct digest *orphans = NULL;
	struct layer_row layer;
	struct cache_row cached;
	struct image_row row = { 0 };
	size_t count = 0;

	put_layer(catalog, &shared);
	put_layer(catalog, &own);
	put_image(catalog, &a, "x:1", layers, 3);
	put_image(catalog, &b, NULL, &shared, 1);
	assert_int_equal(catalog_put_cache(catalog, "key", &step, &err), 0);
	assert_int_equal(catalog_delete_image(catalog, &a, &orphans, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_memory_equal(orphans, &own, sizeof(own));
	assert_int_equal(catalog_find_layer(catalog, &own, &layer, &err), 0);
	assert_int_equal(catalog_find_layer(catalog, &shared, &layer, &err), 1);
	assert_int_equal(catalog_find_cache(catalog, "key", &cached, &err), 0);
	assert_int_equal(catalog_find_reference(catalog, "x:1", &row, &err), 0);
}

/* Another process removed the layer between its import and the image that names it. */
static void an_image_needs_its_layers(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest missing = digest_of(9, 9);
	const struct image_row row = { .id = digest_of(0xa, 0), .reference = (char *)"x:1" };
	cleanup_error struct error *err = NULL, *none = NULL;
	struct image_row found = { 0 };

	assert_int_equal(catalog_put_image(catalog, &row, &missing, 1, &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
	assert_int_equal(catalog_find_reference(catalog, "x:1", &found, &none), 0);
	assert_int_equal(catalog_find_image(catalog, "0a", &found, &none), 0);
}

static void cache_and_volumes(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct cache_row with = { .layer = digest_of(1, 1), .has_layer = true, .size = 5 };
	const struct cache_row without = { .size = 0 };
	cleanup_error struct error *err = NULL;
	cleanup_strv strv volumes = NULL;
	struct cache_row got;

	assert_int_equal(catalog_find_cache(catalog, "a", &got, &err), 0);
	assert_int_equal(catalog_put_cache(catalog, "a", &with, &err), 0);
	assert_int_equal(catalog_find_cache(catalog, "a", &got, &err), 1);
	assert_true(got.has_layer);
	assert_memory_equal(&got.layer, &with.layer, sizeof(got.layer));
	assert_int_equal(catalog_put_cache(catalog, "a", &without, &err), 0);
	assert_int_equal(catalog_find_cache(catalog, "a", &got, &err), 1);
	assert_false(got.has_layer);
	assert_int_equal(catalog_forget_cache(catalog, "a", &err), 1);
	assert_int_equal(catalog_find_cache(catalog, "a", &got, &err), 0);
	assert_int_equal(catalog_put_volume(catalog, "z", false, &err), 0);
	assert_int_equal(catalog_put_volume(catalog, "b", true, &err), 0);
	assert_int_equal(catalog_put_volume(catalog, "b", true, &err), 0); /* idempotent */
	assert_int_equal(catalog_volumes(catalog, false, &volumes, &err), 0);
	assert_int_equal(strv_length(volumes), 2);
	assert_string_equal(volumes[0], "b");
	assert_int_equal(catalog_find_volume(catalog, "z", &err), 1);
	assert_int_equal(catalog_delete_volume(catalog, "z", &err), 1);
	assert_int_equal(catalog_find_volume(catalog, "z", &err), 0);
}

static void registries_know_images(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest layer = digest_of(1, 1), a = digest_of(0xa, 1), b = digest_of(0xb, 2),
			    pulled = digest_of(0x11, 0), pushed = digest_of(0x22, 0);
	cleanup_error struct error *err = NULL;
	cleanup_image_row struct image_row found = { 0 };
	cleanup_strv strv names = NULL, none = NULL;
	cleanup_free char *first = NULL;
	char text[DIGEST_TEXT_MAX];

	put_layer(catalog, &layer);
	put_image(catalog, &a, "x:1", &layer, 1);
	put_image(catalog, &b, "y:1", &layer, 1);
	assert_int_equal(catalog_put_repo_digest(catalog, "r/x", &pushed, &a, &err), 0);
	assert_int_equal(catalog_put_repo_digest(catalog, "r/x", &pulled, &a, &err), 0);
	assert_int_equal(catalog_put_repo_digest(catalog, "r/x", &pulled, &a, &err), 0);
	assert_int_equal(catalog_repo_digests_of(catalog, &a, &names, &err), 0);
	first = xasprintf("r/x@%s", digest_text(&pulled, text));
	assert_int_equal(strv_length(names), 2);
	assert_string_equal(names[0], first);
	assert_int_equal(catalog_repo_digests_of(catalog, &b, &none, &err), 0);
	assert_null(none);
	assert_int_equal(catalog_find_repo_digest(catalog, "r/x", &pushed, &found, &err), 1);
	assert_memory_equal(&found.id, &a, sizeof(a));
	assert_int_equal(catalog_find_repo_digest(catalog, "r/y", &pushed, &found, &err), 0);
	assert_int_equal(catalog_set_manifest(catalog, &a, &pushed, &err), 0);
	assert_int_equal(catalog_find_reference(catalog, "x:1", &found, &err), 1);
	assert_memory_equal(&found.manifest, &pushed, sizeof(pushed));
	/* They go with the image, which leaves its layer to who may be using it. */
	assert_int_equal(catalog_delete_image_alone(catalog, &a, &err), 0);
	assert_int_equal(catalog_find_repo_digest(catalog, "r/x", &pushed, &found, &err), 0);
}

static void layers_are_known_by_repositories(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest base = digest_of(1, 1), top = digest_of(2, 2), a = digest_of(0xa, 1),
			    b = digest_of(0xb, 2), pushed = digest_of(0x22, 0);
	const struct digest both[] = { base, top };
	cleanup_error struct error *err = NULL;
	cleanup_strv strv of_base = NULL, of_top = NULL, none = NULL;

	put_layer(catalog, &base);
	put_layer(catalog, &top);
	put_image(catalog, &a, "x:1", &base, 1);
	put_image(catalog, &b, "y:1", both, 2);
	assert_int_equal(catalog_repositories_of(catalog, &base, &none, &err), 0);
	assert_null(none);
	assert_int_equal(catalog_put_repo_digest(catalog, "r/x", &pushed, &a, &err), 0);
	assert_int_equal(catalog_put_repo_digest(catalog, "r/b", &pushed, &b, &err), 0);
	assert_int_equal(catalog_repositories_of(catalog, &base, &of_base, &err), 0);
	assert_int_equal(strv_length(of_base), 2);
	assert_string_equal(of_base[0], "r/b");
	assert_string_equal(of_base[1], "r/x");
	assert_int_equal(catalog_repositories_of(catalog, &top, &of_top, &err), 0);
	assert_int_equal(strv_length(of_top), 1);
	assert_string_equal(of_top[0], "r/b");
}

static void forms_go_with_their_layer(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest layer = digest_of(1, 1), image = digest_of(0xa, 1);
	const struct compressed_row gzip = {
		.diff_id = layer, .digest = digest_of(2, 2), .size = 7, .media_type = (char *)"gzip"
	};
	const struct compressed_row orphan = {
		.diff_id = digest_of(3, 3), .digest = digest_of(4, 4), .media_type = (char *)"gzip"
	};
	cleanup_compressed_rows struct compressed_rows rows = { 0 }, all = { 0 }, left = { 0 };
	cleanup_error struct error *err = NULL;

	put_layer(catalog, &layer);
	put_image(catalog, &image, NULL, &layer, 1);
	assert_int_equal(catalog_put_compressed(catalog, &gzip, &err), 0);
	assert_int_equal(catalog_put_compressed(catalog, &orphan, &err), 0); /* is none */
	assert_int_equal(catalog_compressed_of(catalog, &layer, &rows, &err), 0);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.items[0].size, 7);
	assert_string_equal(rows.items[0].media_type, "gzip");
	assert_int_equal(catalog_compressed_all(catalog, &all, &err), 0);
	assert_int_equal(all.count, 1);
	assert_int_equal(catalog_delete_layers(catalog, &layer, 1, &err), 0);
	assert_int_equal(catalog_compressed_all(catalog, &left, &err), 0);
	assert_int_equal(left.count, 0);
}

struct seen {
	int layers, cached, named, steps;
};

static int see_layer(const struct layer_use *use, void *arg)
{
	struct seen *seen = arg;

	seen->layers++;
	seen->cached += use->cached;
	seen->named += (int)use->images;
	assert_int_equal(use->layer.tar_size, 20);
	return 0;
}

static int see_step(const char *key, const struct cache_row *row, void *arg)
{
	struct seen *seen = arg;

	assert_string_equal(key, "step");
	assert_true(row->created_ns > 0);
	seen->steps++;
	return 0;
}

static void layers_are_counted_by_who_names_them(void **state)
{
	struct catalog *catalog = ((struct fixture *)*state)->catalog;
	const struct digest shared = digest_of(1, 1), cached = digest_of(2, 2),
			    nobodys = digest_of(3, 3), a = digest_of(0xa, 1), b = digest_of(0xb, 2);
	const struct digest twice[] = { shared, cached, shared };
	const struct cache_row step = { .layer = cached, .has_layer = true };
	cleanup_error struct error *err = NULL;
	cleanup_free struct digest *layers = NULL;
	cleanup_strv strv wrong = NULL;
	struct seen seen = { 0 };
	size_t count = 0;

	put_layer(catalog, &shared);
	put_layer(catalog, &cached);
	put_layer(catalog, &nobodys);
	put_image(catalog, &a, "x:1", twice, 3);
	put_image(catalog, &b, "y:1", &shared, 1);
	assert_int_equal(catalog_put_cache(catalog, "step", &step, &err), 0);
	assert_int_equal(catalog_each_layer(catalog, see_layer, &seen, &err), 0);
	assert_int_equal(seen.layers, 3);
	assert_int_equal(seen.cached, 1);
	assert_int_equal(seen.named, 3); /* of shared 2, once for each image; of cached 1 */
	assert_int_equal(catalog_each_cache(catalog, see_step, &seen, &err), 0);
	assert_int_equal(seen.steps, 1);
	assert_int_equal(catalog_layers_of(catalog, &a, &layers, &count, &err), 0);
	assert_int_equal(count, 3);
	assert_memory_equal(layers, twice, sizeof(twice));
	assert_int_equal(catalog_check(catalog, &wrong, &err), 0);
	assert_null(wrong);
}

/* As the first version made it: what came since is missing. */
static void downgrade(const struct fixture *fixture)
{
	cleanup_free char *path = xasprintf("%s/state.db", fixture->path);
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				 "DROP TABLE repo_digests; DROP TABLE compressed;"
				 "ALTER TABLE cache DROP COLUMN created_ns;"
				 "INSERT INTO cache VALUES ('old', NULL, 5);"
				 "PRAGMA user_version = 1",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
}

static void an_older_one_is_brought_up_to_date(void **state)
{
	struct fixture *fixture = *state;
	const struct digest layer = digest_of(1, 1), image = digest_of(0xa, 1);
	cleanup_error struct error *err = NULL;
	struct cache_row row;

	put_layer(fixture->catalog, &layer);
	put_image(fixture->catalog, &image, "x:1", &layer, 1);
	catalog_close(fixture->catalog);
	downgrade(fixture);
	fixture->catalog = open_catalog(fixture);
	assert_int_equal(catalog_find_cache(fixture->catalog, "old", &row, &err), 1);
	assert_int_equal(row.size, 5);
	assert_int_equal(catalog_put_repo_digest(fixture->catalog, "r", &layer, &image, &err), 0);
}

static int contender(struct fixture *fixture, int number)
{
	for (int i = 0; i < ROUNDS; i++) {
		cleanup_error struct error *err = NULL;
		cleanup_catalog struct catalog *catalog = NULL;
		const struct layer_row row = { .diff_id = digest_of((uint8_t)number, (uint8_t)i) };

		if (catalog_open(fixture->fd, &catalog, &err) < 0 ||
			catalog_put_layer(catalog, &row, &err) < 0)
			return 1;
	}
	return 0;
}

/* Also the making of the file, by several at once. */
static void processes_share_it(void **state)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	pid_t pids[PROCESSES];
	int status;

	catalog_close(take_ptr(fixture->catalog));
	assert_int_equal(unlinkat(fixture->fd, "state.db", 0), 0);
	(void)unlinkat(fixture->fd, "state.db-journal", 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(contender(fixture, i));
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	fixture->catalog = open_catalog(fixture);
	for (int i = 0; i < PROCESSES * ROUNDS; i++) {
		const struct digest id = digest_of((uint8_t)(i / ROUNDS), (uint8_t)(i % ROUNDS));
		struct layer_row row;

		assert_int_equal(catalog_find_layer(fixture->catalog, &id, &row, &err), 1);
	}
}

static void reading_writes_nothing(void **state)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	cleanup_strv strv rows = NULL;
	struct stat before, after, dir_before, dir_after;

	put_layer(fixture->catalog, &(struct digest){ { 1 } });
	catalog_close(fixture->catalog);
	assert_int_equal(fstatat(fixture->fd, "state.db", &before, 0), 0);
	assert_int_equal(fstat(fixture->fd, &dir_before), 0);
	fixture->catalog = open_catalog(fixture);
	assert_int_equal(catalog_each_image(fixture->catalog, collect, &rows, &err), 0);
	catalog_close(fixture->catalog);
	fixture->catalog = open_catalog(fixture);
	assert_int_equal(fstatat(fixture->fd, "state.db", &after, 0), 0);
	assert_int_equal(fstat(fixture->fd, &dir_after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_memory_equal(&dir_before.st_mtim, &dir_after.st_mtim, sizeof(before.st_mtim));
}

static const struct {
	const char *why, *content;
	long length; /* of a real one that is cut, when content is NULL */
} damaged[] = {
	{ "empty: taken for new, all images would become garbage", "", 0 },
	{ "one byte, which SQLite takes for none", "x", 0 },
	{ "a text", "no database", 0 },
	{ "cut in the header", NULL, 50 },
	{ "cut after the first page", NULL, 4096 },
};

static void damage_is_told(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/state.db", fixture->path);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv rows = NULL;
		int result;

		catalog_close(take_ptr(fixture->catalog));
		(void)unlinkat(fixture->fd, "state.db", 0);
		fixture->catalog = open_catalog(fixture);
		catalog_close(take_ptr(fixture->catalog));
		if (damaged[i].content)
			assert_int_equal(
				file_replace_at(fixture->fd, "state.db", damaged[i].content,
					strlen(damaged[i].content), 0600, false, &err),
				0);
		else
			assert_int_equal(truncate(path, damaged[i].length), 0);
		result = catalog_open(fixture->fd, &fixture->catalog, &err);
		if (result == 0) /* a cut is seen at the first use only */
			result = catalog_each_image(fixture->catalog, collect, &rows, &err);
		if (result == 0)
			fail_msg("%s: not seen", damaged[i].why);
		if (!strstr(error_message(err), "damaged") || !error_hint_text(err))
			fail_msg("%s: says '%s'", damaged[i].why, error_message(err));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(images_are_found_by_reference_and_prefix),
		TEST(a_reference_moves),
		TEST(each_image_once_for_each_reference),
		TEST(deleting_gives_layers_that_nobody_names),
		TEST(an_image_needs_its_layers),
		TEST(cache_and_volumes),
		TEST(registries_know_images),
		TEST(layers_are_known_by_repositories),
		TEST(forms_go_with_their_layer),
		TEST(layers_are_counted_by_who_names_them),
		TEST(an_older_one_is_brought_up_to_date),
		TEST(processes_share_it),
		TEST(reading_writes_nothing),
		TEST(damage_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

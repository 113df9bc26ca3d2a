/* SPDX-License-Identifier: Apache-2.0 */
/* Images, their references, and which layers they name. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "state/catalog_db.h"

void image_row_done(struct image_row *row)
{
	free(row->reference);
	*row = (struct image_row){ 0 };
}

int column_image(sqlite3_stmt *statement, struct image_row *ret, struct error **err)
{
	struct image_row row = { 0 };

	if (column_digest(statement, 0, &row.id, err) < 0 ||
		column_digest(statement, 1, &row.manifest, err) < 0)
		return -1;
	row.created_ns = sqlite3_column_int64(statement, 2);
	row.size = sqlite3_column_int64(statement, 3);
	row.reference = column_copy(statement, 4);
	*ret = row;
	return 1;
}

/*
 * Every layer must still be in the catalogue: between its import and now another process may have
 * removed the last image that named it.
 */
static int put_layers(struct catalog *catalog, const struct digest *image,
	const struct digest *layers, size_t layer_count, struct error **err)
{
	struct layer_row layer;
	char text[DIGEST_TEXT_MAX];

	if (database_run(&catalog->database, err, "DELETE FROM image_layers WHERE image = ?", "d",
		    image) < 0)
		return -1;
	for (size_t i = 0; i < layer_count; i++) {
		int found = catalog_find_layer(catalog, &layers[i], &layer, err);

		if (found == 0)
			return error_new(err, ERROR_NOT_FOUND, "layer %s is not here (any more)",
				digest_text(&layers[i], text));
		if (found < 0 || database_run(&catalog->database, err,
					 "INSERT INTO image_layers VALUES (?, ?, ?)", "did", image,
					 (int64_t)i, &layers[i]) < 0)
			return -1;
	}
	return 0;
}

static int put_reference(struct catalog *catalog, const char *reference, const struct digest *image,
	struct error **err)
{
	return database_run(&catalog->database, err, "INSERT OR REPLACE INTO refs VALUES (?, ?)",
		"td", reference, image);
}

static int put_image(struct catalog *catalog, const struct image_row *image,
	const struct digest *layers, size_t layer_count, struct error **err)
{
	if (database_run(&catalog->database, err,
		    "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)", "ddii", &image->id,
		    &image->manifest, image->created_ns, image->size) < 0 ||
		put_layers(catalog, &image->id, layers, layer_count, err) < 0)
		return -1;
	return image->reference ? put_reference(catalog, image->reference, &image->id, err) : 0;
}

int catalog_put_image(struct catalog *catalog, const struct image_row *image,
	const struct digest *layers, size_t layer_count, struct error **err)
{
	int result;

	if (database_begin(&catalog->database, err) < 0)
		return -1;
	result = put_image(catalog, image, layers, layer_count, err);
	return database_end(&catalog->database, result, err) < 0 ? -1 : 0;
}

int catalog_find_reference(
	struct catalog *catalog, const char *reference, struct image_row *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT id, manifest, created_ns, size, reference FROM refs "
		    "JOIN images ON images.id = refs.image WHERE reference = ?",
		    "t", reference) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	return found <= 0 ? found : column_image(statement, ret, err);
}

/* The first and the last digest whose hex digits begin so. */
static int prefix_range(const char *prefix, struct digest *first, struct digest *last)
{
	char text[DIGEST_TEXT_MAX];
	struct error *err = NULL;

	for (int i = 0; i < 2; i++) {
		memset(text, i ? 'f' : '0', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		memcpy(text, "sha256:", strlen("sha256:"));
		memcpy(text + strlen("sha256:"), prefix, strlen(prefix));
		if (digest_parse(text, i ? last : first, &err) < 0) {
			error_free(err);
			return -1;
		}
	}
	return 0;
}

int catalog_find_image(
	struct catalog *catalog, const char *prefix, struct image_row *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_image_row struct image_row row = { 0 };
	struct digest first, last;
	int found;

	if (!id_is_prefix(prefix) || prefix_range(prefix, &first, &last) < 0)
		return 0;
	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT id, manifest, created_ns, size, NULL FROM images "
		    "WHERE id BETWEEN ? AND ? LIMIT 2",
		    "dd", &first, &last) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	if (found <= 0)
		return found;
	if (column_image(statement, &row, err) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	if (found > 0)
		return error_new(
			err, ERROR_INVALID, "Multiple IDs found with provided prefix: %s", prefix);
	if (found < 0)
		return -1;
	*ret = row;
	row = (struct image_row){ 0 };
	return 1;
}

struct row_list {
	struct image_row *rows;
	size_t count;
};

static int read_all(struct catalog *catalog, struct row_list *list, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT id, manifest, created_ns, size, reference FROM images "
		    "LEFT JOIN refs ON refs.image = images.id "
		    "ORDER BY created_ns DESC, id, reference",
		    "") < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		list->rows = xrealloc(list->rows, list->count + 1, sizeof(*list->rows));
		if (column_image(statement, &list->rows[list->count], err) < 0)
			return -1;
		list->count++;
	}
	return found;
}

/* All rows first, then the callbacks: what they do must not hold the lock, and may write. */
int catalog_each_image(struct catalog *catalog, int (*each)(const struct image_row *row, void *arg),
	void *arg, struct error **err)
{
	struct row_list list = { 0 };
	int result = read_all(catalog, &list, err);

	for (size_t i = 0; i < list.count; i++) {
		if (result == 0)
			result = each(&list.rows[i], arg);
		image_row_done(&list.rows[i]);
	}
	free(list.rows);
	return result;
}

static int point_reference(struct catalog *catalog, const char *reference,
	const struct digest *image, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	char text[DIGEST_TEXT_MAX];
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT 1 FROM images WHERE id = ?", "d", image) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	if (found == 0)
		return error_new(
			err, ERROR_NOT_FOUND, "No such image: %s", digest_text(image, text));
	return found < 0 ? -1 : put_reference(catalog, reference, image, err);
}

int catalog_put_reference(struct catalog *catalog, const char *reference,
	const struct digest *image, struct error **err)
{
	int result;

	if (database_begin(&catalog->database, err) < 0)
		return -1;
	result = point_reference(catalog, reference, image, err);
	return database_end(&catalog->database, result, err) < 0 ? -1 : 0;
}

int catalog_delete_reference(struct catalog *catalog, const char *reference, struct error **err)
{
	return catalog_write(catalog, err, "DELETE FROM refs WHERE reference = ?", "t", reference);
}

int catalog_references_of(
	struct catalog *catalog, const struct digest *image, strv *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_strv strv references = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT reference FROM refs WHERE image = ? ORDER BY reference", "d",
		    image) < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0)
		strv_take(&references, column_copy(statement, 0));
	if (found < 0)
		return -1;
	*ret = take_ptr(references);
	return 0;
}

struct digest_list {
	struct digest *digests;
	size_t count;
};

static int find_orphans(struct catalog *catalog, const struct digest *image,
	struct digest_list *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT DISTINCT diff_id FROM image_layers AS own WHERE image = ? AND NOT "
		    "EXISTS "
		    "(SELECT 1 FROM image_layers WHERE diff_id = own.diff_id AND image <> "
		    "own.image)",
		    "d", image) < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		ret->digests = xrealloc(ret->digests, ret->count + 1, sizeof(*ret->digests));
		if (column_digest(statement, 0, &ret->digests[ret->count], err) < 0)
			return -1;
		ret->count++;
	}
	return found;
}

/* A cached step whose layer is gone would be a promise that nobody can keep. */
static int delete_layers(
	struct catalog *catalog, const struct digest_list *layers, struct error **err)
{
	for (size_t i = 0; i < layers->count; i++)
		if (database_run(&catalog->database, err, "DELETE FROM layers WHERE diff_id = ?",
			    "d", &layers->digests[i]) < 0 ||
			database_run(&catalog->database, err,
				"DELETE FROM compressed WHERE diff_id = ?", "d",
				&layers->digests[i]) < 0 ||
			database_run(&catalog->database, err, "DELETE FROM cache WHERE layer = ?",
				"d", &layers->digests[i]) < 0)
			return -1;
	return 0;
}

static int delete_rows(struct catalog *catalog, const struct digest *image, struct error **err)
{
	static const char *const statements[] = {
		"DELETE FROM refs WHERE image = ?",
		"DELETE FROM image_layers WHERE image = ?",
		"DELETE FROM repo_digests WHERE image = ?",
		"DELETE FROM images WHERE id = ?",
	};
	int result = 0;

	for (size_t i = 0; result >= 0 && i < sizeof(statements) / sizeof(*statements); i++)
		result = database_run(&catalog->database, err, statements[i], "d", image);
	return result;
}

static int delete_image(struct catalog *catalog, const struct digest *image,
	struct digest_list *orphans, struct error **err)
{
	int result;

	if (find_orphans(catalog, image, orphans, err) < 0)
		return -1;
	result = delete_rows(catalog, image, err);
	return result < 0 || delete_layers(catalog, orphans, err) < 0 ? -1 : result;
}

int catalog_delete_image_alone(
	struct catalog *catalog, const struct digest *image, struct error **err)
{
	int result;

	if (database_begin(&catalog->database, err) < 0)
		return -1;
	result = delete_rows(catalog, image, err);
	return database_end(&catalog->database, result, err) < 0 ? -1 : 0;
}

int catalog_delete_layers(
	struct catalog *catalog, const struct digest *layers, size_t count, struct error **err)
{
	const struct digest_list list = { (struct digest *)layers, count };
	int result;

	if (database_begin(&catalog->database, err) < 0)
		return -1;
	result = delete_layers(catalog, &list, err);
	return database_end(&catalog->database, result, err) < 0 ? -1 : 0;
}

int catalog_delete_image(struct catalog *catalog, const struct digest *image, struct digest **ret,
	size_t *ret_count, struct error **err)
{
	struct digest_list orphans = { 0 };
	int result;

	if (database_begin(&catalog->database, err) < 0)
		return -1;
	result = delete_image(catalog, image, &orphans, err);
	result = database_end(&catalog->database, result, err);
	if (result < 0) {
		free(orphans.digests);
		return -1;
	}
	*ret = orphans.digests;
	*ret_count = orphans.count;
	return 0;
}

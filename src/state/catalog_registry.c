/* SPDX-License-Identifier: Apache-2.0 */
/* What registries know of our images: digests of manifests, and layers as they have them. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "state/catalog_db.h"

int catalog_put_repo_digest(struct catalog *catalog, const char *repository,
	const struct digest *digest, const struct digest *image, struct error **err)
{
	return catalog_write(catalog, err, "INSERT OR REPLACE INTO repo_digests VALUES (?, ?, ?)",
		       "tdd", repository, digest, image) < 0
		       ? -1
		       : 0;
}

int catalog_repo_digests_of(
	struct catalog *catalog, const struct digest *image, strv *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_strv strv names = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT repository, digest FROM repo_digests WHERE image = ? "
		    "ORDER BY repository, digest",
		    "d", image) < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		cleanup_free char *repository = column_copy(statement, 0);
		char text[DIGEST_TEXT_MAX];
		struct digest digest;

		if (column_digest(statement, 1, &digest, err) < 0)
			return -1;
		strv_appendf(&names, "%s@%s", repository, digest_text(&digest, text));
	}
	if (found < 0)
		return -1;
	*ret = take_ptr(names);
	return 0;
}

int catalog_repositories_of(
	struct catalog *catalog, const struct digest *diff_id, strv *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_strv strv names = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT DISTINCT repository FROM repo_digests "
		    "JOIN image_layers ON image_layers.image = repo_digests.image "
		    "WHERE diff_id = ? ORDER BY repository",
		    "d", diff_id) < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0)
		strv_take(&names, column_copy(statement, 0));
	if (found < 0)
		return -1;
	*ret = take_ptr(names);
	return 0;
}

int catalog_find_repo_digest(struct catalog *catalog, const char *repository,
	const struct digest *digest, struct image_row *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT id, manifest, created_ns, size, NULL FROM repo_digests "
		    "JOIN images ON images.id = repo_digests.image "
		    "WHERE repository = ? AND digest = ?",
		    "td", repository, digest) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	return found <= 0 ? found : column_image(statement, ret, err);
}

int catalog_set_manifest(struct catalog *catalog, const struct digest *image,
	const struct digest *manifest, struct error **err)
{
	return catalog_write(catalog, err, "UPDATE images SET manifest = ? WHERE id = ?", "dd",
		       manifest, image) < 0
		       ? -1
		       : 0;
}

/* A layer without a row has no forms either: between its import and now it may have been removed.
 */
int catalog_put_compressed(
	struct catalog *catalog, const struct compressed_row *row, struct error **err)
{
	return catalog_write(catalog, err,
		       "INSERT OR REPLACE INTO compressed SELECT ?, ?, ?, ? "
		       "WHERE EXISTS (SELECT 1 FROM layers WHERE diff_id = ?)",
		       "dditd", &row->diff_id, &row->digest, row->size, row->media_type,
		       &row->diff_id) < 0
		       ? -1
		       : 0;
}

static int read_rows(struct catalog *catalog, sqlite3_stmt *statement, struct compressed_rows *rows,
	struct error **err)
{
	int found;

	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		struct compressed_row row = { .size = sqlite3_column_int64(statement, 2) };

		if (column_digest(statement, 0, &row.diff_id, err) < 0 ||
			column_digest(statement, 1, &row.digest, err) < 0)
			return -1;
		row.media_type = column_copy(statement, 3);
		rows->items = xrealloc(rows->items, rows->count + 1, sizeof(*rows->items));
		rows->items[rows->count++] = row;
	}
	return found;
}

int catalog_compressed_of(struct catalog *catalog, const struct digest *diff_id,
	struct compressed_rows *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_compressed_rows struct compressed_rows rows = { 0 };

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT diff_id, digest, size, media_type FROM compressed WHERE diff_id = ?",
		    "d", diff_id) < 0 ||
		read_rows(catalog, statement, &rows, err) < 0)
		return -1;
	*ret = rows;
	rows = (struct compressed_rows){ 0 };
	return 0;
}

int catalog_compressed_all(struct catalog *catalog, struct compressed_rows *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_compressed_rows struct compressed_rows rows = { 0 };

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT diff_id, digest, size, media_type FROM compressed", "") < 0 ||
		read_rows(catalog, statement, &rows, err) < 0)
		return -1;
	*ret = rows;
	rows = (struct compressed_rows){ 0 };
	return 0;
}

void compressed_rows_done(struct compressed_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->items[i].media_type);
	free(rows->items);
	*rows = (struct compressed_rows){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the catalogue, and what is simple in it: layers, build cache, volumes.
 *
 * Writing sets the journal to TRUNCATE with synchronous=FULL: SQLite then syncs the emptied
 * journal, which is the commit. With DELETE it would unlink the journal without syncing the
 * directory, and a power cut could bring the journal back and undo a commit that had returned.
 * Reading sets nothing, and touches nothing on the disk.
 *
 * The file is made complete under another name and then linked: an empty state.db is therefore
 * damage, never a beginning. Taken for a new catalogue it would make garbage of every image.
 */
#include "state/catalog.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "state/catalog_db.h"

#define SCHEMA_VERSION 2
#define TEMPORARY_MAX 32

static const struct database_kind kind = {
	.name = "state.db",
	.noun = "the image catalogue",
	.damaged_hint = "restore it from a backup, or move it away to begin with an empty one "
			"(images must then be pulled or built again)",
	.write_pragmas = "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL",
};

/* clang-format off */
#define SINCE_VERSION_2 \
	"CREATE TABLE repo_digests (repository TEXT NOT NULL, digest BLOB NOT NULL, image BLOB NOT NULL," \
		" PRIMARY KEY (repository, digest)) WITHOUT ROWID;" \
	"CREATE INDEX repo_digests_by_image ON repo_digests (image);" \
	"CREATE TABLE compressed (diff_id BLOB NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL," \
		" media_type TEXT NOT NULL, PRIMARY KEY (diff_id, digest)) WITHOUT ROWID;" \
	"ALTER TABLE cache ADD COLUMN created_ns INTEGER NOT NULL DEFAULT 0;" \
	"PRAGMA user_version = 2;"
static const char upgrade_from_1[] = SINCE_VERSION_2;
static const char schema[] =
	"BEGIN;"
	"CREATE TABLE images (id BLOB PRIMARY KEY, manifest BLOB NOT NULL, created_ns INTEGER NOT NULL,"
		" size INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE image_layers (image BLOB NOT NULL, position INTEGER NOT NULL,"
		" diff_id BLOB NOT NULL, PRIMARY KEY (image, position)) WITHOUT ROWID;"
	"CREATE INDEX image_layers_by_diff_id ON image_layers (diff_id);"
	"CREATE TABLE refs (reference TEXT PRIMARY KEY, image BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX refs_by_image ON refs (image);"
	"CREATE TABLE layers (diff_id BLOB PRIMARY KEY, size INTEGER NOT NULL,"
		" tar_size INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE cache (key TEXT PRIMARY KEY, layer BLOB, size INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE volumes (name TEXT PRIMARY KEY, anonymous INTEGER NOT NULL) WITHOUT ROWID;"
	SINCE_VERSION_2 /* SCHEMA_VERSION */
	"COMMIT;";
/* clang-format on */

static int fill_new(int root_fd, const char *name, struct error **err)
{
	struct database_kind new_kind = kind;
	struct database database = { 0 };
	int result;

	new_kind.name = name;
	if (database_open(root_fd, &new_kind, &database, err) < 0)
		return -1;
	result = database_exec(&database, new_kind.write_pragmas, err);
	if (result == 0)
		result = database_exec(&database, schema, err);
	database_close(&database);
	return result;
}

static int put_in_place(int root_fd, const char *name, struct error **err)
{
	cleanup_close int dir_fd = -1;

	/* Another process may have made one meanwhile: then that is the catalogue. */
	if (linkat(root_fd, name, root_fd, kind.name, 0) < 0 && errno != EEXIST)
		return error_sys(err, "link %s", kind.name);
	dir_fd = dir_open_at(root_fd, ".", err);
	return dir_fd < 0 ? -1 : fd_sync(dir_fd, "the root directory", err);
}

static int make(int root_fd, struct error **err)
{
	char name[TEMPORARY_MAX], journal[TEMPORARY_MAX + sizeof("-journal")];
	int result;

	snprintf(name, sizeof(name), "state.db.%d.new", (int)getpid());
	snprintf(journal, sizeof(journal), "%s-journal", name);
	/* Left by a process of the same number that was killed. */
	(void)unlinkat(root_fd, name, 0);
	(void)unlinkat(root_fd, journal, 0);
	result = database_make_file(root_fd, name, err);
	if (result == 0)
		result = fill_new(root_fd, name, err);
	if (result == 0)
		result = put_in_place(root_fd, name, err);
	(void)unlinkat(root_fd, name, 0);
	(void)unlinkat(root_fd, journal, 0);
	return result < 0 ? error_wrap(err, "make %s", kind.noun) : 0;
}

/* Another process may do the same: the version is asked again under the lock. */
static int upgrade(struct catalog *catalog, int *version, struct error **err)
{
	int result;

	if (database_begin(&catalog->database, err) < 0)
		return -1;
	result = database_version(&catalog->database, version, err);
	if (result == 0 && *version == 1) {
		result = database_exec(&catalog->database, upgrade_from_1, err);
		*version = SCHEMA_VERSION;
	}
	return database_end(&catalog->database, result, err);
}

static int check_version(struct catalog *catalog, struct error **err)
{
	int version = 0;

	if (database_version(&catalog->database, &version, err) < 0 ||
		(version == 1 && upgrade(catalog, &version, err) < 0))
		return -1;
	if (version == SCHEMA_VERSION)
		return 0;
	if (version == 0) {
		error_new(err, ERROR_INTERNAL, "%s (%s) is damaged: it is empty", kind.noun,
			kind.name);
		return error_hint(err, "%s", kind.damaged_hint);
	}
	error_new(err, ERROR_UNSUPPORTED, "%s (%s) is of version %d, and this program knows %d",
		kind.noun, kind.name, version, SCHEMA_VERSION);
	return error_hint(err, "use the version of vessel that made it, or a newer one");
}

int catalog_open(int root_fd, struct catalog **ret, struct error **err)
{
	struct catalog *catalog = xcalloc(1, sizeof(*catalog));

	if (faccessat(root_fd, kind.name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
		make(root_fd, err) < 0)
		goto fail;
	if (database_open(root_fd, &kind, &catalog->database, err) < 0 ||
		check_version(catalog, err) < 0)
		goto fail;
	*ret = catalog;
	return 0;
fail:
	catalog_close(catalog);
	return -1;
}

void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	database_close(&catalog->database);
	free(catalog);
}

int column_digest(sqlite3_stmt *statement, int column, struct digest *ret, struct error **err)
{
	const void *bytes = sqlite3_column_blob(statement, column);

	if (!bytes || sqlite3_column_bytes(statement, column) != DIGEST_SIZE) {
		error_new(err, ERROR_INTERNAL, "%s (%s) is damaged: a digest has the wrong size",
			kind.noun, kind.name);
		return error_hint(err, "%s", kind.damaged_hint);
	}
	memcpy(ret->sha256, bytes, DIGEST_SIZE);
	return 0;
}

int catalog_put_layer(struct catalog *catalog, const struct layer_row *layer, struct error **err)
{
	return catalog_write(catalog, err, "INSERT OR REPLACE INTO layers VALUES (?, ?, ?)", "dii",
		       &layer->diff_id, layer->size, layer->tar_size) < 0
		       ? -1
		       : 0;
}

int catalog_find_layer(struct catalog *catalog, const struct digest *diff_id, struct layer_row *ret,
	struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT size, tar_size FROM layers WHERE diff_id = ?", "d", diff_id) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	if (found > 0)
		*ret = (struct layer_row){ .diff_id = *diff_id,
			.size = sqlite3_column_int64(statement, 0),
			.tar_size = sqlite3_column_int64(statement, 1) };
	return found;
}

/* Columns: layer, size, created_ns. */
int column_cache(sqlite3_stmt *statement, struct cache_row *ret, struct error **err)
{
	struct cache_row row = { .size = sqlite3_column_int64(statement, 1),
		.created_ns = sqlite3_column_int64(statement, 2) };

	row.has_layer = sqlite3_column_type(statement, 0) != SQLITE_NULL;
	if (row.has_layer && column_digest(statement, 0, &row.layer, err) < 0)
		return -1;
	*ret = row;
	return 0;
}

int catalog_find_cache(
	struct catalog *catalog, const char *key, struct cache_row *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct cache_row row = { 0 };
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT layer, size, created_ns FROM cache WHERE key = ?", "t", key) < 0)
		return -1;
	found = database_step(&catalog->database, statement, err);
	if (found <= 0)
		return found;
	if (column_cache(statement, &row, err) < 0)
		return -1;
	*ret = row;
	return 1;
}

int catalog_put_cache(
	struct catalog *catalog, const char *key, const struct cache_row *row, struct error **err)
{
	return catalog_write(catalog, err, "INSERT OR REPLACE INTO cache VALUES (?, ?, ?, ?)",
		       "tdii", key, row->has_layer ? &row->layer : NULL, row->size,
		       clock_now_ns()) < 0
		       ? -1
		       : 0;
}

int catalog_forget_cache(struct catalog *catalog, const char *key, struct error **err)
{
	return catalog_write(catalog, err, "DELETE FROM cache WHERE key = ?", "t", key);
}

int catalog_put_volume(
	struct catalog *catalog, const char *name, bool anonymous, struct error **err)
{
	return catalog_write(catalog, err, "INSERT OR IGNORE INTO volumes VALUES (?, ?)", "ti",
		       name, (int64_t)anonymous) < 0
		       ? -1
		       : 0;
}

int catalog_find_volume(struct catalog *catalog, const char *name, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT 1 FROM volumes WHERE name = ?", "t", name) < 0)
		return -1;
	return database_step(&catalog->database, statement, err);
}

int catalog_delete_volume(struct catalog *catalog, const char *name, struct error **err)
{
	return catalog_write(catalog, err, "DELETE FROM volumes WHERE name = ?", "t", name);
}

int catalog_volumes(struct catalog *catalog, bool anonymous, strv *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_strv strv names = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT name FROM volumes WHERE anonymous >= ? ORDER BY name", "i",
		    (int64_t)anonymous) < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0)
		strv_take(&names, column_copy(statement, 0));
	if (found < 0)
		return -1;
	*ret = take_ptr(names);
	return 0;
}

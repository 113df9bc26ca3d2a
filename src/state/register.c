/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register on tmpfs. A process that is killed leaves a hot journal, which the next one rolls
 * back; nothing has to survive a power cut, so nothing is ever synced (synchronous=OFF), and the
 * journal is emptied, not unlinked (TRUNCATE). Opening costs as little as it can: no statement but
 * PRAGMA user_version, which needs no look at the schema.
 *
 * user_version: 0 no schema yet, SCHEMA_MADE made but not filled, SCHEMA_FILLED in use. Who dies
 * between making and filling leaves it to the next one; two who fill at once both succeed, since
 * rows that are there are kept.
 */
#include "state/register.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "state/register_db.h"

#define SCHEMA_MADE 1
#define SCHEMA_FILLED 2

static const struct database_kind kind = {
	.name = "register.db",
	.noun = "the register of containers",
	.damaged_hint =
		"remove it; it is made again from the containers' own files by the next command",
	.write_pragmas = "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=OFF",
};

/* clang-format off */
static const char schema[] =
	"CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT,"
		" image_id TEXT, command TEXT, created_ns INTEGER NOT NULL,"
		" auto_remove INTEGER NOT NULL, labels TEXT, ports TEXT) WITHOUT ROWID;"
	"CREATE TABLE addresses (address INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);"
	"CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 1;"; /* SCHEMA_MADE */
/* clang-format on */

#define COLUMNS "id, name, image, image_id, command, created_ns, auto_remove, labels, ports"

static int make_schema(struct register_db *db, int *version, struct error **err)
{
	int result;

	if (database_begin(&db->database, err) < 0)
		return -1;
	result = database_version(&db->database, version, err); /* another may have been faster */
	if (result == 0 && *version == 0) {
		result = database_exec(&db->database, schema, err);
		*version = SCHEMA_MADE;
	}
	return database_end(&db->database, result, err);
}

static int prepare_schema(struct register_db *db, bool *ret_fresh, struct error **err)
{
	int version = 0;

	if (database_version(&db->database, &version, err) < 0 ||
		(version == 0 && make_schema(db, &version, err) < 0))
		return -1;
	if (version != SCHEMA_MADE && version != SCHEMA_FILLED) {
		error_new(err, ERROR_UNSUPPORTED,
			"%s (%s) is of version %d, made by another version of vessel", kind.noun,
			kind.name, version);
		return error_hint(err, "%s", kind.damaged_hint);
	}
	*ret_fresh = version == SCHEMA_MADE;
	return 0;
}

int register_open(int run_fd, struct register_db **ret, bool *ret_fresh, struct error **err)
{
	struct register_db *db = xcalloc(1, sizeof(*db));

	db->run_fd = run_fd;
	if (faccessat(run_fd, kind.name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
		database_make_file(run_fd, kind.name, err) < 0)
		goto fail;
	if (database_open(run_fd, &kind, &db->database, err) < 0 ||
		prepare_schema(db, ret_fresh, err) < 0)
		goto fail;
	*ret = db;
	return 0;
fail:
	register_close(db);
	return -1;
}

void register_close(struct register_db *db)
{
	if (!db)
		return;
	database_close(&db->database);
	free(db);
}

void container_row_done(struct container_row *row)
{
	free(row->name);
	free(row->image);
	free(row->image_id);
	free(row->command);
	free(row->labels);
	free(row->ports);
	*row = (struct container_row){ 0 };
}

static void read_row(sqlite3_stmt *statement, struct container_row *ret)
{
	const char *id = (const char *)sqlite3_column_text(statement, 0);

	*ret = (struct container_row){
		.name = column_copy(statement, 1),
		.image = column_copy(statement, 2),
		.image_id = column_copy(statement, 3),
		.command = column_copy(statement, 4),
		.created_ns = sqlite3_column_int64(statement, 5),
		.auto_remove = sqlite3_column_int(statement, 6) != 0,
		.labels = column_copy(statement, 7),
		.ports = column_copy(statement, 8),
	};
	snprintf(ret->id, sizeof(ret->id), "%s", id ? id : "");
}

static int insert(struct register_db *db, const char *verb, const struct container_row *row,
	struct error **err)
{
	cleanup_free char *sql = xasprintf(
		"%s INTO containers (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", verb);

	return database_run(&db->database, err, sql, "tttttiitt", row->id, row->name, row->image,
		row->image_id, row->command, row->created_ns, (int64_t)row->auto_remove,
		row->labels, row->ports);
}

/* Within a transaction: ERROR_CONFLICT when another container has the name. */
static int check_name(
	struct register_db *db, const char *name, const char *own_id, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT id FROM containers WHERE name = ? AND id <> ?", "tt", name, own_id) < 0)
		return -1;
	found = database_step(&db->database, statement, err);
	if (found > 0)
		return error_new(err, ERROR_CONFLICT,
			"Conflict. The container name \"/%s\" is already in use by container "
			"\"%s\". You have to remove (or rename) that container to be able to "
			"reuse that name.",
			name, (const char *)sqlite3_column_text(statement, 0));
	return found;
}

int register_add(struct register_db *db, const struct container_row *row, struct error **err)
{
	int result;

	if (database_begin(&db->database, err) < 0)
		return -1;
	result = check_name(db, row->name, row->id, err);
	if (result == 0)
		result = insert(db, "INSERT", row, err);
	if (result >= 0)
		link_make(db, row->name, row->id);
	return database_end(&db->database, result, err) < 0 ? -1 : 0;
}

int register_fill(
	struct register_db *db, const struct container_row *rows, size_t count, struct error **err)
{
	int result = 0;

	if (database_begin(&db->database, err) < 0)
		return -1;
	for (size_t i = 0; result >= 0 && i < count; i++)
		result = insert(db, "INSERT OR IGNORE", &rows[i], err);
	if (result >= 0)
		result = database_exec(&db->database, "PRAGMA user_version = 2", err);
	return database_end(&db->database, result, err) < 0 ? -1 : 0;
}

/* where has one '?', a text, or two. */
static int find_where(struct register_db *db, const char *where, const char *types,
	const char *values[static 2], struct container_row *ret, struct error **err)
{
	cleanup_free char *sql =
		xasprintf("SELECT " COLUMNS " FROM containers WHERE %s LIMIT 2", where);
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_container_row struct container_row row = { 0 };
	int found;

	if (database_prepare(&db->database, &statement, err, sql, types, values[0], values[1]) < 0)
		return -1;
	found = database_step(&db->database, statement, err);
	if (found <= 0)
		return found;
	read_row(statement, &row);
	found = database_step(&db->database, statement, err);
	if (found > 0)
		return error_new(err, ERROR_INVALID, "Multiple IDs found with provided prefix: %s",
			values[0]);
	if (found < 0)
		return -1;
	*ret = row;
	row = (struct container_row){ 0 };
	return 1;
}

int register_find(
	struct register_db *db, const char *name, struct container_row *ret, struct error **err)
{
	const char *values[2] = { name, NULL };
	cleanup_free char *end = NULL;
	int found = 0;

	if (id_is_valid(name))
		found = find_where(db, "id = ?", "t", values, ret, err);
	if (found == 0)
		found = find_where(db, "name = ?", "t", values, ret, err);
	if (found != 0 || !id_is_prefix(name))
		return found;
	/* 'g' follows the last hex digit: all ids that begin so, by the index. */
	end = xasprintf("%sg", name);
	values[1] = end;
	return find_where(db, "id >= ? AND id < ?", "tt", values, ret, err);
}

struct row_list {
	struct container_row *rows;
	size_t count;
};

static int read_all(struct register_db *db, struct row_list *list, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT " COLUMNS " FROM containers ORDER BY created_ns DESC, id", "") < 0)
		return -1;
	while ((found = database_step(&db->database, statement, err)) > 0) {
		list->rows = xrealloc(list->rows, list->count + 1, sizeof(*list->rows));
		read_row(statement, &list->rows[list->count++]);
	}
	return found;
}

/* All rows first, then the callbacks: what they do must not hold the lock, and may write. */
int register_each(struct register_db *db, int (*each)(const struct container_row *row, void *arg),
	void *arg, struct error **err)
{
	struct row_list list = { 0 };
	int result = read_all(db, &list, err);

	for (size_t i = 0; i < list.count; i++) {
		if (result == 0)
			result = each(&list.rows[i], arg);
		container_row_done(&list.rows[i]);
	}
	free(list.rows);
	return result;
}

/* Within a transaction, before the name is nobody's any more, or another's. */
static int drop_link_of(struct register_db *db, const char *id, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT name FROM containers WHERE id = ?", "t", id) < 0)
		return -1;
	found = database_step(&db->database, statement, err);
	if (found > 0)
		link_drop(db, (const char *)sqlite3_column_text(statement, 0));
	return found;
}

int register_remove(struct register_db *db, const char *id, struct error **err)
{
	int result;

	if (database_begin(&db->database, err) < 0)
		return -1;
	result = drop_link_of(db, id, err);
	if (result >= 0)
		result = database_run(
			&db->database, err, "DELETE FROM addresses WHERE id = ?", "t", id);
	if (result >= 0)
		result = database_run(
			&db->database, err, "DELETE FROM containers WHERE id = ?", "t", id);
	return database_end(&db->database, result, err);
}

static int changed(int result, const char *id, struct error **err)
{
	if (result == 0)
		return error_new(err, ERROR_NOT_FOUND, "No such container: %s", id);
	return result < 0 ? -1 : 0;
}

int register_set_name(struct register_db *db, const char *id, const char *name, struct error **err)
{
	int result;

	if (database_begin(&db->database, err) < 0)
		return -1;
	result = check_name(db, name, id, err);
	if (result == 0)
		result = drop_link_of(db, id, err);
	if (result >= 0)
		result = database_run(&db->database, err,
			"UPDATE containers SET name = ? WHERE id = ?", "tt", name, id);
	return changed(database_end(&db->database, result, err), id, err);
}

int register_set_ports(
	struct register_db *db, const char *id, const char *ports, struct error **err)
{
	int result;

	if (database_begin(&db->database, err) < 0)
		return -1;
	result = database_run(&db->database, err, "UPDATE containers SET ports = ? WHERE id = ?",
		"tt", ports, id);
	return changed(database_end(&db->database, result, err), id, err);
}

int register_image_users(struct register_db *db, const char *image_id, char ret_id[static ID_MAX],
	struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	const char *id;
	int count;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT COUNT(*), MIN(id) FROM containers WHERE image_id = ?", "t",
		    image_id) < 0 ||
		database_step(&db->database, statement, err) < 0)
		return -1;
	count = sqlite3_column_int(statement, 0);
	id = (const char *)sqlite3_column_text(statement, 1);
	if (count > 0)
		snprintf(ret_id, ID_MAX, "%s", id ? id : "");
	return count;
}

int register_get(struct register_db *db, const char *key, char **ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT value FROM settings WHERE key = ?", "t", key) < 0)
		return -1;
	found = database_step(&db->database, statement, err);
	if (found > 0)
		*ret = column_copy(statement, 0);
	return found;
}

int register_agree(
	struct register_db *db, const char *key, const char *value, char **ret, struct error **err)
{
	int found = register_get(db, key, ret, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (database_begin(&db->database, err) < 0)
		return -1;
	found = database_run(&db->database, err, "INSERT OR IGNORE INTO settings VALUES (?, ?)",
		"tt", key, value);
	if (database_end(&db->database, found, err) < 0)
		return -1;
	return register_get(db, key, ret, err) < 0 ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What names what: for accounts of the disk, for what may go, and for the file's own health. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "state/catalog_db.h"

struct layer_uses {
	struct layer_use *items;
	size_t count;
};

static int read_uses(struct catalog *catalog, struct layer_uses *uses, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT diff_id, size, tar_size,"
		    " (SELECT COUNT(DISTINCT image) FROM image_layers AS i"
		    "  WHERE i.diff_id = layers.diff_id),"
		    " EXISTS (SELECT 1 FROM cache WHERE layer = diff_id) FROM layers",
		    "") < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		struct layer_use use = { .layer.size = sqlite3_column_int64(statement, 1),
			.layer.tar_size = sqlite3_column_int64(statement, 2),
			.images = sqlite3_column_int64(statement, 3),
			.cached = sqlite3_column_int(statement, 4) != 0 };

		if (column_digest(statement, 0, &use.layer.diff_id, err) < 0)
			return -1;
		uses->items = xrealloc(uses->items, uses->count + 1, sizeof(*uses->items));
		uses->items[uses->count++] = use;
	}
	return found;
}

int catalog_each_layer(struct catalog *catalog, int (*each)(const struct layer_use *use, void *arg),
	void *arg, struct error **err)
{
	struct layer_uses uses = { 0 };
	int result = read_uses(catalog, &uses, err);

	for (size_t i = 0; result == 0 && i < uses.count; i++)
		result = each(&uses.items[i], arg);
	free(uses.items);
	return result;
}

struct digests {
	struct digest *items;
	size_t count;
};

/* The first column of every row. */
static int read_digests(
	struct catalog *catalog, sqlite3_stmt *statement, struct digests *ret, struct error **err)
{
	int found;

	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		ret->items = xrealloc(ret->items, ret->count + 1, sizeof(*ret->items));
		if (column_digest(statement, 0, &ret->items[ret->count], err) < 0)
			return -1;
		ret->count++;
	}
	return found;
}

int catalog_layers_of(struct catalog *catalog, const struct digest *image, struct digest **ret,
	size_t *ret_count, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct digests layers = { 0 };

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT diff_id FROM image_layers WHERE image = ? ORDER BY position", "d",
		    image) < 0)
		return -1;
	if (read_digests(catalog, statement, &layers, err) < 0) {
		free(layers.items);
		return -1;
	}
	*ret = layers.items;
	*ret_count = layers.count;
	return 0;
}

struct cached_step {
	char *key;
	struct cache_row row;
};

struct cached_steps {
	struct cached_step *items;
	size_t count;
};

static int read_steps(struct catalog *catalog, struct cached_steps *steps, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err,
		    "SELECT layer, size, created_ns, key FROM cache ORDER BY created_ns, key",
		    "") < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		struct cached_step step = { 0 };

		if (column_cache(statement, &step.row, err) < 0)
			return -1;
		step.key = column_copy(statement, 3);
		steps->items = xrealloc(steps->items, steps->count + 1, sizeof(*steps->items));
		steps->items[steps->count++] = step;
	}
	return found;
}

int catalog_each_cache(struct catalog *catalog,
	int (*each)(const char *key, const struct cache_row *row, void *arg), void *arg,
	struct error **err)
{
	struct cached_steps steps = { 0 };
	int result = read_steps(catalog, &steps, err);

	for (size_t i = 0; i < steps.count; i++) {
		if (result == 0)
			result = each(steps.items[i].key, &steps.items[i].row, arg);
		free(steps.items[i].key);
	}
	free(steps.items);
	return result;
}

int catalog_check(struct catalog *catalog, strv *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_strv strv lines = NULL;
	int found;

	if (database_prepare(&catalog->database, &statement, err, "PRAGMA integrity_check", "") < 0)
		return -1;
	while ((found = database_step(&catalog->database, statement, err)) > 0) {
		cleanup_free char *line = column_copy(statement, 0);

		if (line && strcmp(line, "ok") != 0)
			strv_append(&lines, line);
	}
	if (found < 0)
		return -1;
	*ret = take_ptr(lines);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's inside, for the files that implement it. */
#pragma once

#include "state/catalog.h"
#include "state/sqlite.h"

struct catalog {
	struct database database;
};

/* A column that holds a digest; -1 when it is not one. */
int column_digest(sqlite3_stmt *statement, int column, struct digest *ret, struct error **err);
/* Columns: id, manifest, created_ns, size, reference. 1, or -1. */
int column_image(sqlite3_stmt *statement, struct image_row *ret, struct error **err);
/* Columns: layer, size, created_ns. */
int column_cache(sqlite3_stmt *statement, struct cache_row *ret, struct error **err);
/* One statement in a transaction of its own; returns how many rows it changed. */
#define catalog_write(catalog, err, ...) \
	({ \
		int result_ = database_begin(&(catalog)->database, err); \
		if (result_ == 0) { \
			result_ = database_run(&(catalog)->database, err, __VA_ARGS__); \
			result_ = database_end(&(catalog)->database, result_, err); \
		} \
		result_; \
	})

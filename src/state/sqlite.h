/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thin layer over SQLite: opening in a directory that we hold, short transactions, statements
 * with their values, and errors that say what is wrong with the file and what to do.
 *
 * SQLite opens by path only, and resolves symbolic links itself, so "/proc/self/fd/N/x.db" would be
 * taken apart again. The path is therefore what the kernel says the directory fd is, at this
 * moment, opened with NOFOLLOW; nobody but us may write to these directories.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct error;

struct database_kind {
	const char *name; /* of the file */
	const char *noun; /* in errors: "the image catalogue" */
	const char *damaged_hint;
	const char *write_pragmas; /* before the first transaction that writes */
};

struct database {
	const struct database_kind *kind;
	sqlite3 *handle;
	bool writable; /* write_pragmas were executed */
	long waited_us; /* for the lock, by the statement that runs */
};

/*
 * ERROR_NOT_FOUND when there is none; see database_make_file(). *ret must stay where it is: SQLite
 * keeps a pointer to waited_us.
 */
int database_open(
	int dir_fd, const struct database_kind *kind, struct database *ret, struct error **err);
void database_close(struct database *db);
/* An empty file of mode 0600, unless it is there. */
int database_make_file(int dir_fd, const char *name, struct error **err);
/* PRAGMA user_version, which needs no look at the schema. */
int database_version(struct database *db, int *ret, struct error **err);
int database_exec(struct database *db, const char *sql, struct error **err);

/* The write lock is taken here, so that nothing read before can be outdated when it is written. */
int database_begin(struct database *db, struct error **err);
/* Ends what database_begin() began: commits when result is 0 or above, and returns it; else rolls
 * back. */
int database_end(struct database *db, int result, struct error **err);

/*
 * A statement with its values. types has a letter for each '?': t const char * (NULL is NULL),
 * i int64_t, d const struct digest * (NULL is NULL). err stands before what varies.
 */
int database_prepare(struct database *db, sqlite3_stmt **ret, struct error **err, const char *sql,
	const char *types, ...);
/* 1: a row, 0: no more. */
int database_step(struct database *db, sqlite3_stmt *statement, struct error **err);
/* prepare, step to the end; returns how many rows it changed. */
int database_run(struct database *db, struct error **err, const char *sql, const char *types, ...);
int database_fail(struct database *db, struct error **err);

/* Columns: NULL becomes NULL; the caller frees. */
char *column_copy(sqlite3_stmt *statement, int column);

static inline void statement_free(sqlite3_stmt *statement)
{
	(void)sqlite3_finalize(statement); /* repeats what step() has said */
}
DEFINE_CLEANUP(sqlite3_stmt *, statement_free)
#define cleanup_statement CLEANUP(statement_free)

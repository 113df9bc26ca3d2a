/* SPDX-License-Identifier: Apache-2.0 */
#include "state/sqlite.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/digest.h"

#define COPY SQLITE_TRANSIENT // NOLINT(performance-no-int-to-ptr): SQLite's own constant
#define BUSY_LIMIT_US 10000000L
#define BUSY_STEP_US 100L
#define BUSY_STEP_MAX_US 5000L

/*
 * SQLite's own handler begins with sleeps of milliseconds; our transactions take some 50 us. *arg
 * is how long this one has waited.
 */
static int wait_while_busy(void *arg, int count)
{
	long *waited = arg, step = BUSY_STEP_US << (count < 6 ? count : 6);
	struct timespec pause = { 0 };

	if (step > BUSY_STEP_MAX_US)
		step = BUSY_STEP_MAX_US;
	if (count == 0)
		*waited = 0;
	if (*waited >= BUSY_LIMIT_US)
		return 0;
	pause.tv_nsec = step * 1000;
	(void)nanosleep(&pause, NULL);
	*waited += step;
	return 1;
}

static int fail_code(
	const struct database_kind *kind, sqlite3 *handle, int code, struct error **err)
{
	int sys_errno = handle ? sqlite3_system_errno(handle) : 0;

	switch (code & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		error_new(err, ERROR_INTERNAL, "%s (%s) is damaged: %s", kind->noun, kind->name,
			handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
		return error_hint(err, "%s", kind->damaged_hint);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		error_new(err, ERROR_UNAVAILABLE, "%s (%s) is locked by another process",
			kind->noun, kind->name);
		return error_hint(err, "it waited %ld seconds; see who holds it: fuser -v %s",
			BUSY_LIMIT_US / 1000000, kind->name);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return error_new(err, ERROR_DENIED, "%s (%s) cannot be written by this user",
			kind->noun, kind->name);
	default:
		break;
	}
	if (sys_errno) {
		errno = sys_errno;
		return error_sys(err, "%s (%s)", kind->noun, kind->name);
	}
	return error_new(err, ERROR_INTERNAL, "%s (%s): %s", kind->noun, kind->name,
		handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
}

int database_fail(struct database *db, struct error **err)
{
	return fail_code(db->kind, db->handle, sqlite3_extended_errcode(db->handle), err);
}

static int path_of(int dir_fd, const char *name, char **ret, struct error **err)
{
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return error_sys(err, "read %s", link);
	path[length] = '\0';
	*ret = xasprintf("%s/%s", path, name);
	return 0;
}

int database_open(
	int dir_fd, const struct database_kind *kind, struct database *ret, struct error **err)
{
	cleanup_free char *path = NULL;
	sqlite3 *handle = NULL;
	struct stat st;
	int code;

	if (fstatat(dir_fd, kind->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		error_sys(err, "open %s", kind->name);
		if (error_errno(*err) == ENOENT)
			return error_as(err, ERROR_NOT_FOUND, "%s", kind->noun);
		return error_wrap(err, "%s", kind->noun);
	}
	if (path_of(dir_fd, kind->name, &path, err) < 0)
		return -1;
	code = sqlite3_open_v2(path, &handle,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
			SQLITE_OPEN_EXRESCODE,
		NULL);
	if (code != SQLITE_OK) {
		fail_code(kind, handle, code, err);
		(void)sqlite3_close(handle);
		return error_wrap(err, "open %s", path);
	}
	*ret = (struct database){ .kind = kind, .handle = handle };
	sqlite3_busy_handler(handle, wait_while_busy, &ret->waited_us);
	return 0;
}

void database_close(struct database *db)
{
	(void)sqlite3_close(db->handle); /* no statement outlives its function */
	db->handle = NULL;
}

int database_make_file(int dir_fd, const char *name, struct error **err)
{
	/*
	 * Not open() and close(): closing any fd of a file drops all POSIX locks that this process
	 * has on it, those of another connection too.
	 */
	if (mknodat(dir_fd, name, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
		return error_sys(err, "create %s", name);
	return 0;
}

int database_exec(struct database *db, const char *sql, struct error **err)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : database_fail(db, err);
}

// NOLINTBEGIN(clang-analyzer-valist.Uninitialized): both callers of prepare() begin it
static int bind_all(sqlite3_stmt *statement, const char *types, va_list ap)
{
	int code = SQLITE_OK;

	for (int place = 1; code == SQLITE_OK && types[place - 1]; place++) {
		const struct digest *digest;

		switch (types[place - 1]) {
		case 't':
			code = sqlite3_bind_text(
				statement, place, va_arg(ap, const char *), -1, COPY);
			break;
		case 'i':
			code = sqlite3_bind_int64(statement, place, va_arg(ap, int64_t));
			break;
		case 'd':
			digest = va_arg(ap, const struct digest *);
			code = sqlite3_bind_blob(
				statement, place, digest, digest ? DIGEST_SIZE : 0, COPY);
			break;
		default:
			code = SQLITE_MISUSE;
		}
	}
	return code;
}
// NOLINTEND(clang-analyzer-valist.Uninitialized)

static int prepare(struct database *db, sqlite3_stmt **ret, struct error **err, const char *sql,
	const char *types, va_list ap)
{
	cleanup_statement sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK ||
		bind_all(statement, types, ap) != SQLITE_OK)
		return database_fail(db, err);
	*ret = take_ptr(statement);
	return 0;
}

int database_prepare(struct database *db, sqlite3_stmt **ret, struct error **err, const char *sql,
	const char *types, ...)
{
	va_list ap;
	int result;

	va_start(ap, types);
	result = prepare(db, ret, err, sql, types, ap);
	va_end(ap);
	return result;
}

int database_step(struct database *db, sqlite3_stmt *statement, struct error **err)
{
	int code = sqlite3_step(statement);

	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : database_fail(db, err);
}

int database_run(struct database *db, struct error **err, const char *sql, const char *types, ...)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	va_list ap;
	int result;

	va_start(ap, types);
	result = prepare(db, &statement, err, sql, types, ap);
	va_end(ap);
	while (result >= 0 && (result = database_step(db, statement, err)) > 0)
		;
	return result < 0 ? -1 : sqlite3_changes(db->handle);
}

int database_version(struct database *db, int *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(db, &statement, err, "PRAGMA user_version", "") < 0)
		return -1;
	found = database_step(db, statement, err);
	if (found > 0)
		*ret = sqlite3_column_int(statement, 0);
	return found < 0 ? -1 : 0;
}

int database_begin(struct database *db, struct error **err)
{
	if (!db->writable && database_exec(db, db->kind->write_pragmas, err) < 0)
		return -1;
	db->writable = true;
	return database_exec(db, "BEGIN IMMEDIATE", err);
}

int database_end(struct database *db, int result, struct error **err)
{
	if (result >= 0 && database_exec(db, "COMMIT", err) == 0)
		return result;
	/* Some failures have rolled back already; then there is nothing to do. */
	if (!sqlite3_get_autocommit(db->handle))
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

char *column_copy(sqlite3_stmt *statement, int column)
{
	return xstrdup_null((const char *)sqlite3_column_text(statement, column));
}

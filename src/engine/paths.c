/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/container.h"

#define RECORD_MAX (4UL * 1024 * 1024)

char *container_path(const struct engine *engine, const char *id, const char *file)
{
	return xasprintf(
		"%s/containers/%s%s%s", engine->root, id, file ? "/" : "", file ? file : "");
}

char *run_path(const struct engine *engine, const char *id, const char *file)
{
	return xasprintf(
		"%s/containers/%s%s%s", engine->run_dir, id, file ? "/" : "", file ? file : "");
}

static int open_directory(int parent_fd, const char *path, struct error **err)
{
	int fd = openat(parent_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	error_sys(err, "open %s", path);
	return errno == ENOENT ? error_as(err, ERROR_NOT_FOUND, "container") : -1;
}

int container_dir_open(const struct engine *engine, const char *id, struct error **err)
{
	return open_directory(engine->containers_fd, id, err);
}

int run_dir_open(const struct engine *engine, const char *id, struct error **err)
{
	cleanup_free char *path = xasprintf("containers/%s", id);

	return open_directory(engine->run_fd, path, err);
}

/*
 * A lock file that appears locked: one that is there but not locked was left by somebody who was
 * killed, so there must be no moment in which a new one looks like that. 1 made, 0 there is one
 * already.
 */
static int make_locked(int run_fd, const char *path, int *ret_fd, struct error **err)
{
	cleanup_close int fd = openat(run_fd, "operations", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char self[32];

	if (fd < 0)
		return error_sys(err, "make %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_sys(err, "lock %s", path);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, run_fd, path, AT_SYMLINK_FOLLOW) < 0)
		return errno == EEXIST ? 0 : error_sys(err, "link %s", path);
	*ret_fd = take_fd(&fd);
	return 1;
}

/* 1 locked, 0 it is gone, -2 when it is held and we do not wait, -1. */
static int lock_existing(int run_fd, const char *path, bool wait, int *ret_fd, struct error **err)
{
	cleanup_close int fd = openat(run_fd, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "open %s", path);
	if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB))) < 0)
		return errno == EWOULDBLOCK ? -2 : error_sys(err, "lock %s", path);
	/* Who held it before has removed the file: this lock is on nothing. */
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return 0;
	*ret_fd = take_fd(&fd);
	return 1;
}

int operation_begin(struct engine *engine, const char *id, bool wait, struct error **err)
{
	cleanup_free char *path = xasprintf("operations/%s", id);
	int fd = -1, locked = 0;

	if (engine->held_id && strcmp(engine->held_id, id) == 0) {
		replace_string(&engine->held_id, NULL);
		return take_fd(&engine->held_fd);
	}
	while (locked == 0) {
		locked = make_locked(engine->run_fd, path, &fd, err);
		if (locked == 0)
			locked = lock_existing(engine->run_fd, path, wait, &fd, err);
	}
	return locked > 0 ? fd : locked;
}

void operation_hold(struct engine *engine, const char *id, int *fd)
{
	replace_string(&engine->held_id, xstrdup(id));
	engine->held_fd = take_fd(fd);
}

void operation_end(const struct engine *engine, const char *id, int *fd)
{
	cleanup_free char *path = xasprintf("operations/%s", id);

	if (*fd < 0)
		return;
	(void)unlinkat(engine->run_fd, path, 0);
	close_fd(take_fd(fd));
}

/*
 * The file goes last: who recovers may be killed too. What cannot be tidied up now keeps it, and is
 * tried again by the next command; it must not keep this one from its work.
 */
static int recover_one(struct engine *engine, const char *id, struct error **err)
{
	cleanup_free char *path = xasprintf("operations/%s", id);
	cleanup_error struct error *not_now = NULL;
	int fd = -1, locked = lock_existing(engine->run_fd, path, false, &fd, err);

	if (locked <= 0) /* at work (-2), or just ended */
		return locked == -1 ? -1 : 0;
	if (container_reap_held(engine, id, &not_now) == 0)
		operation_end(engine, id, &fd);
	else
		close_fd(fd);
	return 0;
}

int operations_recover(struct engine *engine, struct error **err)
{
	cleanup_close int fd = dir_open_at(engine->run_fd, "operations", err);
	cleanup_strv strv names = NULL;
	int result = fd < 0 ? -1 : dir_names(fd, &names, err);

	for (size_t i = 0; result == 0 && names && names[i]; i++)
		if (id_is_valid(names[i]))
			result = recover_one(engine, names[i], err);
	return result;
}

int record_load(const struct engine *engine, const char *id, struct record *ret, struct error **err)
{
	cleanup_free char *path = xasprintf("%s/config.json", id), *text = NULL;
	cleanup_json struct json_object *obj = NULL;
	ssize_t length = file_read_at(engine->containers_fd, path, RECORD_MAX, &text, err);

	if (length < 0) {
		if (error_errno(*err) == ENOENT)
			return error_as(err, ERROR_NOT_FOUND, "container %.12s", id);
		return error_wrap(err, "container %.12s", id);
	}
	if (json_parse(text, (size_t)length, path, &obj, err) < 0 ||
		record_from_json(obj, ret, err) < 0) {
		error_hint(err, "the record is damaged: `vessel rm -f %.12s` removes the container",
			id);
		return error_wrap(err, "container %.12s: config.json", id);
	}
	return 0;
}

int record_save(const struct engine *engine, const struct record *record, struct error **err)
{
	cleanup_free char *path = xasprintf("%s/config.json", record->id);
	cleanup_json struct json_object *obj = record_json(record);
	cleanup_free char *text = json_pretty(obj);

	/* A container that --rm will take away is not worth a disk flush. */
	return file_replace_at(
		engine->containers_fd, path, text, strlen(text), 0600, !record->auto_remove, err);
}

void record_row(const struct record *record, struct container_row *ret)
{
	*ret = (struct container_row){ .name = xstrdup(record->name),
		.image = xstrdup(record->image ? record->image : ""),
		.image_id = xstrdup(record->image_id ? record->image_id : ""),
		.command = strv_join(record->args, " "),
		.created_ns = record->created_ns,
		.auto_remove = record->auto_remove,
		.labels = strv_join(record->labels, "\n"),
		.ports = xstrdup("") };
	memcpy(ret->id, record->id, ID_MAX);
}

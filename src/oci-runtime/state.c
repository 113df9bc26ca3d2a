/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state_file.h"
#include "runtime/container.h"
#include "sys/process.h"

#define ID_LENGTH_MAX 1024
#define CONFIG_MAX (16UL * 1024 * 1024)
#define STAT_MAX 4096
/* Commands hold the lock for milliseconds, unless a hook of theirs takes long. */
#define LOCK_TRIES_LOOK 100
#define LOCK_TRIES_CHANGE 5000
#define LOCK_PAUSE_NS 2000000

static int check_id(const char *id, struct error **err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";

	if (!*id || strspn(id, letters) != strlen(id) || *id == '.' || *id == '-' ||
		strlen(id) > ID_LENGTH_MAX) {
		error_new(err, ERROR_INVALID,
			"invalid container ID '%s': invalid character or length", id);
		return error_hint(
			err, "letters, digits and _+.- are allowed, not beginning with . or -");
	}
	return 0;
}

static int missing(const char *id, struct error **err)
{
	return error_new(err, ERROR_NOT_FOUND, "container does not exist: '%s'", id);
}

static int busy(const char *id, struct error **err)
{
	return error_new(err, ERROR_CONFLICT, "another command works on container '%s'", id);
}

static struct state take_state(struct state *from)
{
	struct state taken = *from;

	*from = (struct state)STATE_INIT;
	return taken;
}

/* 1 locked, 0 when somebody else holds it for too long. */
static int lock_dir(int fd, int tries, struct error **err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (int i = 0; i < tries; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 1;
		if (errno != EWOULDBLOCK)
			return error_sys(err, "lock the container's state");
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* Removed while we waited for its lock: the name may be another container's by now. */
static bool is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

static int open_root(const struct runtime *runtime, struct error **err)
{
	int fd = open(runtime->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, "open '%s'", runtime->root) : fd;
}

static int make_root(const struct runtime *runtime, struct error **err)
{
	cleanup_error struct error *not_there = NULL;
	int fd = open_root(runtime, &not_there);

	if (fd >= 0)
		return fd;
	fd = dir_make_at(AT_FDCWD, runtime->root, 0700, err);
	if (fd < 0)
		return error_wrap(err, "make '%s'", runtime->root);
	close_fd(fd);
	return open_root(runtime, err);
}

int state_create(
	const struct runtime *runtime, const char *id, struct state *ret, struct error **err)
{
	cleanup_state struct state made = STATE_INIT;
	int locked;

	if (check_id(id, err) < 0)
		return -1;
	made.root_fd = make_root(runtime, err);
	if (made.root_fd < 0)
		return -1;
	if (mkdirat(made.root_fd, id, 0700) < 0)
		return errno == EEXIST ? error_new(err, ERROR_CONFLICT,
						 "container with id exists: '%s'", id)
				       : error_sys(err, "make '%s/%s'", runtime->root, id);
	made.dir_fd = openat(made.root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made.dir_fd < 0)
		return error_sys(err, "open '%s/%s'", runtime->root, id);
	locked = lock_dir(made.dir_fd, LOCK_TRIES_CHANGE, err);
	if (locked < 0)
		return -1;
	/* Somebody's `delete --force` was between mkdir and lock. */
	if (locked == 0 || is_removed(made.dir_fd))
		return missing(id, err);
	made.id = xstrdup(id);
	made.owner = geteuid();
	*ret = take_state(&made);
	return 0;
}

void state_unlock(const struct state *state)
{
	(void)flock(state->dir_fd, LOCK_UN);
}

int state_lock(const struct state *state, struct error **err)
{
	int locked = lock_dir(state->dir_fd, LOCK_TRIES_CHANGE, err);

	if (locked < 0)
		return -1;
	if (locked == 0)
		return busy(state->id, err);
	return is_removed(state->dir_fd) ? missing(state->id, err) : 0;
}

static int open_dirs(const struct runtime *runtime, struct state *found, struct error **err)
{
	found->root_fd = open(runtime->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (found->root_fd < 0)
		return errno == ENOENT ? missing(found->id, err)
				       : error_sys(err, "open '%s'", runtime->root);
	found->dir_fd =
		openat(found->root_fd, found->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (found->dir_fd < 0)
		return errno == ENOENT ? missing(found->id, err)
				       : error_sys(err, "open '%s/%s'", runtime->root, found->id);
	return 0;
}

/* Reads it again under the lock: who held it may have been making or removing it. */
static int read_locked(struct state *found, enum state_lock lock, struct error **err)
{
	int tries = lock == STATE_CHANGE ? LOCK_TRIES_CHANGE : LOCK_TRIES_LOOK;
	int locked = lock_dir(found->dir_fd, tries, err);

	if (locked < 0)
		return -1;
	if (locked == 0 && lock == STATE_CHANGE)
		return busy(found->id, err);
	if (is_removed(found->dir_fd))
		return missing(found->id, err);
	state_forget(found);
	if (state_read(found, err) < 0)
		return -1;
	if (locked && lock == STATE_LOOK)
		state_unlock(found);
	return 0;
}

int state_open(const struct runtime *runtime, const char *id, enum state_lock lock,
	struct state *ret, struct error **err)
{
	cleanup_state struct state found = STATE_INIT;

	if (check_id(id, err) < 0)
		return -1;
	found.id = xstrdup(id);
	if (open_dirs(runtime, &found, err) < 0 || state_read(&found, err) < 0)
		return -1;
	if ((lock == STATE_CHANGE || found.pid == 0) && read_locked(&found, lock, err) < 0)
		return -1;
	*ret = take_state(&found);
	return 0;
}

int state_remove(struct state *state, struct error **err)
{
	return tree_remove_at(state->root_fd, state->id, err);
}

void state_close(struct state *state)
{
	state_forget(state);
	free(state->id);
	close_fd(state->dir_fd);
	close_fd(state->root_fd);
	*state = (struct state)STATE_INIT;
}

/* Does init live? A zombie has ended: its parent has only not looked yet. That we cannot look (no
 * fd is free) says nothing: what may live is not taken for dead. */
static bool is_alive(const struct state *state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *stat = NULL;
	char path[32];
	const char *at;

	if (state->pid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)state->pid);
	if (file_read_at(-1, path, STAT_MAX, &stat, &err) < 0)
		return error_errno(err) != ENOENT && error_errno(err) != ESRCH;
	at = strrchr(stat, ')');
	if (!at || !at[1] || strchr("ZXx", at[2]))
		return false;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && strtoull(at + 1, NULL, 10) == state->pid_start;
}

static bool is_frozen(const struct state *state)
{
	cleanup_error struct error *err = NULL;
	cleanup_cgroup struct cgroup *cgroup = NULL;

	if (state_cgroup(state, &cgroup, &err) < 0 || !cgroup)
		return false;
	return cgroup_frozen(cgroup);
}

static bool is_locked(const struct state *state)
{
	cleanup_close int fd = openat(state->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

enum status state_status(const struct state *state)
{
	cleanup_error struct error *err = NULL;

	if (state->pid == 0)
		return is_locked(state) ? STATUS_CREATING : STATUS_STOPPED;
	if (!is_alive(state))
		return STATUS_STOPPED;
	if (runtime_gate_waits(state->dir_fd, STATE_GATE, &err) == 1)
		return STATUS_CREATED;
	return is_frozen(state) ? STATUS_PAUSED : STATUS_RUNNING;
}

const char *status_name(enum status status)
{
	static const char *const names[] = {
		[STATUS_CREATING] = "creating",
		[STATUS_CREATED] = "created",
		[STATUS_RUNNING] = "running",
		[STATUS_PAUSED] = "paused",
		[STATUS_STOPPED] = "stopped",
	};

	return names[status];
}

int state_pidfd(const struct state *state, struct error **err)
{
	cleanup_close int fd = -1;

	if (!is_alive(state))
		return error_new(err, ERROR_NOT_FOUND, "container not running");
	fd = pidfd_open_pid(state->pid, err);
	if (fd < 0)
		return -1;
	/* Looked at after it was opened: if it is init now, it was init then. */
	if (!is_alive(state))
		return error_new(err, ERROR_NOT_FOUND, "container not running");
	return take_fd(&fd);
}

int state_cgroup(const struct state *state, struct cgroup **ret, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	struct cgroup *cgroup = NULL;

	if (state->cgroup && cgroup_open(state->cgroup, state->driver, &cgroup, &failed) < 0 &&
		error_kind(failed) != ERROR_NOT_FOUND) {
		*err = take_ptr(failed);
		return error_wrap(err, "cgroup of '%s'", state->id);
	}
	*ret = cgroup;
	return 0;
}

int state_spec(const struct state *state, struct spec *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(state->dir_fd, "config.json", CONFIG_MAX, &text, err);

	if (length < 0)
		return -1;
	return spec_parse(text, (size_t)length, ret, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int state_list(const struct runtime *runtime, strv *ret, struct error **err)
{
	DIR *dir = opendir(runtime->root);
	const struct dirent *entry;
	strv list = NULL;

	if (!dir && errno != ENOENT)
		return error_sys(err, "open '%s'", runtime->root);
	while (dir && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && entry->d_type != DT_REG)
			strv_append(&list, entry->d_name);
	if (dir)
		(void)closedir(dir);
	if (list)
		qsort(list, strv_length(list), sizeof(*list), by_name);
	*ret = list;
	return 0;
}

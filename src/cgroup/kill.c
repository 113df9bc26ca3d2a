/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is inside, and stopping them.
 *
 * Killing: a v2 directory has cgroup.kill (5.14), which also reaches what is being forked; a hybrid
 * host's does for all of its hierarchies, since every process is in each. Without it: freeze, so
 * that nobody forks or ends (and no number is given to somebody else), send SIGKILL to each, thaw;
 * again until none is left.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroup/internal.h"

#define PROCS_MAX (16UL * 1024 * 1024) /* two million pids and more */

struct pids {
	pid_t *items;
	size_t count, capacity;
};

static void add_pids(struct pids *pids, const char *text)
{
	char *end;

	for (const char *at = text; *at; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			return;
		if (*end == '\n')
			end++;
		if (pids->count == pids->capacity) {
			pids->capacity = pids->capacity ? 2 * pids->capacity : 32;
			pids->items = xrealloc(pids->items, pids->capacity, sizeof(*pids->items));
		}
		pids->items[pids->count++] = (pid_t)pid;
	}
}

/* Takes dir_fd. */
static int collect( // NOLINT(misc-no-recursion): bounded by depth
	int dir_fd, int depth, struct pids *pids, struct error **err)
{
	cleanup_free char *text = NULL;
	DIR *stream = fdopendir(dir_fd);
	const struct dirent *entry;
	int result = 0;

	if (!stream) {
		error_sys(err, "read directory");
		close_fd(dir_fd);
		return -1;
	}
	if (file_read_at(dir_fd, "cgroup.procs", PROCS_MAX, &text, err) >= 0) {
		add_pids(pids, text);
	} else if (error_errno(*err) == ENOENT || error_errno(*err) == ENODEV ||
		   error_errno(*err) == EOPNOTSUPP) { /* just removed, or threaded */
		error_free(take_ptr(*err));
	} else {
		result = -1;
	}
	while (result == 0 && depth < CGROUP_DEPTH_MAX && (entry = readdir(stream)) != NULL) {
		int fd = -1;

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fd = openat(dir_fd, entry->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			result = collect(fd, depth + 1, pids, err);
	}
	closedir(stream);
	return result;
}

static const struct cgroup_hierarchy *main_of(const struct cgroup *cgroup)
{
	if (cgroup_is_in(cgroup, cgroup->host->main))
		return cgroup->host->main;
	for (size_t i = 0; i < cgroup->host->count; i++)
		if (cgroup->present & 1U << i)
			return &cgroup->host->hierarchies[i];
	return NULL;
}

ssize_t cgroup_pids(struct cgroup *cgroup, pid_t **ret, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = main_of(cgroup);
	struct pids pids = { 0 };
	int fd = -1;

	if (hierarchy)
		fd = openat(hierarchy->root_fd, cgroup->dir,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (hierarchy && fd < 0 && errno != ENOENT)
		return error_sys(err, "open %s/%s", hierarchy->mount_point, cgroup->dir);
	if (fd >= 0 && collect(fd, 0, &pids, err) < 0) {
		free(pids.items);
		return error_wrap(err, "processes of %s/%s", hierarchy->mount_point, cgroup->dir);
	}
	*ret = pids.items;
	return (ssize_t)pids.count;
}

static void pause_ms(long ms)
{
	const struct timespec ts = { .tv_nsec = ms * 1000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* Waits until key of cgroup.events is value; the kernel tells a change by POLLPRI. */
static int wait_event(struct cgroup *cgroup, const char *key, uint64_t value, struct error **err)
{
	const struct cgroup_file events = { cgroup, cgroup->host->unified, "cgroup.events" };
	int64_t deadline = clock_monotonic_ns() + CGROUP_WAIT_MS * 1000000LL;
	cleanup_close int fd = cgroup_file_open(&events, O_RDONLY, err);

	if (fd < 0)
		return -1;
	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLPRI };
		int64_t left_ms = (deadline - clock_monotonic_ns()) / 1000000;
		char text[256] = "";
		uint64_t now = value;

		if (pread(fd, text, sizeof(text) - 1, 0) < 0)
			return errno == ENODEV
				       ? 0
				       : error_sys(err, "read cgroup.events of %s", cgroup->dir);
		(void)cgroup_flat_number(text, key, &now);
		if (now == value)
			return 0;
		if (left_ms <= 0)
			return error_new(err, ERROR_UNAVAILABLE,
				"%s did not reach '%s %d' in %d ms", cgroup->dir, key, (int)value,
				CGROUP_WAIT_MS);
		(void)poll(&poll_fd, 1, left_ms < 100 ? (int)left_ms : 100);
	}
}

static int freeze_v1(struct cgroup *cgroup, bool frozen, struct error **err)
{
	const struct cgroup_file state = { cgroup, cgroup->host->of[CONTROLLER_FREEZER],
		"freezer.state" };
	int64_t deadline = clock_monotonic_ns() + CGROUP_WAIT_MS * 1000000LL;
	const char *wanted = frozen ? "FROZEN" : "THAWED";
	char text[32];

	for (;;) {
		/* Written again each time: a process forked meanwhile may have been missed. */
		if (cgroup_file_write(&state, wanted, err) < 0 ||
			cgroup_file_read(&state, text, sizeof(text), err) < 0)
			return -1;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, wanted) == 0)
			return 0;
		if (clock_monotonic_ns() > deadline)
			break;
		pause_ms(1);
	}
	if (frozen) {
		cleanup_error struct error *ignored = NULL;

		(void)cgroup_file_write(&state, "THAWED", &ignored);
	}
	return error_new(err, ERROR_UNAVAILABLE, "%s is still %s after %d ms", cgroup->dir, text,
		CGROUP_WAIT_MS);
}

int cgroup_freeze(struct cgroup *cgroup, bool frozen, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_FREEZER];
	const char *what = frozen ? "freeze" : "thaw";

	if (!cgroup_is_in(cgroup, hierarchy))
		return error_new(err, ERROR_UNSUPPORTED,
			"%s: this host has no cgroup controller 'freezer'", what);
	if (hierarchy->v2) {
		const struct cgroup_file file = { cgroup, hierarchy, "cgroup.freeze" };

		if (cgroup_file_write(&file, frozen ? "1" : "0", err) == 0 &&
			wait_event(cgroup, "frozen", frozen, err) == 0)
			return 0;
	} else if (freeze_v1(cgroup, frozen, err) == 0) {
		return 0;
	}
	return error_as(err, cgroup_error_kind(*err), "%s", what);
}

bool cgroup_frozen(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_FREEZER];
	bool v2 = hierarchy && hierarchy->v2;
	const struct cgroup_file file = { cgroup, hierarchy,
		v2 ? "cgroup.freeze" : "freezer.state" };
	cleanup_error struct error *ignored = NULL;
	char text[32];

	if (!cgroup_is_in(cgroup, hierarchy) ||
		cgroup_file_read(&file, text, sizeof(text), &ignored) <= 0)
		return false;
	return strncmp(text, v2 ? "1" : "FR", v2 ? 1 : 2) == 0; /* FREEZING counts */
}

/* Takes dir_fd. */
static void thaw_dir(int dir_fd, int depth) // NOLINT(misc-no-recursion): bounded by depth
{
	cleanup_error struct error *ignored = NULL;
	DIR *stream = fdopendir(dir_fd);
	const struct dirent *entry;

	if (!stream) {
		close_fd(dir_fd);
		return;
	}
	(void)file_poke_at(dir_fd, "freezer.state", "THAWED", &ignored);
	while (depth < CGROUP_DEPTH_MAX && (entry = readdir(stream)) != NULL) {
		int fd = -1;

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fd = openat(dir_fd, entry->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			thaw_dir(fd, depth + 1);
	}
	closedir(stream);
}

/* A process that the v1 freezer holds does not die before it is let go, by all directories above
 * it: the container may have frozen one that it has made. */
static void thaw_v1(struct cgroup *cgroup)
{
	const struct cgroup_hierarchy *freezer = cgroup->host->of[CONTROLLER_FREEZER];
	int fd;

	if (!cgroup_is_in(cgroup, freezer) || freezer->v2)
		return;
	fd = openat(freezer->root_fd, cgroup->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		thaw_dir(fd, 0);
}

static bool is_gone(const struct error *err)
{
	return error_errno(err) == ENOENT || error_errno(err) == ENODEV;
}

/* 1 done, 0 when there is no cgroup.kill. */
static int kill_v2(struct cgroup *cgroup, struct error **err)
{
	const struct cgroup_file file = { cgroup, cgroup->host->unified, "cgroup.kill" };

	if (!cgroup_is_in(cgroup, file.hierarchy))
		return 0;
	if (cgroup_file_write(&file, "1", err) < 0) {
		if (!is_gone(*err))
			return -1;
		error_free(take_ptr(*err));
		return 0;
	}
	thaw_v1(cgroup);
	if (wait_event(cgroup, "populated", 0, err) == 0)
		return 1;
	if (!is_gone(*err)) /* systemd may have removed what has become empty */
		return -1;
	error_free(take_ptr(*err));
	return 1;
}

/* Returns how many there were. */
static ssize_t kill_each(struct cgroup *cgroup, struct error **err)
{
	cleanup_error struct error *ignored = NULL, *ignored_thaw = NULL;
	cleanup_free pid_t *seen = NULL, *pids = NULL;
	ssize_t count = cgroup_pids(cgroup, &seen, err);
	bool frozen;

	if (count <= 0)
		return count;
	frozen = cgroup_freeze(cgroup, true, &ignored) == 0;
	count = cgroup_pids(cgroup, &pids, err); /* only now the list holds still */
	for (ssize_t i = 0; pids && i < count; i++)
		if (pids[i] > 0) /* 0: of a pid namespace that we cannot see into */
			(void)kill(pids[i], SIGKILL);
	if (frozen)
		(void)cgroup_freeze(cgroup, false, &ignored_thaw);
	thaw_v1(cgroup);
	return count;
}

int cgroup_kill(struct cgroup *cgroup, struct error **err)
{
	int64_t deadline = clock_monotonic_ns() + CGROUP_WAIT_MS * 1000000LL;
	ssize_t count = 0;
	long wait_ms = 1;
	int done;

	/* A scope's directory goes with its last process, and this is what shall be known of it. */
	if (cgroup->driver == CGROUP_SYSTEMD)
		(void)cgroup_oom_kills(cgroup);
	done = kill_v2(cgroup, err);

	if (done < 0)
		return error_wrap(err, "kill");
	if (done == 1 && cgroup->host->mode == CGROUP_V2)
		return 0;
	/* v1; on a hybrid host this looks after whom the v2 tree does not have. */
	while ((count = kill_each(cgroup, err)) > 0 && clock_monotonic_ns() < deadline) {
		pause_ms(wait_ms);
		wait_ms = wait_ms < 50 ? wait_ms * 2 : wait_ms;
	}
	if (count < 0)
		return error_wrap(err, "kill");
	if (count > 0)
		return error_new(err, ERROR_UNAVAILABLE,
			"kill: %zd processes of %s are still there after %d ms", count, cgroup->dir,
			CGROUP_WAIT_MS);
	return 0;
}

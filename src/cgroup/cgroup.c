/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a cgroup: make, open, enter, remove. */
#include "cgroup/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "cgroup/internal.h"

/* Those that statistics need. */
#define BASIC_CONTROLLERS \
	(1U << CONTROLLER_CPU | 1U << CONTROLLER_CPUSET | 1U << CONTROLLER_MEMORY | \
		1U << CONTROLLER_IO | 1U << CONTROLLER_PIDS)

static int invalid_path(const char *path, const char *why, struct error **err)
{
	return error_new(err, ERROR_INVALID, "cgroup path '%s' %s", path, why);
}

/*
 * The path comes from a bundle or the command line and becomes directories below every hierarchy:
 * ".." would climb out of the parent that was meant (GHSA-5g49-rx9x-qfc6), and a newline would
 * forge a line of /proc/PID/cgroup.
 */
static int check_component(const char *path, const char *at, size_t length, struct error **err)
{
	if ((length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
		return invalid_path(path, "has a '.' or '..' component", err);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
			return invalid_path(path, "has a control character", err);
	return 0;
}

static int path_to_dir(const char *path, char **ret, struct error **err)
{
	cleanup_buf struct buf dir = BUF_INIT(CGROUP_PATH_MAX);

	for (const char *at = path; *at;) {
		size_t length = strcspn(at, "/");

		if (check_component(path, at, length, err) < 0)
			return -1;
		if (length > 0) {
			buf_puts(&dir, dir.length > 0 ? "/" : "");
			buf_append(&dir, at, length);
		}
		at += length + (at[length] == '/');
	}
	if (buf_check(&dir, "the cgroup path", err) < 0)
		return -1;
	if (dir.length == 0)
		return invalid_path(path, "names no directory", err);
	*ret = buf_take(&dir);
	return 0;
}

/* A process would stand still at once, and nobody would know why. */
static int check_frozen(
	const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	cleanup_free char *path =
		xasprintf("%s/%s", dir, hierarchy->v2 ? "cgroup.freeze" : "freezer.state");
	char text[16] = "";
	cleanup_close int fd = -1;

	if (!(hierarchy->controllers & 1U << CONTROLLER_FREEZER))
		return 0;
	fd = openat(hierarchy->root_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || *text == 'T' || *text == '0')
		return 0;
	error_new(err, ERROR_CONFLICT, "container's cgroup unexpectedly frozen: %s/%s",
		hierarchy->mount_point, dir);
	return error_hint(err, "thaw it, or name another cgroup");
}

int cgroup_mkdir(const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	char text[16] = "";
	cleanup_free char *procs = NULL;
	cleanup_close int fd = -1;

	if (mkdirat(hierarchy->root_fd, dir, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, "make %s/%s", hierarchy->mount_point, dir);
	if (check_frozen(hierarchy, dir, err) < 0)
		return -1;
	/* Prepared for us, or left by a crash: fine, unless someone lives there. */
	procs = xasprintf("%s/cgroup.procs", dir);
	fd = openat(hierarchy->root_fd, procs, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "open %s/%s", hierarchy->mount_point, procs);
	return read(fd, text, sizeof(text)) > 0;
}

int cgroup_make_parents(const struct cgroup_hierarchy *hierarchy, const char *dir,
	int (*made)(const struct cgroup_hierarchy *, const char *, struct error **),
	struct error **err)
{
	cleanup_free char *prefix = xstrdup(dir);

	for (char *slash = prefix; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
		*slash = '\0';
		if (mkdirat(hierarchy->root_fd, prefix, 0755) == 0) {
			if (made && made(hierarchy, prefix, err) < 0)
				return -1;
		} else if (errno != EEXIST) {
			return error_sys(err, "make %s/%s", hierarchy->mount_point, prefix);
		}
	}
	return 0;
}

static bool is_left_out(const struct error *err)
{
	int e = error_errno(err);

	return e == EROFS || e == EACCES || e == EPERM;
}

static int in_use(const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	return error_new(err, ERROR_CONFLICT, "%s/%s is in use: it has processes",
		hierarchy->mount_point, dir);
}

/* Makes the directory in every hierarchy that lets us; asked: bits of controllers with limits. */
static int make_all(struct cgroup *cgroup, unsigned int asked, bool may_share, struct error **err)
{
	/* A hybrid host's v2 tree rarely has one that is wanted: it is not even looked for. */
	unsigned int enabled = cgroup->host->mode == CGROUP_V2 ? ~0U : BASIC_CONTROLLERS | asked;

	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];
		struct error *failed = NULL;
		int made;

		if (cgroup_is_in(cgroup, hierarchy))
			continue; /* systemd has made it */
		made = hierarchy->v2 ? cgroup_v2_make(hierarchy, cgroup->dir, enabled, &failed)
				     : cgroup_v1_make(hierarchy, cgroup->dir, &failed);
		if (made > 0 && !may_share)
			return in_use(hierarchy, cgroup->dir, err);
		if (made >= 0) {
			cgroup->present |= 1U << i;
			cgroup->is_shared |= made > 0;
		} else if (is_left_out(failed) && !(hierarchy->controllers & asked)) {
			error_free(failed);
		} else {
			*err = failed;
			return error_as(err, cgroup_error_kind(failed), "cgroup");
		}
	}
	return 0;
}

/* What is taken for missing is never removed: only what the kernel says is. */
static int find_present(struct cgroup *cgroup, struct error **err)
{
	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];

		if (faccessat(hierarchy->root_fd, cgroup->dir, F_OK, 0) == 0)
			cgroup->present |= 1U << i;
		else if (errno != ENOENT && errno != EACCES && errno != ENOTDIR)
			return error_sys(
				err, "look for %s/%s", hierarchy->mount_point, cgroup->dir);
	}
	return 0;
}

int cgroup_open_v2(struct cgroup *cgroup, struct error **err)
{
	const struct cgroup_hierarchy *unified = cgroup->host->unified;

	if (!cgroup_is_in(cgroup, unified))
		return 0;
	/* Not O_PATH: attaching a device program takes a real one before 5.15. */
	cgroup->v2_fd = openat(
		unified->root_fd, cgroup_dir(cgroup, unified), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->v2_fd < 0)
		return error_sys(
			err, "open %s/%s", unified->mount_point, cgroup_dir(cgroup, unified));
	return 0;
}

struct cgroup *cgroup_new(enum cgroup_driver driver, struct error **err)
{
	const struct cgroup_host *host;
	struct cgroup *cgroup;

	if (cgroup_host_get(&host, err) < 0)
		return NULL;
	cgroup = xcalloc(1, sizeof(*cgroup));
	*cgroup = (struct cgroup){ .host = host,
		.driver = driver,
		.v2_fd = -1,
		.oom_fd = -1,
		.watch_fd = -1,
		.log_fd = -1 };
	return cgroup;
}

void cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	close_fd(cgroup->v2_fd);
	close_fd(cgroup->oom_fd);
	close_fd(cgroup->watch_fd);
	close_fd(cgroup->log_fd);
	cgroup_systemd_forget(cgroup);
	free(cgroup->dir);
	free(cgroup->slice);
	free(cgroup->unit);
	for (size_t i = 0; i < cgroup->host->count; i++)
		free(cgroup->below[i]);
	free(cgroup);
}

static int find_dir(struct cgroup *cgroup, const char *path, struct error **err)
{
	return cgroup->driver == CGROUP_SYSTEMD ? cgroup_systemd_parse(path, cgroup, err)
						: path_to_dir(path, &cgroup->dir, err);
}

static int create(const char *path, enum cgroup_driver driver, const struct spec_resources *limits,
	bool may_share, struct cgroup **ret, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = cgroup_new(driver, err);
	cleanup_error struct error *ignored = NULL;

	if (!cgroup)
		return -1;
	if (find_dir(cgroup, path, err) < 0)
		return -1;
	if (driver == CGROUP_SYSTEMD) { /* it can only make a scope around a process */
		cgroup_systemd_record(cgroup, limits);
		*ret = take_ptr(cgroup);
		return 0;
	}
	if (make_all(cgroup, cgroup_limits_controllers(limits), may_share, err) < 0 ||
		cgroup_open_v2(cgroup, err) < 0 || cgroup_limits_apply(cgroup, limits, err) < 0) {
		(void)cgroup_remove(cgroup, &ignored);
		return -1;
	}
	*ret = take_ptr(cgroup);
	return 0;
}

int cgroup_create(const char *path, enum cgroup_driver driver, const struct spec_resources *limits,
	struct cgroup **ret, struct error **err)
{
	return create(path, driver, limits, false, ret, err);
}

int cgroup_create_shared(const char *path, enum cgroup_driver driver,
	const struct spec_resources *limits, struct cgroup **ret, struct error **err)
{
	return create(path, driver, limits, true, ret, err);
}

bool cgroup_is_shared(const struct cgroup *cgroup)
{
	return cgroup->is_shared;
}

int cgroup_open(
	const char *path, enum cgroup_driver driver, struct cgroup **ret, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = cgroup_new(driver, err);

	if (!cgroup)
		return -1;
	if (find_dir(cgroup, path, err) < 0)
		return -1;
	if (find_present(cgroup, err) < 0)
		return -1;
	if (!cgroup->present)
		return error_new(err, ERROR_NOT_FOUND, "no cgroup '%s'", path);
	if (cgroup_open_v2(cgroup, err) < 0)
		return -1;
	*ret = take_ptr(cgroup);
	return 0;
}

int cgroup_clone_fd(const struct cgroup *cgroup)
{
	return cgroup->v2_fd;
}

bool cgroup_wants_pid(const struct cgroup *cgroup)
{
	return cgroup->pending != NULL;
}

int cgroup_enter(struct cgroup *cgroup, struct error **err)
{
	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];

		if (cgroup_is_in(cgroup, hierarchy) && !hierarchy->v2 &&
			cgroup_v1_enter(cgroup, hierarchy, 0, err) < 0)
			return error_as(err, cgroup_error_kind(*err), "enter the cgroup");
	}
	return 0;
}

static int enter_all(struct cgroup *cgroup, pid_t pid, struct error **err)
{
	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];

		if (cgroup_is_in(cgroup, hierarchy) &&
			cgroup_v1_enter(cgroup, hierarchy, pid, err) < 0)
			return -1;
	}
	return 0;
}

/* systemd: starts the scope around pid; what it left out on v1 is made here. */
static int attach_first(struct cgroup *cgroup, pid_t pid, struct error **err)
{
	unsigned int asked = cgroup_limits_controllers(cgroup->pending);

	if (cgroup_systemd_start(cgroup, pid, err) < 0 || find_present(cgroup, err) < 0)
		return -1;
	if (cgroup->host->mode != CGROUP_V2 &&
		(make_all(cgroup, asked, true, err) < 0 || enter_all(cgroup, pid, err) < 0))
		return -1;
	if (cgroup_open_v2(cgroup, err) < 0 ||
		cgroup_limits_apply(cgroup, cgroup->pending, err) < 0)
		return -1;
	cgroup_systemd_forget(cgroup);
	cgroup_oom_init(cgroup);
	return 0;
}

int cgroup_attach(struct cgroup *cgroup, pid_t pid, struct error **err)
{
	if (cgroup->pending)
		return attach_first(cgroup, pid, err);
	if (enter_all(cgroup, pid, err) < 0)
		return error_as(
			err, cgroup_error_kind(*err), "put process %d into its cgroup", (int)pid);
	return 0;
}

int cgroup_update(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	if (cgroup->driver == CGROUP_SYSTEMD && cgroup_systemd_update(cgroup, limits, err) < 0)
		return error_wrap(err, "update %s", cgroup->unit);
	return cgroup_limits_apply(cgroup, limits, err);
}

static int remove_dir(int parent_fd, const char *dir, int64_t deadline, int depth);

/* What the container itself has made below its cgroup. */
// NOLINTNEXTLINE(misc-no-recursion): bounded by depth
static void remove_children(int parent_fd, const char *dir, int64_t deadline, int depth)
{
	int fd = openat(parent_fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		close_fd(fd);
		return;
	}
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			(void)remove_dir(fd, entry->d_name, deadline, depth + 1);
	closedir(stream);
}

/* 0, or -1 with errno. Processes that have been waited for can still be leaving: EBUSY. */
// NOLINTNEXTLINE(misc-no-recursion): bounded by depth
static int remove_dir(int parent_fd, const char *dir, int64_t deadline, int depth)
{
	struct timespec pause = { .tv_nsec = 100L * 1000 };

	while (unlinkat(parent_fd, dir, AT_REMOVEDIR) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || clock_monotonic_ns() > deadline)
			return -1;
		if (depth < CGROUP_DEPTH_MAX)
			remove_children(parent_fd, dir, deadline, depth);
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20L * 1000 * 1000)
			pause.tv_nsec *= 2;
		errno = EBUSY;
	}
	return 0;
}

/* The kernel itself says whether anybody is inside: EBUSY. Most cgroups are empty by now, as the
 * end of a pid namespace is that of its processes. */
static bool remove_empty(struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];

		if (!cgroup_is_in(cgroup, hierarchy))
			continue;
		if (unlinkat(hierarchy->root_fd, cgroup->dir, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return false;
		cgroup->present &= ~(1U << i);
	}
	return true;
}

int cgroup_remove(struct cgroup *cgroup, struct error **err)
{
	int64_t deadline = clock_monotonic_ns() + CGROUP_WAIT_MS * 1000000LL;
	int result = 0;

	if (cgroup->is_shared) {
		(void)remove_empty(cgroup);
		return 0;
	}
	if (cgroup->driver == CGROUP_SYSTEMD && cgroup->present)
		cgroup_systemd_stop(cgroup);
	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];

		if (!cgroup_is_in(cgroup, hierarchy))
			continue;
		if (remove_dir(hierarchy->root_fd, cgroup->dir, deadline, 0) == 0)
			cgroup->present &= ~(1U << i);
		else if (result == 0) /* the first says enough; the others are still tried */
			result =
				error_sys(err, "remove %s/%s", hierarchy->mount_point, cgroup->dir);
	}
	return result < 0 ? error_as(err, cgroup_error_kind(*err), "cgroup") : 0;
}

int cgroup_bury(struct cgroup *cgroup, struct error **err)
{
	if (cgroup->driver == CGROUP_FS && (remove_empty(cgroup) || cgroup->is_shared))
		return 0;
	if (cgroup_kill(cgroup, err) < 0)
		return -1;
	return cgroup_remove(cgroup, err);
}

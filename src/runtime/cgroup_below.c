/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories below a container's cgroup, for processes that are to run there (exec --cgroup, or
 * where the container's init has gone). The container may have made them, and what it is given
 * leads down only: no "..", and cgroup file systems have no symlinks.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup_internal.h"

#define CGROUP_TEXT_MAX 65536

static struct cgroup *copy_of(const struct cgroup *cgroup, struct error **err)
{
	struct cgroup *copy = cgroup_new(cgroup->driver, err);

	if (!copy)
		return NULL;
	copy->dir = xstrdup(cgroup->dir);
	copy->present = cgroup->present;
	return copy;
}

/* Who calls runc or crun looks for these words. */
static int check_path(const char *path, struct error **err)
{
	for (const char *at = path; *at;) {
		size_t length = strcspn(at, "/");

		if (length == 2 && at[0] == '.' && at[1] == '.')
			return error_new(err, ERROR_INVALID,
				"cgroup: %s is not a sub cgroup path: `..` components are not "
				"allowed",
				path);
		at += length + (at[length] == '/');
	}
	return 0;
}

static unsigned int controllers_named(const char *list, size_t length, struct error **err)
{
	unsigned int found = 0;

	for (const char *at = list, *end = list + length; at < end;) {
		size_t word = strcspn(at, ",:");
		unsigned int known = 0;

		for (unsigned int i = 0; i < CONTROLLER_MAX_; i++) {
			const char *name = cgroup_controller_name(i, false);

			if (strlen(name) == word && strncmp(at, name, word) == 0)
				known = 1U << i;
		}
		if (!known) {
			error_new(err, ERROR_INVALID, "cgroup: unknown controller %.*s", (int)word,
				at);
			return 0;
		}
		found |= known;
		at += word + 1;
	}
	return found;
}

/* Where it is not there in every hierarchy, it is entered where it is. */
static int go_below(
	struct cgroup *cgroup, const char *path, unsigned int controllers, struct error **err)
{
	const struct cgroup_hierarchy *last = cgroup->host->main;
	bool found = false;

	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];
		cleanup_free char *dir = xasprintf("%s/%s", cgroup->dir, path);

		if (!cgroup_is_in(cgroup, hierarchy) || strlen(dir) >= CGROUP_PATH_MAX ||
			(controllers && !(hierarchy->controllers & controllers)))
			continue;
		last = hierarchy;
		if (faccessat(hierarchy->root_fd, dir, F_OK, 0) < 0)
			continue;
		replace_string(&cgroup->below[i], take_ptr(dir));
		found = true;
	}
	if (found)
		return 0;
	return error_new(err, ERROR_NOT_FOUND,
		"cgroup: adding pid to %s/%s/%s/cgroup.procs: no such file or directory",
		last->mount_point, cgroup->dir, path);
}

int cgroup_open_below(
	const struct cgroup *cgroup, char *const *paths, struct cgroup **ret, struct error **err)
{
	cleanup_cgroup struct cgroup *below = copy_of(cgroup, err);

	if (!below)
		return -1;
	for (; paths && *paths; paths++) {
		const char *path = *paths, *colon = strchr(path, ':');
		unsigned int controllers = 0;

		if (colon && cgroup->host->mode != CGROUP_V2) {
			controllers = controllers_named(path, (size_t)(colon - path), err);
			if (!controllers)
				return -1;
			path = colon + 1;
		}
		if (check_path(path, err) < 0)
			return -1;
		path += strspn(path, "/");
		if (*path && go_below(below, path, controllers, err) < 0)
			return -1;
	}
	if (cgroup_open_v2(below, err) < 0)
		return -1;
	*ret = take_ptr(below);
	return 0;
}

/* The line "0::/path" of /proc/PID/cgroup; NULL with *err. */
static char *path_of(pid_t pid, struct error **err)
{
	cleanup_free char *file = xasprintf("/proc/%d/cgroup", (int)pid);
	cleanup_free char *text = NULL;
	const char *line;

	if (file_read_at(AT_FDCWD, file, CGROUP_TEXT_MAX, &text, err) < 0)
		return NULL;
	line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (!line) {
		error_new(err, ERROR_INTERNAL, "%s has no line of cgroup v2", file);
		return NULL;
	}
	line = strchr(line, '/') + 1;
	return xstrndup(line, strcspn(line, "\n"));
}

int cgroup_open_around(
	const struct cgroup *cgroup, pid_t pid, struct cgroup **ret, struct error **err)
{
	cleanup_cgroup struct cgroup *around = copy_of(cgroup, err);
	const struct cgroup_hierarchy *unified = cgroup->host->unified;
	cleanup_free char *path = NULL;
	size_t length = strlen(cgroup->dir);

	if (!around)
		return -1;
	if (!unified)
		return error_new(err, ERROR_UNSUPPORTED, "this host has no cgroup v2");
	path = path_of(pid, err);
	if (!path)
		return -1;
	if (!path || strncmp(path, cgroup->dir, length) != 0 ||
		(path[length] && path[length] != '/') || check_path(path, err) < 0)
		return error_new(err, ERROR_CONFLICT,
			"process %d is in the cgroup '%s', not below '%s'", (int)pid, path,
			cgroup->dir);
	around->below[cgroup_index(cgroup->host, unified)] = take_ptr(path);
	if (cgroup_open_v2(around, err) < 0)
		return -1;
	*ret = take_ptr(around);
	return 0;
}

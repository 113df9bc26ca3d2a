/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a cgroup in one v1 hierarchy (named ones have no controller and are the same).
 *
 * A new v1 cpuset has no processor and no memory node, and takes no process until both are
 * written. cgroup.clone_children on a parent makes the kernel copy the parent's at mkdir; it is
 * set once, on the parents made here. Where somebody else made the parent, entering fails with
 * ENOSPC, and only then are the values copied by hand.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroup/internal.h"

#define CPUSET_TEXT_MAX 8192 /* a list of processors */

static int inherit_file(
	int root_fd, const char *parent, const char *dir, const char *name, struct error **err)
{
	cleanup_free char *from = xasprintf("%s/%s", *parent ? parent : ".", name);
	cleanup_free char *to = xasprintf("%s/%s", dir, name);
	cleanup_free char *value = NULL, *current = NULL;

	if (file_read_at(root_fd, to, CPUSET_TEXT_MAX, &current, err) < 0)
		return -1;
	if (current[strspn(current, " \n")] != '\0')
		return 0;
	if (file_read_at(root_fd, from, CPUSET_TEXT_MAX, &value, err) < 0)
		return -1;
	return file_poke_at(root_fd, to, value, err);
}

static int inherit_cpuset(
	const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	const char *slash = strrchr(dir, '/');
	cleanup_free char *parent = xstrndup(dir, slash ? (size_t)(slash - dir) : 0);

	if (inherit_file(hierarchy->root_fd, parent, dir, "cpuset.cpus", err) < 0 ||
		inherit_file(hierarchy->root_fd, parent, dir, "cpuset.mems", err) < 0)
		return error_wrap(err, "cpuset of %s/%s", hierarchy->mount_point, dir);
	return 0;
}

/* From the top down: a parent has to have what its child gets. */
static int inherit_cpuset_down(
	const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	cleanup_free char *prefix = xstrdup(dir);

	for (char *slash = prefix; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
		*slash = '\0';
		if (inherit_cpuset(hierarchy, prefix, err) < 0)
			return -1;
	}
	return inherit_cpuset(hierarchy, dir, err);
}

static int made_parent(
	const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	cleanup_free char *clone_children = NULL;

	if (!(hierarchy->controllers & 1U << CONTROLLER_CPUSET))
		return 0;
	clone_children = xasprintf("%s/cgroup.clone_children", dir);
	if (inherit_cpuset(hierarchy, dir, err) < 0)
		return -1;
	return file_poke_at(hierarchy->root_fd, clone_children, "1", err);
}

int cgroup_v1_make(const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err)
{
	if (mkdirat(hierarchy->root_fd, dir, 0755) == 0)
		return 0;
	if (errno == ENOENT && cgroup_make_parents(hierarchy, dir, made_parent, err) < 0)
		return -1;
	return cgroup_mkdir(hierarchy, dir, err);
}

int cgroup_v1_enter(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy, pid_t pid,
	struct error **err)
{
	/* "tasks" moves one thread, and with 0 the caller, for which the kernel (5.5) locks
	 * nothing: a thread that is moving itself neither ends nor runs execve(2) meanwhile. */
	const struct cgroup_file procs = { cgroup, hierarchy, pid ? "cgroup.procs" : "tasks" };
	cleanup_close int fd = cgroup_file_open(&procs, O_WRONLY, err);
	char text[16];

	if (fd < 0)
		return -1;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	if (TEMP_FAILURE_RETRY(write(fd, text, strlen(text))) >= 0)
		return 0;
	if (errno == ENOSPC && hierarchy->controllers & 1U << CONTROLLER_CPUSET &&
		inherit_cpuset_down(hierarchy, cgroup_dir(cgroup, hierarchy), err) < 0)
		return -1;
	return cgroup_file_put(&procs, fd, text, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hierarchy.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/mount_option.h"
#include "runtime/rootfs.h"
#include "sys/mount.h"

#define HOST_TREE "/sys/fs/cgroup"
#define CGROUP_FILE_MAX (64UL * 1024)

struct line { /* "4:memory:/vessel/id", "1:name=systemd:/", "0::/" */
	char *controllers, *path;
};

static bool split_line(char *text, struct line *ret)
{
	char *controllers = strchr(text, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return false;
	*path = '\0';
	*ret = (struct line){ .controllers = controllers + 1, .path = path + 1 };
	return true;
}

/* Under which name systemd and all after it mount a hierarchy. */
static const char *directory_name(const struct line *line)
{
	if (!*line->controllers)
		return "unified";
	return strncmp(line->controllers, "name=", 5) == 0 ? line->controllers + 5
							   : line->controllers;
}

/* Hierarchies mounted together ("cpu,cpuacct") are found by each of their names. */
static int link_names(int tree_fd, const char *together, struct error **err)
{
	cleanup_strv strv names = strv_split(together, ',');

	if (strv_length(names) < 2)
		return 0;
	for (char *const *name = names; *name; name++)
		if (symlinkat(together, tree_fd, *name) < 0)
			return error_sys(err, "link cgroup hierarchy '%s'", *name);
	return 0;
}

/* A hierarchy that the host has nowhere mounted, or elsewhere than is usual, cannot be shown. */
static int bind_hierarchy(int tree_fd, const struct line *line, uint64_t attrs, struct error **err)
{
	const char *name = directory_name(line);
	cleanup_free char *source = xasprintf(HOST_TREE "/%s%s", name, line->path);
	cleanup_error struct error *missing = NULL;
	cleanup_close int fd = mount_clone(AT_FDCWD, source, false, &missing), at_fd = -1;
	struct statfs fs;

	if (fd < 0)
		return 0;
	if (fstatfs(fd, &fs) < 0 ||
		(fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC))
		return 0;
	if (mount_set(fd, attrs, 0, MS_PRIVATE, false, err) < 0)
		return -1;
	if (mkdirat(tree_fd, name, 0755) < 0)
		return error_sys(err, "make directory '%s'", name);
	at_fd = openat(tree_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at_fd < 0)
		return error_sys(err, "open directory '%s'", name);
	if (mount_attach(fd, at_fd, err) < 0)
		return -1;
	return link_names(tree_fd, name, err);
}

static int bind_all(int tree_fd, uint64_t attrs, struct error **err)
{
	cleanup_free char *text = NULL;
	char *rest, *next;

	if (file_read_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, err) < 0)
		return -1;
	for (rest = text; (next = strsep(&rest, "\n")) != NULL;) {
		struct line line;

		if (split_line(next, &line) && bind_hierarchy(tree_fd, &line, attrs, err) < 0)
			return error_wrap(err, "cgroup hierarchy '%s'", line.controllers);
	}
	return 0;
}

static int attach_tree(
	const struct rootfs *root, int tree_fd, const char *target, struct error **err)
{
	cleanup_close int target_fd = rootfs_target(root, target, true, err);

	return target_fd < 0 ? -1 : mount_attach(tree_fd, target_fd, err);
}

static int mount_v1(
	const struct rootfs *root, const char *target, uint64_t attrs, struct error **err)
{
	static const struct mount_option options[] = { { "mode", "755" }, { "size", "64k" },
		{ NULL, NULL } };
	cleanup_close int tree_fd =
		mount_new("tmpfs", "cgroup", options, attrs & ~(uint64_t)MOUNT_ATTR_RDONLY, err);

	if (tree_fd < 0 || attach_tree(root, tree_fd, target, err) < 0 ||
		bind_all(tree_fd, attrs, err) < 0)
		return -1;
	/* Last, when nothing more is made in it; no process of the container is there yet. */
	return mount_set(tree_fd, MOUNT_ATTR_RDONLY, 0, 0, false, err);
}

/* The line "0::/path". A host can have hierarchies of version 1 beside (net_cls, of a VPN): they
 * come before it, and where they say "/" all of the host's tree would be shown. */
static int own_path(char **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	char *rest, *next;

	if (file_read_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, err) < 0)
		return -1;
	for (rest = text; (next = strsep(&rest, "\n")) != NULL;) {
		struct line line;

		if (!split_line(next, &line) || *line.controllers)
			continue;
		*ret = xasprintf(HOST_TREE "%s", line.path);
		return 0;
	}
	return error_new(err, ERROR_INTERNAL, "/proc/self/cgroup has no line of cgroup v2");
}

static int mount_v2(
	const struct rootfs *root, const char *target, uint64_t attrs, struct error **err)
{
	cleanup_free char *source = NULL;
	cleanup_close int fd = -1;

	if (own_path(&source, err) < 0)
		return -1;
	fd = mount_clone(AT_FDCWD, source, false, err);
	if (fd < 0 || mount_set(fd, attrs, 0, MS_PRIVATE, false, err) < 0)
		return -1;
	return attach_tree(root, fd, target, err);
}

static bool has_cgroup_ns(const struct spec *spec)
{
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == CLONE_NEWCGROUP)
			return true;
	return false;
}

int hierarchy_mount(const struct rootfs *root, const struct mount_options *options,
	const char *target, struct error **err)
{
	uint64_t attrs = options->set | options->all_set;
	struct statfs fs;
	int result;

	/*
	 * What is shown is the own cgroup, but for a user namespace that may be one that others are
	 * in as well (CVE-2023-25809), and without a cgroup of its own it is the caller's. Else who
	 * asks for it may write, as engines in containers do.
	 */
	if ((root->user_ns || !root->spec->cgroups_path) && !has_cgroup_ns(root->spec))
		attrs |= MOUNT_ATTR_RDONLY;
	if (statfs(HOST_TREE, &fs) < 0)
		return error_sys(err, "look at " HOST_TREE);
	result = fs.f_type == CGROUP2_SUPER_MAGIC ? mount_v2(root, target, attrs, err)
						  : mount_v1(root, target, attrs, err);
	return result < 0 ? error_wrap(err, "mount '%s'", target) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a spec, one by one. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"
#include "runtime/bind.h"
#include "runtime/copy_up.h"
#include "runtime/device.h"
#include "runtime/hierarchy.h"
#include "runtime/init.h"
#include "runtime/label.h"
#include "runtime/mount_option.h"
#include "runtime/rootfs.h"
#include "sys/mount.h"
#include "sys/path.h"

/*
 * What a container may have replaced in its procfs: files of information, as lxcfs provides them.
 * Anything else in there is what security depends on (CVE-2019-16884, CVE-2025-52881).
 */
static const char *const proc_files[] = { "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo",
	"/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo",
	"/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled", NULL };

static bool is_proc_file(const char *path)
{
	for (size_t i = 0; proc_files[i]; i++)
		if (strcmp(path, proc_files[i]) == 0)
			return true;
	return false;
}

/* The fd is asked, not the path: a symlink of the image can lead into /proc as well. */
static int refuse_procfs(int target_fd, const char *path, struct error **err)
{
	struct statfs fs;

	if (fstatfs(target_fd, &fs) < 0)
		return error_sys(err, "look at mount point '%s'", path);
	if (fs.f_type != PROC_SUPER_MAGIC || is_proc_file(path))
		return 0;
	return error_new(
		err, ERROR_INVALID, "'%s' is inside /proc: nothing can be mounted there", path);
}

struct place {
	const char *path;
	bool directory, nofollow;
};

static int attach(
	const struct rootfs *root, int mount_fd, const struct place *place, struct error **err)
{
	cleanup_close int target_fd =
		place->nofollow ? rootfs_target_itself(root, place->path, place->directory, err)
				: rootfs_target(root, place->path, place->directory, err);

	if (target_fd < 0 || refuse_procfs(target_fd, place->path, err) < 0)
		return -1;
	if (mount_attach(mount_fd, target_fd, err) == 0)
		return 0;
	if (error_errno(*err) == ENOTDIR)
		error_hint(err, "one of both is a directory, and the other is a file");
	return error_as(err, ERROR_INVALID, "mount '%s'", place->path);
}

/* Made anew at the target: a bind of a symlink would be its target. */
static int copy_link(const struct rootfs *root, int link_fd, const char *path, struct error **err)
{
	cleanup_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	cleanup_close int parent_fd = path_mkdirs_in_root(root->root_fd, parent, 0755, 0, 0, err);
	char text[4096], old[4096];
	const char *name = strrchr(path, '/') + 1;
	ssize_t length = readlinkat(link_fd, "", text, sizeof(text) - 1), old_length;

	if (parent_fd < 0)
		return error_as(err, ERROR_INVALID, "mount '%s'", path);
	if (length < 0)
		return error_sys(err, "read the link for '%s'", path);
	text[length] = '\0';
	if (symlinkat(text, parent_fd, name) == 0)
		return 0;
	old_length = errno == EEXIST ? readlinkat(parent_fd, name, old, sizeof(old)) : -1;
	if (old_length == length && memcmp(text, old, (size_t)length) == 0)
		return 0;
	error_sys(err, "make the link '%s'", path);
	return error_as(err, ERROR_INVALID, "mount '%s'", path);
}

/* Over the root: it is the root from now on, for all that is mounted later. */
static int replace_root(struct rootfs *root, int *mount_fd, struct error **err)
{
	if (mount_attach(*mount_fd, root->root_fd, err) < 0)
		return error_wrap(err, "mount '/'");
	close_fd(root->root_fd);
	root->root_fd = take_fd(mount_fd);
	return 0;
}

/* What the caller has made of it, or -1. */
static int take_made(const struct rootfs *root, const struct spec_mount *mount)
{
	size_t i = (size_t)(mount - root->spec->mounts);

	return i < root->binds.count ? take_fd(&root->binds.fds[i]) : -1;
}

static int mount_bind(struct rootfs *root, const struct spec_mount *mount,
	const struct mount_options *options, const char *target, struct error **err)
{
	cleanup_close int fd = take_made(root, mount);
	struct stat st;

	if (fd < 0)
		fd = bind_open(root->spec, root->bundle, mount, options, err);
	if (fd < 0)
		return error_wrap(err, "mount '%s'", target);
	if (fstat(fd, &st) < 0)
		return error_sys(err, "mount '%s'", target);
	if (strcmp(target, "/") == 0)
		return replace_root(root, &fd, err);
	if (S_ISLNK(st.st_mode) && options->copy_link)
		return copy_link(root, fd, target, err);
	return attach(root, fd,
		&(struct place){ target, S_ISDIR(st.st_mode), options->target_nofollow }, err);
}

static uint64_t new_attributes(const struct mount_options *options)
{
	return options->set | options->all_set;
}

static int copy_up(const struct rootfs *root, int mount_fd, const char *target, struct error **err)
{
	cleanup_close int below_fd = rootfs_target(root, target, true, err);

	if (below_fd < 0)
		return -1;
	return copy_up_tree(below_fd, mount_fd, err) < 0 ? error_wrap(err, "copy '%s'", target) : 0;
}

/* A type, and where the host has one, for a user namespace that may not mount its own. */
static const struct {
	const char *type, *host;
} host_mounts[] = {
	{ "sysfs", "/sys" }, /* the network namespace is not its own */
	{ "mqueue", "/dev/mqueue" }, /* the IPC namespace is not */
	{ "proc", "/proc" }, /* the pid namespace is not */
};

static bool is_refused(const struct error *err)
{
	return error_errno(err) == EPERM || error_errno(err) == EACCES;
}

/*
 * What it may not mount anew it may have as the host has it: the same file system with the same
 * namespaces behind it. All below comes along: the kernel keeps together what may hide something.
 */
static int host_clone(const struct rootfs *root, const char *type,
	const struct mount_options *options, struct error **err)
{
	for (size_t i = 0; i < sizeof(host_mounts) / sizeof(*host_mounts); i++) {
		cleanup_close int fd = -1;

		if (!root->user_ns || !is_refused(*err) || strcmp(host_mounts[i].type, type) != 0)
			continue;
		error_free(*err);
		*err = NULL;
		fd = mount_clone(AT_FDCWD, host_mounts[i].host, true, err);
		if (fd < 0 || mount_set(fd, new_attributes(options), 0, MS_PRIVATE, true, err) < 0)
			return error_wrap(err, "the host's %s", host_mounts[i].host);
		return take_fd(&fd);
	}
	return -1;
}

static int mount_proc(struct rootfs *root, const struct mount_options *options, const char *target,
	struct error **err)
{
	cleanup_close int fd = -1;

	/* Ours, which has done its work by now, serves when it is what was asked for. */
	if (root->proc_fd >= 0 && !options->parameters[0].key) {
		fd = take_fd(&root->proc_fd);
		if (mount_set(fd, new_attributes(options), options->clear | options->all_clear, 0,
			    false, err) < 0)
			return error_wrap(err, "mount '%s'", target);
	} else {
		fd = mount_new("proc", "proc", options->parameters, new_attributes(options), err);
		if (fd < 0)
			fd = host_clone(root, "proc", options, err);
	}
	if (fd < 0)
		return error_wrap(err, "mount '%s'", target);
	return rootfs_attach_real(root, fd, target, err);
}

/* Adds key=value, when the caller has not said something else and there is room. */
static void add_parameter(struct mount_options *options, const char *key, const char *value)
{
	size_t i = 0;

	for (; options->parameters[i].key; i++)
		if (strcmp(options->parameters[i].key, key) == 0)
			return;
	if (i < MOUNT_PARAMETERS_MAX)
		options->parameters[i] = (struct mount_option){ key, value };
}

static bool drop_parameter(struct mount_options *options, const char *key)
{
	struct mount_option *at = options->parameters;

	while (at->key && strcmp(at->key, key) != 0)
		at++;
	if (!at->key)
		return false;
	for (; at->key; at++)
		at[0] = at[1];
	return true;
}

/* Without a mode a tmpfs has that of the directory it covers: 01777 would open it to all. */
static void inherit_mode(
	const struct rootfs *root, struct mount_options *options, const char *target)
{
	cleanup_error struct error *ignored = NULL;
	struct stat st;
	char mode[8];

	for (size_t i = 0; options->parameters[i].key; i++)
		if (strcmp(options->parameters[i].key, "mode") == 0)
			return;
	if (path_stat_in_root(root->root_fd, target, &st, &ignored) <= 0)
		return;
	(void)snprintf(mode, sizeof(mode), "%o", st.st_mode & 07777);
	add_parameter(options, "mode", strv_append(&options->texts, mode));
}

static bool takes_label(const char *type)
{
	static const char *const without[] = { "proc", "sysfs", "cgroup", "cgroup2", NULL };

	for (size_t i = 0; without[i]; i++)
		if (strcmp(type, without[i]) == 0)
			return false;
	return true;
}

/* The group tty of most systems, 5, is often not mapped: then the terminals are root's. */
static int retry_without_gid(
	const char *type, const char *source, struct mount_options *options, struct error **err)
{
	if (strcmp(type, "devpts") != 0 || error_errno(*err) != EINVAL ||
		!drop_parameter(options, "gid"))
		return -1;
	error_free(*err);
	*err = NULL;
	return mount_new(type, source, options->parameters, new_attributes(options), err);
}

static int make_file_system(const struct rootfs *root, const struct spec_mount *mount,
	struct mount_options *options, const char *target, struct error **err)
{
	const char *type = mount->type && *mount->type ? mount->type : "none";
	const char *source = mount->source && *mount->source ? mount->source : type;
	const char *label = label_of_mounts(root->spec);
	int fd;

	if (strcmp(type, "tmpfs") == 0)
		inherit_mode(root, options, target);
	if (label && takes_label(type))
		add_parameter(options, "context", label);
	fd = mount_new(type, source, options->parameters, new_attributes(options), err);
	if (fd < 0 && root->user_ns)
		fd = retry_without_gid(type, source, options, err);
	return fd < 0 ? host_clone(root, type, options, err) : fd;
}

/*
 * Mounts come in the order of config.json, and newer kernels (6.8) list them by their age: one that
 * the caller has made is replaced by a clone, which is as old as its place in that order. Where
 * what is attached nowhere cannot be cloned (before 6.15) it stays.
 */
static void renew(int *fd)
{
	cleanup_error struct error *ignored = NULL;
	int clone_fd = mount_clone(*fd, "", false, &ignored);

	if (clone_fd < 0)
		return;
	close_fd(*fd);
	*fd = clone_fd;
}

/* Mounts below it, and the console, come later: read-only it becomes at the end. */
static int mount_dev(struct rootfs *root, const struct spec_mount *mount,
	struct mount_options *options, struct error **err)
{
	bool read_only = new_attributes(options) & MOUNT_ATTR_RDONLY;
	cleanup_close int fd = take_made(root, mount);
	bool filled = fd >= 0;

	options->set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	options->all_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	if (filled)
		renew(&fd);
	else
		fd = make_file_system(root, mount, options, "/dev", err);
	if (fd < 0)
		return error_wrap(err, "mount '/dev'");
	if ((filled ? rootfs_attach_real(root, fd, "/dev", err) : devices_fill(root, fd, err)) < 0)
		return -1;
	if (read_only)
		root->dev_fd = take_fd(&fd);
	return 0;
}

static int mount_file_system(struct rootfs *root, const struct spec_mount *mount,
	struct mount_options *options, const char *target, struct error **err)
{
	const char *type = mount->type ? mount->type : "none";
	cleanup_close int fd = -1;

	if (strcmp(target, "/dev") == 0)
		return mount_dev(root, mount, options, err);
	fd = make_file_system(root, mount, options, target, err);
	if (fd < 0)
		return error_wrap(err, "mount '%s'", target);
	if (options->propagation && mount_set(fd, 0, 0, options->propagation, false, err) < 0)
		return error_wrap(err, "mount '%s'", target);
	if (strcmp(type, "sysfs") == 0)
		return rootfs_attach_real(root, fd, target, err);
	if (options->copy_up && copy_up(root, fd, target, err) < 0)
		return -1;
	return attach(root, fd, &(struct place){ target, true, options->target_nofollow }, err);
}

int rootfs_mount(struct rootfs *root, const struct spec_mount *mount, struct error **err)
{
	struct mount_options options CLEANUP(mount_options_done) = { 0 };
	cleanup_free char *target = path_clean(mount->destination);
	const char *type = mount->type ? mount->type : "";

	if (mount_options_parse(mount->options, &options, err) < 0)
		return error_wrap(err, "mount '%s'", target);
	options.bind_all |= strcmp(type, "rbind") == 0;
	if (bind_is_one(mount))
		return mount_bind(root, mount, &options, target, err);
	if (strcmp(target, "/") == 0)
		return error_new(err, ERROR_INVALID, "a file system cannot replace the root");
	if (options.idmap || mount->uid_map_count > 0)
		return error_new(
			err, ERROR_INVALID, "mount '%s': ids can be mapped of a bind only", target);
	if (strcmp(type, "proc") == 0)
		return mount_proc(root, &options, target, err);
	if (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0) {
		init_await_cgroup(root);
		return hierarchy_mount(root, &options, target, err);
	}
	return mount_file_system(root, mount, &options, target, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a spec, one by one. */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"
#include "runtime/copy_up.h"
#include "runtime/device.h"
#include "runtime/hierarchy.h"
#include "runtime/init.h"
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

static int attach(const struct rootfs *root, int mount_fd, const char *path, bool directory,
	struct error **err)
{
	cleanup_close int target_fd = rootfs_target(root, path, directory, err);

	if (target_fd < 0 || refuse_procfs(target_fd, path, err) < 0)
		return -1;
	if (mount_attach(mount_fd, target_fd, err) == 0)
		return 0;
	if (error_errno(*err) == ENOTDIR)
		error_hint(err, "one of both is a directory, and the other is a file");
	return error_as(err, ERROR_INVALID, "mount '%s'", path);
}

/* Without an option a bind is private; it is that already when the whole namespace is. */
static uint64_t bind_propagation(const struct mount_options *options)
{
	return options->propagation ? options->propagation : MS_PRIVATE;
}

static int set_bind(int fd, const struct mount_options *options, struct error **err)
{
	uint64_t propagation = bind_propagation(options);
	bool all = options->propagate_all || !options->propagation;

	if (!options->bind_all) /* one mount: both kinds of options mean the same */
		return mount_set(fd, options->set | options->all_set,
			(options->clear | options->all_clear) &
				~(options->set & ~(uint64_t)MOUNT_ATTR__ATIME),
			propagation, false, err);
	if ((options->all_set || options->all_clear || all) &&
		mount_set(fd, options->all_set, options->all_clear, all ? propagation : 0, true,
			err) < 0)
		return -1;
	if (options->set || options->clear || !all)
		return mount_set(
			fd, options->set, options->clear, all ? 0 : propagation, false, err);
	return 0;
}

static int mount_bind(const struct rootfs *root, const struct spec_mount *mount,
	const struct mount_options *options, const char *target, struct error **err)
{
	cleanup_free char *source = mount->source ? rootfs_host_path(root, mount->source) : NULL;
	cleanup_close int fd = -1;
	struct stat st;

	if (!source)
		return error_new(err, ERROR_INVALID, "bind to '%s' without a source", target);
	if (options->parameters[0].key)
		return error_new(err, ERROR_INVALID, "bind to '%s': unknown option '%s'", target,
			options->parameters[0].key);
	fd = mount_clone(AT_FDCWD, source, options->bind_all, err);
	if (fd < 0) {
		if (error_errno(*err) == ENOENT)
			error_hint(err, "create it on the host first");
		return error_as(err, ERROR_INVALID, "bind source '%s'", source);
	}
	/* Before attaching: a writable moment, however short, is a writable mount. */
	if (fstat(fd, &st) < 0 || set_bind(fd, options, err) < 0)
		return *err ? error_wrap(err, "bind '%s'", source)
			    : error_sys(err, "bind '%s'", source);
	return attach(root, fd, target, S_ISDIR(st.st_mode), err);
}

static uint64_t new_attributes(const struct mount_options *options)
{
	return options->set | options->all_set;
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
	}
	if (fd < 0)
		return error_wrap(err, "mount '%s'", target);
	return rootfs_attach_real(root, fd, target, err);
}

static int copy_up(const struct rootfs *root, int mount_fd, const char *target, struct error **err)
{
	cleanup_close int below_fd = rootfs_target(root, target, true, err);

	if (below_fd < 0)
		return -1;
	return copy_up_tree(below_fd, mount_fd, err) < 0 ? error_wrap(err, "copy '%s'", target) : 0;
}

static int mount_file_system(struct rootfs *root, const struct spec_mount *mount,
	const struct mount_options *options, const char *target, struct error **err)
{
	const char *type = mount->type ? mount->type : "none";
	cleanup_close int fd = mount_new(type, mount->source ? mount->source : type,
		options->parameters, new_attributes(options), err);

	if (fd < 0)
		return error_wrap(err, "mount '%s'", target);
	if (options->propagation && mount_set(fd, 0, 0, options->propagation, false, err) < 0)
		return error_wrap(err, "mount '%s'", target);
	if (strcmp(target, "/dev") == 0)
		return devices_fill(root, fd, err);
	if (strcmp(type, "sysfs") == 0)
		return rootfs_attach_real(root, fd, target, err);
	if (options->copy_up && copy_up(root, fd, target, err) < 0)
		return -1;
	return attach(root, fd, target, true, err);
}

int rootfs_mount(struct rootfs *root, const struct spec_mount *mount, struct error **err)
{
	struct mount_options options CLEANUP(mount_options_done) = { 0 };
	cleanup_free char *target = path_clean(mount->destination);
	const char *type = mount->type ? mount->type : "";

	if (strcmp(target, "/") == 0)
		return error_new(err, ERROR_INVALID, "a mount cannot replace the root");
	if (mount_options_parse(mount->options, &options, err) < 0)
		return error_wrap(err, "mount '%s'", target);
	if (options.bind || strcmp(type, "bind") == 0 || strcmp(type, "rbind") == 0)
		return mount_bind(root, mount, &options, target, err);
	if (strcmp(type, "proc") == 0)
		return mount_proc(root, &options, target, err);
	if (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0) {
		init_await_cgroup(root);
		return hierarchy_mount(root, &options, target, err);
	}
	return mount_file_system(root, mount, &options, target, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/device.h"
#include "runtime/mask.h"
#include "runtime/terminal.h"
#include "sys/mount.h"
#include "sys/path.h"

#define DEPTH_MAX 4096 /* of a path of PATH_MAX bytes */
#define INIT_PATH "/sbin/docker-init" /* where scripts look for it */

int null_open(struct error **err)
{
	cleanup_close int fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "open the host's /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return error_new(err, ERROR_INTERNAL, "the host's /dev/null is another file");
	return take_fd(&fd);
}

int private_proc_open(struct error **err)
{
	return mount_new("proc", "proc", NULL,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
}

char *rootfs_host_path(const struct rootfs *root, const char *path)
{
	if (path[0] == '/' || !root->bundle)
		return xstrdup(path);
	return xasprintf("%s/%s", root->bundle, path);
}

static bool wants_propagation(const struct spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		char *const *option = spec->mounts[i].options;

		for (; option && *option; option++)
			if (strcmp(*option, name) == 0 ||
				(**option == 'r' && strcmp(*option + 1, name) == 0))
				return true;
	}
	return false;
}

/*
 * Nothing that happens here may reach the host; what happens there reaches us only where a mount
 * asks for it. The root itself is always private: the container's root is attached on it.
 */
static int separate_from_host(const struct spec *spec, struct error **err)
{
	bool shared = spec->root_propagation & MS_SHARED || wants_propagation(spec, "shared");

	if (shared) {
		cleanup_close int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return error_sys(err, "open /");
		return mount_set(fd, 0, 0, MS_PRIVATE, false, err);
	}
	if (spec->root_propagation & MS_SLAVE || wants_propagation(spec, "slave"))
		return mount_propagate_root(MS_SLAVE, err);
	return mount_propagate_root(MS_PRIVATE, err);
}

static int root_mount(const struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;

	if (spec->overlay.lower && root->mounted_fd >= 0)
		return root->mounted_fd;
	if (spec->overlay.lower)
		return mount_overlay(
			spec->overlay.lower, spec->overlay.upper, spec->overlay.work, 0, err);
	if (!spec->root_path)
		return error_new(err, ERROR_INVALID, "no root file system is given");
	path = rootfs_host_path(root, spec->root_path);
	fd = mount_clone(AT_FDCWD, path, true, err);
	if (fd < 0)
		return error_wrap(err, "root file system");
	/* A slave goes on seeing what the host mounts below it; all else begins on its own. */
	if (mount_set(fd, 0, 0, spec->root_propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE, true,
		    err) < 0)
		return error_wrap(err, "root file system '%s'", path);
	return take_fd(&fd);
}

/*
 * Usually "/": nothing needs its old name. Hooks do: they mount below the bundle's root in the
 * container's mount namespace.
 */
static int root_place(const struct rootfs *root, struct error **err)
{
	cleanup_free char *path = root->at_its_path && root->spec->root_path
					  ? rootfs_host_path(root, root->spec->root_path)
					  : xstrdup("/");
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, "open '%s'", path) : fd;
}

/* What is attached to a shared mount is attached for all who share it. */
static int unshare_mount_of(int fd, struct error **err)
{
	cleanup_close int at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statx st = { 0 };

	for (int depth = 0; at >= 0 && depth < DEPTH_MAX; depth++) {
		int up;

		if (statx(at, "", AT_EMPTY_PATH, 0, &st) < 0)
			return error_sys(err, "look at the mount of the root");
		if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return mount_set(at, 0, 0, MS_PRIVATE, false, err);
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close_fd(at);
		at = up;
	}
	return error_sys(err, "find the mount of the root");
}

static int attach_root(struct rootfs *root, struct error **err)
{
	cleanup_close int place_fd = root_place(root, err);

	if (place_fd < 0)
		return -1;
	if (root->at_its_path && unshare_mount_of(place_fd, err) < 0)
		return -1;
	root->root_fd = root_mount(root, err);
	if (root->root_fd < 0)
		return -1;
	if (mount_attach(root->root_fd, place_fd, err) < 0)
		return error_wrap(err, "root file system");
	return 0;
}

int rootfs_attach_real(
	const struct rootfs *root, int mount_fd, const char *path, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	cleanup_close int fd = path_open_in_root(
		root->root_fd, path, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0, &failed);

	if (fd < 0 && error_errno(failed) == ENOENT)
		fd = rootfs_target(root, path, true, err);
	else if (fd < 0)
		error_new(err, ERROR_INVALID,
			"'%s' must be mounted on ordinary directory: the image has a file or a "
			"symlink there",
			path);
	if (fd < 0)
		return -1;
	if (mount_attach(mount_fd, fd, err) < 0)
		return error_wrap(err, "mount '%s'", path);
	return 0;
}

int rootfs_bind_node(const struct rootfs *root, int node_fd, const char *target, struct error **err)
{
	cleanup_close int mount_fd = mount_clone(node_fd, "", false, err), target_fd = -1;

	if (mount_fd < 0)
		return error_wrap(err, "bind to '%s'", target);
	target_fd = rootfs_target(root, target, false, err);
	if (target_fd < 0)
		return -1;
	if (mount_attach(mount_fd, target_fd, err) < 0)
		return error_wrap(err, "bind to '%s'", target);
	return 0;
}

static int bind_init(const struct rootfs *root, struct error **err)
{
	cleanup_close int fd = mount_clone(AT_FDCWD, root->spec->init, false, err), target_fd = -1;

	if (fd < 0)
		return error_wrap(err, "init program");
	if (mount_set(fd, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, false, err) < 0)
		return error_wrap(err, "init program");
	target_fd = rootfs_target(root, INIT_PATH, false, err);
	if (target_fd < 0)
		return -1;
	return mount_attach(fd, target_fd, err) < 0 ? error_wrap(err, "init program") : 0;
}

static int open_terminal(struct rootfs *root, struct error **err)
{
	const struct spec_process *process = &root->spec->process;

	if (terminal_open(root->root_fd, process, &root->master_fd, &root->terminal_fd, err) < 0)
		return -1;
	if (rootfs_bind_node(root, root->terminal_fd, "/dev/console", err) < 0)
		return error_wrap(err, "console");
	return 0;
}

/* While the root can still be written. */
static int make_cwd(const struct rootfs *root, struct error **err)
{
	const struct spec_process *process = &root->spec->process;
	cleanup_close int fd = -1;

	if (!process->cwd)
		return 0;
	fd = path_mkdirs_in_root(root->root_fd, process->cwd, 0755, 0, 0, err);
	if (fd >= 0)
		return 0;
	if (process->make_cwd)
		return error_as(err, ERROR_INVALID, "working directory '%s'", process->cwd);
	/* All make it, and no specification says so: entering it will tell why not. */
	error_free(*err);
	*err = NULL;
	return 0;
}

static int finish_root(const struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;

	if (root->dev_fd >= 0 && mount_set(root->dev_fd, MOUNT_ATTR_RDONLY, 0, 0, false, err) < 0)
		return error_wrap(err, "read-only /dev");
	if (spec->root_readonly &&
		mount_set(root->root_fd, MOUNT_ATTR_RDONLY, 0, 0, false, err) < 0)
		return error_wrap(err, "read-only root");
	return 0;
}

int rootfs_build(struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;

	if (separate_from_host(spec, err) < 0 || attach_root(root, err) < 0)
		return -1;
	if (!devices_have_mount(spec) && devices_mount_default(root, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->mount_count; i++)
		if (rootfs_mount(root, &spec->mounts[i], err) < 0)
			return -1;
	if (devices_outside_dev(root, err) < 0)
		return -1;
	if (spec->init && bind_init(root, err) < 0)
		return -1;
	if (make_cwd(root, err) < 0)
		return -1;
	if (spec->process.terminal && open_terminal(root, err) < 0)
		return -1;
	if (mask_paths(root, err) < 0)
		return -1;
	return finish_root(root, err);
}

int rootfs_propagate(const struct rootfs *root, struct error **err)
{
	uint64_t propagation = root->spec->root_propagation;

	if (propagation &&
		mount_set(root->root_fd, 0, 0, propagation, propagation & MS_REC, err) < 0)
		return error_wrap(err, "propagation of the root");
	return 0;
}

int rootfs_enter(struct rootfs *root, struct error **err)
{
	if (mount_pivot(root->root_fd, err) < 0)
		return error_wrap(err, "enter the container's root");
	return rootfs_propagate(root, err);
}

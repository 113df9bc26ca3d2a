/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mask.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "runtime/rootfs.h"
#include "sys/mount.h"
#include "sys/path.h"

/* 1 and the fd, 0 when there is nothing at path. */
static int find(const struct rootfs *root, const char *path, int *ret, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	int fd = path_open_in_root(root->root_fd, path, O_PATH, 0, &failed);

	/* Below a file there can be nothing, too. Only what is missing may be left unmasked. */
	if (fd < 0 && (error_errno(failed) == ENOENT || error_errno(failed) == ENOTDIR))
		return 0;
	if (fd < 0) {
		*err = take_ptr(failed);
		return -1;
	}
	*ret = fd;
	return 1;
}

/*
 * One empty read-only tmpfs hides all directories: each of its own would be one more super block
 * for every container. A clone can only be made of what is attached, so the first use attaches it.
 */
static int empty_clone(int *empty_fd, int target_fd, struct error **err)
{
	static const struct mount_option options[] = { { "mode", "755" }, { "nr_inodes", "1" },
		{ NULL, NULL } };
	cleanup_close int fd = -1;

	if (*empty_fd >= 0) {
		fd = mount_clone(*empty_fd, "", false, err);
		return fd < 0 ? -1 : mount_attach(fd, target_fd, err);
	}
	*empty_fd = mount_new("tmpfs", "tmpfs", options,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	return *empty_fd < 0 ? -1 : mount_attach(*empty_fd, target_fd, err);
}

static int null_clone(const struct rootfs *root, int target_fd, struct error **err)
{
	cleanup_close int fd = mount_clone(root->null_fd, "", false, err);

	return fd < 0 ? -1 : mount_attach(fd, target_fd, err);
}

static int mask(const struct rootfs *root, const char *path, int *empty_fd, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat st;
	int found = find(root, path, &fd, err);

	if (found <= 0)
		return found;
	if (fstat(fd, &st) < 0)
		return error_sys(err, "look at '%s'", path);
	return S_ISDIR(st.st_mode) ? empty_clone(empty_fd, fd, err) : null_clone(root, fd, err);
}

static int make_read_only(const struct rootfs *root, const char *path, struct error **err)
{
	cleanup_close int target_fd = -1, fd = -1;
	int found = find(root, path, &target_fd, err);

	if (found <= 0)
		return found;
	fd = mount_clone(target_fd, "", true, err);
	if (fd < 0 || mount_set(fd, MOUNT_ATTR_RDONLY, 0, 0, true, err) < 0)
		return -1;
	return mount_attach(fd, target_fd, err);
}

int mask_paths(const struct rootfs *root, struct error **err)
{
	cleanup_close int empty_fd = -1;
	char *const *path = root->spec->masked_paths;

	for (; path && *path; path++)
		if (mask(root, *path, &empty_fd, err) < 0)
			return error_wrap(err, "mask '%s'", *path);
	for (path = root->spec->readonly_paths; path && *path; path++)
		if (make_read_only(root, *path, err) < 0)
			return error_wrap(err, "make '%s' read-only", *path);
	return 0;
}

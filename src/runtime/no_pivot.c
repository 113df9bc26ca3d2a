/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering a container's root on a host whose own root is the kernel's first file system
 * (initramfs), which pivot_root(2) cannot leave. The container's root is mounted over "/" and
 * entered by chroot(2). What was mounted below the old root would stay in the namespace then, and
 * an unmasked procfs among it would let a user namespace inside mount another one; so all of it is
 * detached first. What is not detached is an error, not a weaker container.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "runtime/rootfs.h"
#include "sys/mount.h"

#define MOUNTINFO_MAX (16UL * 1024 * 1024)
#define PATH_FIELD 4
/* <sys/mount.h> of the C library cannot be had beside <linux/mount.h>. */
#define UMOUNT_FLAGS (2 /* MNT_DETACH */ | 8 /* UMOUNT_NOFOLLOW */)

static char *mount_point(const char *line)
{
	char *path;

	for (int field = 0; line && field < PATH_FIELD; field++) {
		line = strchr(line, ' ');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return NULL;
	path = xstrndup(line, strcspn(line, " "));
	mountinfo_unescape(path);
	return path;
}

/*
 * A name is looked up from the old root, which is still ours: one that is only a mount of the
 * container's is none there (EINVAL, ENOENT). Mounts can be stacked on one name.
 */
static int detach(const char *path, struct error **err)
{
	while (syscall(SYS_umount2, path, UMOUNT_FLAGS) == 0)
		;
	if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return error_sys(err, "detach the host's '%s'", path);
}

static int detach_all(struct error **err)
{
	cleanup_free char *text = NULL;
	char *rest, *line;

	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return -1;
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		cleanup_free char *path = mount_point(line);

		if (path && strcmp(path, "/") != 0 && detach(path, err) < 0)
			return -1;
	}
	return 0;
}

/* A root that hooks found elsewhere moves. */
static int cover_old_root(const struct rootfs *root, struct error **err)
{
	cleanup_close int old_fd = -1;

	if (!root->at_its_path)
		return 0;
	old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old_fd < 0)
		return error_sys(err, "open /");
	return mount_attach(root->root_fd, old_fd, err);
}

int rootfs_enter_by_chroot(struct rootfs *root, struct error **err)
{
	if (root->user_ns) {
		error_new(err, ERROR_UNSUPPORTED, "no pivot_root with a user namespace");
		return error_hint(err, "the host's mounts could not be taken out of its view");
	}
	if (cover_old_root(root, err) < 0 || detach_all(err) < 0)
		return error_wrap(err, "enter the container's root");
	if (fchdir(root->root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return error_sys(err, "enter the container's root");
	return rootfs_propagate(root, err);
}

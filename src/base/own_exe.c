/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own_exe.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/error.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int is_protected(int exe_fd)
{
	struct statvfs fs;
	int seals;

	if (fstatvfs(exe_fd, &fs) == 0 && fs.f_flag & ST_RDONLY)
		return 1;
	seals = fcntl(exe_fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

static int read_only_clone(int exe_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int fd = (int)syscall(
		SYS_open_tree, exe_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return take_fd(&fd);
}

static int sealed_copy(int exe_fd, struct error **err)
{
	cleanup_close int fd = memfd_create("vessel-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;

	if (fd < 0 || fstat(exe_fd, &st) < 0)
		return error_sys(err, "make a copy of the program");
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(fd, exe_fd, NULL, (size_t)left);

		if (n <= 0)
			return error_sys(err, "copy the program");
		left -= n;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return error_sys(err, "seal the copy of the program");
	return take_fd(&fd);
}

int own_exe_protect(char **argv, struct error **err)
{
	cleanup_close int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = -1;

	if (exe_fd < 0)
		return error_sys(err, "open /proc/self/exe");
	if (is_protected(exe_fd))
		return 0;
	fd = read_only_clone(exe_fd);
	if (fd < 0)
		fd = sealed_copy(exe_fd, err);
	if (fd < 0)
		return -1;
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return error_sys(err, "run the protected program");
}

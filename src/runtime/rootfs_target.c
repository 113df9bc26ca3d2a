/* SPDX-License-Identifier: Apache-2.0 */
/* Mount points: found inside the root, and made when missing. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/rootfs.h"
#include "sys/path.h"

#define LINKS_MAX 40 /* as the kernel's own limit */

/* Makes the file at path: its fd, or -2 when a dangling symlink is there and *path its target. */
static int make_file(const struct rootfs *root, char **path, struct error **err)
{
	cleanup_close int parent_fd = -1;
	const char *slash = strrchr(*path, '/');
	const char *name = slash ? slash + 1 : *path;
	cleanup_free char *parent = xstrndup(*path, (size_t)(name - *path));
	char link[4096];
	ssize_t length;
	int fd;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_new(err, ERROR_INVALID, "'%s' does not name a file", *path);
	parent_fd = path_mkdirs_in_root(root->root_fd, parent, 0755, 0, 0, err);
	if (parent_fd < 0)
		return -1;
	fd = openat(parent_fd, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0)
		return fd;
	if (errno != EEXIST)
		return error_sys(err, "make '%s'", *path);
	length = readlinkat(parent_fd, name, link, sizeof(link) - 1);
	if (length < 0)
		return error_sys(err, "make '%s'", *path);
	link[length] = '\0';
	replace_string(path, xasprintf("%s%s", link[0] == '/' ? "" : parent, link));
	return -2;
}

/*
 * Images have /etc/resolv.conf as a symlink to a file that only exists once they run: a file is
 * made where the links lead, inside the root.
 */
static int file_target(const struct rootfs *root, const char *wanted, struct error **err)
{
	cleanup_free char *path = xstrdup(wanted);

	for (int links = 0; links < LINKS_MAX; links++) {
		int fd = path_open_in_root(root->root_fd, path, O_PATH, 0, err);

		if (fd >= 0 || error_errno(*err) != ENOENT)
			return fd;
		error_free(*err);
		*err = NULL;
		fd = make_file(root, &path, err);
		if (fd != -2)
			return fd;
	}
	return error_new(err, ERROR_INVALID, "'%s' has too many symlinks", wanted);
}

static int explain(const char *path, struct error **err)
{
	if (error_errno(*err) == EROFS)
		error_hint(err, "the root is read-only and has no such mount point");
	if (error_errno(*err) == ENOTDIR)
		error_hint(err, "a file is in the way of a directory");
	return error_as(err, ERROR_INVALID, "mount point '%s' in the container", path);
}

int rootfs_target(const struct rootfs *root, const char *path, bool directory, struct error **err)
{
	int fd = directory ? path_mkdirs_in_root(root->root_fd, path, 0755, 0, 0, err)
			   : file_target(root, path, err);

	return fd < 0 ? explain(path, err) : fd;
}

static int make_itself(int parent_fd, const char *name, bool directory, struct error **err)
{
	int fd;

	if (directory && mkdirat(parent_fd, name, 0755) < 0)
		return error_sys(err, "make '%s'", name);
	fd = directory ? openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)
		       : openat(parent_fd, name,
				 O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? error_sys(err, "make '%s'", name) : fd;
}

int rootfs_target_itself(
	const struct rootfs *root, const char *path, bool directory, struct error **err)
{
	const char *name = strrchr(path, '/') + 1; /* path_clean() leaves one slash at least */
	cleanup_free char *parent = xstrndup(path, (size_t)(name - path));
	cleanup_close int parent_fd = path_mkdirs_in_root(root->root_fd, parent, 0755, 0, 0, err);
	int fd;

	if (parent_fd < 0)
		return explain(path, err);
	fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		error_sys(err, "open '%s'", path);
	else if (fd < 0)
		fd = make_itself(parent_fd, name, directory, err);
	return fd < 0 ? explain(path, err) : fd;
}

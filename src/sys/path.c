/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

/*
 * The kernel gives up with EAGAIN when a rename or mount anywhere on the machine raced with a ".."
 * of this look-up. It is a fact about load, not about the path; the ceiling keeps an attacker who
 * renames in a loop from holding us forever.
 */
#define RETRIES_MAX 1024
#define LINKS_MAX 40 /* as the kernel's own limit */

static int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = -1;

	if (flags & O_CREAT) {
		/* A dangling link would make its target, elsewhere in the root than was asked. */
		how.flags |= O_NOFOLLOW;
		how.mode = mode & 07777;
	}
	for (int i = 0; i < RETRIES_MAX; i++) {
		fd = (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}

int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode, struct error **err)
{
	int fd = open_in_root(root_fd, path, flags, mode);

	if (fd >= 0)
		return fd;
	error_sys(err, "open '%s'", path);
	if (error_errno(*err) == ENOSYS)
		error_hint(err, "Linux 5.6 or later is needed (openat2)");
	return -1;
}

/* Gives a directory that was just made in parent_fd its mode and owner, and opens it. */
static int adopt_directory(
	int parent_fd, const char *name, mode_t mode, const uid_t owner[2], struct error **err)
{
	/* Not by name: a name can be another file by now, and the umask was in the way of mode. */
	cleanup_close int fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int path_fd;

	if (fd < 0)
		return error_sys(err, "open new directory '%s'", name);
	/* Root of a user namespace that has no 0 is who made it. */
	if (fchown(fd, owner[0], owner[1]) < 0 &&
		(errno != EINVAL || owner[0] != 0 || owner[1] != 0 || geteuid() == 0))
		return error_sys(err, "set the owner of new directory '%s'", name);
	if (fchmod(fd, mode & 07777) < 0)
		return error_sys(err, "set the mode of new directory '%s'", name);
	path_fd = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return path_fd < 0 ? error_sys(err, "open new directory '%s'", name) : path_fd;
}

/*
 * path[0..length) names nothing although its last component is there: a symlink to what is missing
 * ("/var/run -> /run" in an image without /run). *path becomes the same walk through the link's
 * text, which openat2 will again keep inside the root.
 */
static int follow_dangling_link(
	int parent_fd, const char *name, char **path, size_t length, struct error **err)
{
	size_t parent_length = length - strlen(name);
	char target[4096];
	ssize_t n = readlinkat(parent_fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys(err, "make directory '%.*s'", (int)length, *path);
	target[n] = '\0';
	replace_string(path, xasprintf("%.*s%s%s", target[0] == '/' ? 0 : (int)parent_length, *path,
				     target, *path + length));
	return 0;
}

/* Where one step of path_mkdirs_in_root() left off. */
struct mkdirs {
	int root_fd;
	mode_t mode;
	uid_t owner[2];
	char *path; /* without trailing slashes */
	int links;
};

/*
 * Makes or opens the prefix of length bytes: its fd, -1, or -2 when a dangling link changed path
 * and the walk begins anew.
 */
static int make_prefix(struct mkdirs *walk, size_t length, struct error **err)
{
	cleanup_free char *prefix = xstrndup(walk->path, length), *name = NULL;
	cleanup_close int parent_fd = -1;
	int fd = open_in_root(walk->root_fd, prefix, O_PATH | O_DIRECTORY, 0);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return error_sys(err, "make directory '%s'", prefix);
	parent_fd = path_parent_in_root(walk->root_fd, prefix, &name, err);
	if (parent_fd < 0 || !name)
		return -1;
	if (mkdirat(parent_fd, name, (walk->mode & 0777) | 0700) == 0)
		return adopt_directory(parent_fd, name, walk->mode, walk->owner, err);
	if (errno != EEXIST)
		return error_sys(err, "make directory '%s'", prefix);
	fd = open_in_root(walk->root_fd, prefix, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0) /* another process made it just now */
		return fd;
	if (errno != ENOENT || ++walk->links > LINKS_MAX)
		return error_sys(err, "make directory '%s'", prefix);
	return follow_dangling_link(parent_fd, name, &walk->path, length, err) < 0 ? -1 : -2;
}

static void strip_slashes(char *path)
{
	size_t length = strlen(path);

	while (length > 0 && path[length - 1] == '/')
		path[--length] = '\0';
}

int path_mkdirs_in_root(
	int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid, struct error **err)
{
	struct mkdirs walk = { .root_fd = root_fd, .mode = mode, .owner = { uid, gid } };
	int fd = open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
	size_t at = 0;

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return error_sys(err, "make directory '%s'", path);
	walk.path = xstrdup(path);
	strip_slashes(walk.path);
	for (;;) {
		at += strspn(walk.path + at, "/");
		at += strcspn(walk.path + at, "/");
		fd = make_prefix(&walk, at, err);
		if (fd == -2) {
			at = 0;
			continue;
		}
		if (fd < 0 || !walk.path[at])
			break;
		close_fd(fd);
	}
	free(walk.path);
	return fd;
}

int path_parent_in_root(int root_fd, const char *path, char **ret_name, struct error **err)
{
	cleanup_free char *parent = xstrdup(path), *name = NULL;
	char *slash;
	int fd;

	/* Also because openat(O_NOFOLLOW) does follow a link whose name ends in a slash. */
	strip_slashes(parent);
	slash = strrchr(parent, '/');
	name = xstrdup(slash ? slash + 1 : parent);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_new(err, ERROR_INVALID, "'%s' does not name an entry", path);
	if (slash)
		slash[1] = '\0';
	else
		parent[0] = '\0';
	fd = open_in_root(root_fd, parent, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return error_sys(err, "open the directory of '%s'", path);
	*ret_name = take_ptr(name);
	return fd;
}

int path_stat_in_root(int root_fd, const char *path, struct stat *ret, struct error **err)
{
	cleanup_close int fd = open_in_root(root_fd, path, O_PATH, 0);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "look up '%s'", path);
	*ret = st;
	return 1;
}

/*
 * Opens for reading what path_fd already is, once that is known to be a regular file. Opening by
 * name first and looking afterwards would be too late: a device node can act on being opened
 * (a watchdog arms), and the image chose the node.
 */
static int reopen_regular(int root_fd, int path_fd, const char *path, struct error **err)
{
	cleanup_close int fd = -1;
	char link[64];
	struct stat known, st;

	if (fstat(path_fd, &known) < 0)
		return error_sys(err, "look up '%s'", path);
	if (!S_ISREG(known.st_mode))
		return error_new(err, ERROR_INVALID, "'%s' is not a regular file", path);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* no /proc here, or not ours: by name, and compared */
		fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "open '%s'", path);
	if (st.st_dev != known.st_dev || st.st_ino != known.st_ino)
		return error_new(
			err, ERROR_CONFLICT, "'%s' was replaced while it was opened", path);
	return take_fd(&fd);
}

int path_read_in_root(int root_fd, const char *path, size_t max, char **ret, size_t *ret_length,
	struct error **err)
{
	cleanup_close int path_fd = open_in_root(root_fd, path, O_PATH, 0), fd = -1;
	ssize_t length;

	if (path_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (path_fd < 0)
		return error_sys(err, "open '%s'", path);
	fd = reopen_regular(root_fd, path_fd, path, err);
	if (fd < 0)
		return -1;
	length = file_read_fd(fd, path, max, ret, err);
	if (length < 0)
		return -1;
	if (ret_length)
		*ret_length = (size_t)length;
	return 1;
}

char *path_clean(const char *path)
{
	char *clean = xcalloc(strlen(path) + 2, 1), *out = clean;

	while (*path) {
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (length == 2 && path[0] == '.' && path[1] == '.') {
			while (out > clean && *--out != '/')
				;
		} else if (length > 0 && !(length == 1 && path[0] == '.')) {
			*out++ = '/';
			out = mempcpy(out, path, length);
		}
		path += length;
	}
	if (out == clean)
		*out++ = '/';
	*out = '\0';
	return clean;
}

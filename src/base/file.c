/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

/* Appends one read of at most what is left below max + 1; returns its length. */
static ssize_t read_more(
	int fd, struct buf *buf, size_t chunk, const char *what, struct error **err)
{
	size_t left = buf->ceiling - 1 - buf->length;
	char *room = left > 0 ? buf_reserve(buf, chunk < left ? chunk : left) : NULL;
	ssize_t n;

	if (!room)
		return error_new(
			err, ERROR_INVALID, "%s is larger than %zu bytes", what, buf->ceiling - 2);
	n = TEMP_FAILURE_RETRY(read(fd, room, chunk < left ? chunk : left));
	if (n < 0)
		return error_sys(err, "read %s", what);
	buf->length += (size_t)n;
	buf->data[buf->length] = '\0';
	return n;
}

ssize_t file_read_fd(int fd, const char *what, size_t max, char **ret, struct error **err)
{
	cleanup_buf struct buf buf = BUF_INIT(max + 2);
	struct stat st = { 0 };
	ssize_t length, n;

	if (fstat(fd, &st) < 0)
		return error_sys(err, "stat %s", what);
	do {
		/* Files of /proc have no size: read on until the end says so. */
		size_t chunk = st.st_size > 0 && buf.length == 0 ? (size_t)st.st_size + 1 : 4096;

		n = read_more(fd, &buf, chunk, what, err);
	} while (n > 0);
	if (n < 0)
		return -1;
	length = (ssize_t)buf.length;
	*ret = buf_take(&buf);
	return length;
}

ssize_t file_read_at(int dir_fd, const char *path, size_t max, char **ret, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return error_sys(err, "open %s", path);
	return file_read_fd(fd, path, max, ret, err);
}

int file_write_all(int fd, const void *data, size_t length, const char *what, struct error **err)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(write(fd, at, length));

		if (n < 0)
			return error_sys(err, "write %s", what);
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

int fd_sync(int fd, const char *what, struct error **err)
{
	return fsync(fd) < 0 ? error_sys(err, "sync %s", what) : 0;
}

static int sync_parent(int dir_fd, const char *path, struct error **err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	cleanup_close int fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open %s", parent);
	return fd_sync(fd, parent, err);
}

/* NOLINTNEXTLINE(readability-function-size): one parameter more than most, each a word of the
 * sentence */
/* NOLINTNEXTLINE(readability-function-size): seven words of one sentence */
int file_replace_at(int dir_fd, const char *path, const void *data, size_t length, mode_t mode,
	bool durable, struct error **err)
{
	cleanup_free char *temporary = xasprintf("%s.%d.new", path, (int)getpid());
	cleanup_close int fd = openat(
		dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return error_sys(err, "create %s", temporary);
	if (file_write_all(fd, data, length, path, err) < 0 ||
		(durable && fd_sync(fd, path, err) < 0))
		goto undo;
	if (renameat(dir_fd, temporary, dir_fd, path) < 0) {
		error_sys(err, "rename %s", temporary);
		goto undo;
	}
	return durable ? sync_parent(dir_fd, path, err) : 0;
undo:
	(void)unlinkat(dir_fd, temporary, 0);
	return -1;
}

int file_poke_at(int dir_fd, const char *path, const char *text, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open %s", path);
	if (TEMP_FAILURE_RETRY(write(fd, text, strlen(text))) < 0)
		return error_sys(err, "write '%s' to %s", text, path);
	return 0;
}

int dir_open_at(int dir_fd, const char *path, struct error **err)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, "open %s", path) : fd;
}

int dir_make_at(int dir_fd, const char *path, mode_t mode, struct error **err)
{
	cleanup_free char *prefix = xstrdup(path);
	int fd;

	for (char *slash = prefix; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
		*slash = '\0';
		if (mkdirat(dir_fd, prefix, mode) < 0 && errno != EEXIST)
			return error_sys(err, "make directory %s", prefix);
	}
	if (mkdirat(dir_fd, path, mode) < 0 && errno != EEXIST)
		return error_sys(err, "make directory %s", path);
	fd = openat(dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, "open %s", path) : fd;
}

/*
 * A tree may be deeper than there are fds or stack: an image or a container can make one that would
 * otherwise never go away. So what is too deep is moved to the top, where it is found again.
 */
#define REMOVE_DEPTH_MAX 64

struct removal {
	int top_fd; /* the directory that goes */
	dev_t device;
	unsigned int moved; /* in all; each gave a name */
};

static int move_up(struct removal *removal, int dir_fd, const char *name, struct error **err)
{
	char up[32];

	do {
		(void)snprintf(up, sizeof(up), ".removed-%u", removal->moved++);
		if (renameat(dir_fd, name, removal->top_fd, up) == 0)
			return 0;
	} while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
	return error_sys(err, "remove %s", name);
}

static int remove_children(struct removal *removal, int fd, int depth, struct error **err);

/* NOLINTNEXTLINE(misc-no-recursion): to REMOVE_DEPTH_MAX, one fd a level */
static int remove_entry(
	struct removal *removal, int dir_fd, const char *name, int depth, struct error **err)
{
	struct stat st;
	int fd;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return error_sys(err, "remove %s", name);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "remove %s", name);
	if (st.st_dev != removal->device)
		return error_new(err, ERROR_CONFLICT, "'%s' has something mounted on it", name);
	if (depth >= REMOVE_DEPTH_MAX)
		return move_up(removal, dir_fd, name, err);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "remove %s", name);
	if (remove_children(removal, fd, depth + 1, err) < 0)
		return -1;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, "remove directory %s", name);
	return 0;
}

/* Takes the fd. */
static int remove_children(struct removal *removal, int fd, int depth, struct error **err)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!dir) {
		close_fd(fd);
		return error_sys(err, "read directory");
	}
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = remove_entry(removal, fd, entry->d_name, depth, err);
	closedir(dir);
	return result;
}

static int remove_tree(int top_fd, dev_t device, struct error **err)
{
	struct removal removal = { .top_fd = top_fd, .device = device };
	unsigned int before;

	do { /* again, when something was moved to here */
		int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		before = removal.moved;
		if (fd < 0)
			return error_sys(err, "read directory");
		if (remove_children(&removal, fd, 0, err) < 0)
			return -1;
	} while (removal.moved != before);
	return 0;
}

int tree_remove_at(int dir_fd, const char *path, struct error **err)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "stat %s", path);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(dir_fd, path, 0) < 0 && errno != ENOENT)
			return error_sys(err, "remove '%s'", path);
		return 0;
	}
	fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "remove '%s'", path);
	if (remove_tree(fd, st.st_dev, err) < 0)
		return error_wrap(err, "remove '%s'", path);
	if (unlinkat(dir_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, "remove directory '%s'", path);
	return 0;
}

#define TREE_DEPTH_MAX 512 /* each level holds an fd */

static int64_t entry_size(int dir_fd, const char *name, int depth);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by TREE_DEPTH_MAX */
static int64_t directory_size(int dir_fd, const char *name, int depth)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int64_t size = 0;

	if (!dir) {
		close_fd(fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			size += entry_size(fd, entry->d_name, depth);
	closedir(dir);
	return size;
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static int64_t entry_size(int dir_fd, const char *name, int depth)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return depth < TREE_DEPTH_MAX ? directory_size(dir_fd, name, depth + 1) : 0;
	return st.st_size / (st.st_nlink > 1 ? (int64_t)st.st_nlink : 1);
}

int64_t tree_size_at(int dir_fd, const char *path)
{
	return entry_size(dir_fd, path, 0);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Grown in steps: a directory may have very many. */
static strv read_names(DIR *dir, size_t *ret_count)
{
	size_t count = 0, room = 0;
	const struct dirent *entry;
	strv names = NULL;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (count + 1 >= room) {
			room = room ? 2 * room : 32;
			names = xrealloc(names, room, sizeof(*names));
		}
		names[count++] = xstrdup(entry->d_name);
		names[count] = NULL;
	}
	*ret_count = count;
	return names;
}

int dir_names(int dir_fd, strv *ret, struct error **err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), e;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	cleanup_strv strv names = NULL;
	size_t count = 0;

	if (!dir) {
		error_sys(err, "open a directory");
		close_fd(fd);
		return -1;
	}
	names = read_names(dir, &count);
	e = errno;
	closedir(dir);
	errno = e;
	if (e)
		return error_sys(err, "read a directory");
	if (count > 1)
		qsort(names, count, sizeof(*names), by_bytes);
	*ret = take_ptr(names);
	return 0;
}

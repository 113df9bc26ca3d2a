/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"

#define CHUNK (1024UL * 1024)

struct level { /* one directory; entries are looked at by fds and single names only */
	int from_fd, to_fd, depth;
};

static int copy_directory(const struct level *level, struct error **err);

static int copy_owner(int to_fd, const char *name, const struct stat *st, struct error **err)
{
	if (fchownat(to_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner of '%s'", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to_fd, name, st->st_mode & 07777, 0) < 0)
		return error_sys(err, "set the mode of '%s'", name);
	return 0;
}

static int copy_file(const struct level *level, const char *name, struct error **err)
{
	cleanup_close int in = openat(
		level->from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	cleanup_close int out = -1;
	ssize_t n;

	if (in < 0)
		return error_sys(err, "open '%s'", name);
	out = openat(
		level->to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return error_sys(err, "make '%s'", name);
	do
		n = sendfile(out, in, NULL, CHUNK);
	while (n > 0);
	return n < 0 ? error_sys(err, "copy '%s'", name) : 0;
}

static int copy_link(const struct level *level, const char *name, struct error **err)
{
	char target[4096];
	ssize_t n = readlinkat(level->from_fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys(err, "read link '%s'", name);
	target[n] = '\0';
	if (symlinkat(target, level->to_fd, name) < 0)
		return error_sys(err, "make link '%s'", name);
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): COPY_UP_DEPTH_MAX */
static int copy_below(const struct level *level, const char *name, struct error **err)
{
	struct level below = { .from_fd = -1, .to_fd = -1, .depth = level->depth + 1 };
	int result = -1;

	if (below.depth > COPY_UP_DEPTH_MAX)
		return error_new(err, ERROR_INVALID, "'%s' is too deep", name);
	if (mkdirat(level->to_fd, name, 0700) < 0)
		return error_sys(err, "make directory '%s'", name);
	below.from_fd =
		openat(level->from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	below.to_fd = openat(level->to_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below.from_fd < 0 || below.to_fd < 0)
		error_sys(err, "open directory '%s'", name);
	else
		result = copy_directory(&below, err);
	close_fd(below.from_fd);
	close_fd(below.to_fd);
	return result;
}

/* NOLINTNEXTLINE(misc-no-recursion): COPY_UP_DEPTH_MAX */
static int copy_entry(const struct level *level, const char *name, struct error **err)
{
	struct stat st;
	int result;

	if (fstatat(level->from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at '%s'", name);
	if (S_ISDIR(st.st_mode))
		result = copy_below(level, name, err);
	else if (S_ISREG(st.st_mode))
		result = copy_file(level, name, err);
	else if (S_ISLNK(st.st_mode))
		result = copy_link(level, name, err);
	else
		return 0;
	return result < 0 ? -1 : copy_owner(level->to_fd, name, &st, err);
}

/* NOLINTNEXTLINE(misc-no-recursion): COPY_UP_DEPTH_MAX */
static int copy_directory(const struct level *level, struct error **err)
{
	int fd = openat(level->from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!dir) {
		close_fd(fd);
		return error_sys(err, "read directory");
	}
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = copy_entry(level, entry->d_name, err);
	closedir(dir);
	return result;
}

int copy_up_tree(int from_fd, int to_fd, struct error **err)
{
	struct level top = { .from_fd = from_fd, .to_fd = to_fd };
	struct stat st;

	if (fstat(from_fd, &st) < 0)
		return error_sys(err, "look at a directory");
	if (copy_directory(&top, err) < 0)
		return -1;
	return copy_owner(to_fd, ".", &st, err);
}

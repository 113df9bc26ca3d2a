/* SPDX-License-Identifier: Apache-2.0 */
#include "build/place.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sys/path.h"

#define LINKS_MAX 40 /* as the kernel's own limit */

static bool says_directory(const char *dest)
{
	size_t length = strlen(dest);

	return length == 0 || dest[length - 1] == '/' ||
	       (length > 1 && strcmp(dest + length - 2, "/.") == 0);
}

int place_is_directory(int root_fd, const char *dest, struct error **err)
{
	struct stat st;
	int found;

	if (says_directory(dest))
		return 1;
	found = path_stat_in_root(root_fd, dest, &st, err);
	return found <= 0 ? found : S_ISDIR(st.st_mode);
}

int place_directory(
	int root_fd, const char *dest, const struct place_options *options, struct error **err)
{
	cleanup_close int path_fd = path_mkdirs_in_root(
		root_fd, dest, options->mode, options->owner.uid, options->owner.gid, err);
	int fd;

	if (path_fd < 0)
		return -1;
	fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, "open directory '%s'", dest) : fd;
}

/* dest without its last component, with a slash at the end. */
static char *directory_of(const char *dest)
{
	const char *slash = strrchr(dest, '/');

	return slash ? xstrndup(dest, (size_t)(slash - dest) + 1) : xstrdup("/");
}

/* When the last component is a symlink: *dest becomes what it names. 1, 0 when it is none. */
static int follow_link(int parent_fd, const char *name, char **dest, struct error **err)
{
	cleanup_free char *directory = NULL;
	char target[PATH_MAX + 1];
	ssize_t length = readlinkat(parent_fd, name, target, PATH_MAX);

	if (length < 0)
		return errno == EINVAL || errno == ENOENT
			       ? 0
			       : error_sys(err, "read the link '%s'", *dest);
	target[length] = '\0';
	directory = directory_of(*dest);
	replace_string(dest, xasprintf("%s%s", target[0] == '/' ? "" : directory, target));
	return 1;
}

/* One look at *path: 1 with the directory and the last name, 0 when *path was a link and is now
 * what that names. */
static int place_once(int root_fd, char **path, const struct place_options *options, int *ret_fd,
	char **ret_name, struct error **err)
{
	cleanup_free char *directory = directory_of(*path), *name = NULL;
	cleanup_close int made_fd = place_directory(root_fd, directory, options, err);
	cleanup_close int parent_fd = -1;
	int followed;

	if (made_fd < 0)
		return -1;
	parent_fd = path_parent_in_root(root_fd, *path, &name, err);
	if (parent_fd < 0 || !name)
		return -1;
	followed = follow_link(parent_fd, name, path, err);
	if (followed)
		return followed < 0 ? -1 : 0;
	*ret_name = take_ptr(name);
	*ret_fd = take_fd(&parent_fd);
	return 1;
}

/* dest is no directory: the one around it, made when missing, and the last name. */
static int place_named(int root_fd, const char *dest, const struct place_options *options,
	char **ret_name, struct error **err)
{
	cleanup_free char *path = xstrdup(dest);
	int placed = 0, fd = -1;

	for (int links = 0; links < LINKS_MAX && placed == 0; links++)
		placed = place_once(root_fd, &path, options, &fd, ret_name, err);
	if (placed)
		return placed < 0 ? -1 : fd;
	errno = ELOOP;
	return error_sys(err, "open '%s'", dest);
}

int place_file(int root_fd, const char *dest, const char *base, const struct place_options *options,
	char **ret_name, struct error **err)
{
	int is_directory = place_is_directory(root_fd, dest, err);
	int fd;

	if (is_directory < 0)
		return -1;
	if (!is_directory)
		return place_named(root_fd, dest, options, ret_name, err);
	fd = place_directory(root_fd, dest, options, err);
	if (fd >= 0)
		*ret_name = xstrdup(base);
	return fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/source.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/glob.h"
#include "build/list.h"
#include "sys/path.h"

/* ---- wildcards ---- */

struct expansion {
	const struct source *source;
	char *const *parts; /* of the pattern */
	bool deep; /* a part "**" is any number of directories */
	struct list *found;
};

/* Where a walk is. */
struct level {
	size_t part; /* of the pattern */
	int depth;
	int dir_fd;
	const char *path;
};

static int expand_in(
	const struct expansion *expansion, const struct level *level, struct error **err);

/* Goes into a real directory, with the given part of the pattern. */
static int descend(const struct expansion *expansion, const struct level *level, const char *path,
	size_t part, struct error **err)
{
	cleanup_close int fd = openat(level->dir_fd, strrchr(path, '/') + 1,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct level below = { part, level->depth + 1, fd, path };

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP || errno == ENOENT
			       ? 0
			       : error_sys(err, "open directory '%s'", path);
	if (below.depth > SOURCE_DEPTH_MAX)
		return error_new(err, ERROR_UNSUPPORTED, "'%s' is more than %d directories deep",
			path, SOURCE_DEPTH_MAX);
	return expand_in(expansion, &below, err);
}

/* The name matches its part of the pattern: it is found, or the walk goes down. */
static int expand_match(const struct expansion *expansion, const struct level *level,
	const char *path, struct error **err)
{
	const struct ignore *ignore = expansion->source->ignore;
	struct stat st;

	if (expansion->parts[level->part + 1])
		return descend(expansion, level, path, level->part + 1, err);
	/* An excluded directory may hold what is not: whoever lists it sees. */
	if (ignore && ignore_excludes(ignore, path + 1) &&
		(!ignore->has_negated ||
			fstatat(level->dir_fd, strrchr(path, '/') + 1, &st, AT_SYMLINK_NOFOLLOW) <
				0 ||
			!S_ISDIR(st.st_mode)))
		return 0;
	list_take(expansion->found, xstrdup(path));
	return 0;
}

static int expand_in(
	const struct expansion *expansion, const struct level *level, struct error **err)
{
	const char *part = expansion->parts[level->part];
	bool deep = expansion->deep && strcmp(part, "**") == 0 && expansion->parts[level->part + 1];
	struct level none = *level;
	cleanup_strv strv names = NULL;

	none.part++; /* "**" is also no directory at all */
	if (deep && expand_in(expansion, &none, err) < 0)
		return -1;
	if (dir_names(level->dir_fd, &names, err) < 0)
		return error_wrap(err, "read '%s'", level->path);
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_free char *path = xasprintf(
			"%s/%s", strcmp(level->path, "/") == 0 ? "" : level->path, names[i]);
		int failed = 0;

		if (deep)
			failed = descend(expansion, level, path, level->part, err);
		else if (glob_match(part, names[i]))
			failed = expand_match(expansion, level, path, err);
		if (failed < 0)
			return -1;
	}
	return 0;
}

/* parts[0..n) joined, as a path. */
static char *join_parts(char *const *parts, size_t n)
{
	cleanup_strv strv first = NULL;
	cleanup_free char *joined = NULL;

	for (size_t i = 0; i < n; i++)
		strv_append(&first, parts[i]);
	joined = strv_join(first, "/");
	return xasprintf("/%s", joined);
}

/* Without the backslashes that kept characters from being wildcards. */
static void unescape(char *path)
{
	char *out = path;

	for (; *path; path++) {
		if (*path == '\\' && path[1])
			path++;
		*out++ = *path;
	}
	*out = '\0';
}

int source_expand(
	const struct source *source, const char *pattern, bool deep, strv *ret, struct error **err)
{
	cleanup_free char *clean = path_clean(pattern), *base = NULL;
	cleanup_strv strv parts = strv_split(clean + 1, '/');
	cleanup_list struct list found = { .items = NULL };
	struct expansion expansion = { .source = source, .deep = deep, .found = &found };
	struct level top = { .part = 0 };
	cleanup_close int fd = -1;
	size_t plain = 0;

	if (!glob_has_wildcard(clean)) {
		unescape(clean);
		strv_append(ret, clean);
		return 0;
	}
	if (!glob_is_valid(clean))
		return error_new(err, ERROR_INVALID, "the pattern '%.200s' is not valid", pattern);
	while (!glob_has_wildcard(parts[plain]))
		plain++;
	base = join_parts(parts, plain);
	unescape(base);
	fd = path_open_in_root(source->root_fd, base, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return error_as(err, ERROR_NOT_FOUND, "'%s' in %s", pattern, source->name);
	expansion.parts = parts + plain;
	top.dir_fd = fd;
	top.path = base;
	if (expand_in(&expansion, &top, err) < 0)
		return -1;
	*ret = take_ptr(found.items);
	return 0;
}

/* ---- one path ---- */

/* The name that the kernel has for an fd below root_fd, relative to it. */
static int resolved_name(int root_fd, int fd, char **ret, struct error **err)
{
	char link[64], root[PATH_MAX + 1], path[PATH_MAX + 1];
	ssize_t root_length, length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", root_fd);
	root_length = readlink(link, root, PATH_MAX);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, PATH_MAX);
	if (root_length < 0 || length < 0)
		return error_sys(err, "readlink '%s'", link);
	if (root_length == 1) /* the root is "/" */
		root_length = 0;
	if (length < root_length || memcmp(root, path, (size_t)root_length) != 0)
		return error_new(err, ERROR_CONFLICT, "a directory was moved while it was read");
	path[length] = '\0';
	*ret = xstrdup(path + root_length + strspn(path + root_length, "/"));
	return 0;
}

static int not_found(
	const struct source *source, const char *path, bool excluded, struct error **err)
{
	error_new(err, ERROR_NOT_FOUND, "'%s' is not in %s", path + 1, source->name);
	if (excluded)
		return error_hint(err, ".dockerignore excludes it");
	return error_hint(err, "paths are relative to the root of %s", source->name);
}

int source_open(
	const struct source *source, const char *path, char **ret_resolved, struct error **err)
{
	cleanup_close int fd = -1;
	cleanup_free char *resolved = NULL;
	bool can_exclude = source->ignore && !source->ignore->has_negated;

	if (can_exclude && ignore_excludes(source->ignore, path + 1))
		return not_found(source, path, true, err);
	fd = path_open_in_root(source->root_fd, path, O_PATH, 0, err);
	if (fd < 0 && error_errno(*err) != ENOENT && error_errno(*err) != ENOTDIR)
		return error_wrap(err, "%s", source->name);
	if (fd < 0) {
		error_free(*err);
		*err = NULL;
		return not_found(source, path, false, err);
	}
	if (source->ignore && resolved_name(source->root_fd, fd, &resolved, err) < 0)
		return -1;
	if (resolved && can_exclude && ignore_excludes(source->ignore, resolved))
		return not_found(source, path, true, err);
	*ret_resolved = resolved ? take_ptr(resolved) : xstrdup(path + 1);
	return take_fd(&fd);
}

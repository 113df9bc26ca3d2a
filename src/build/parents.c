/* SPDX-License-Identifier: Apache-2.0 */
#include "build/parents.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sys/path.h"

/* How much of path lies before the kept part: as many components as the pattern has before "/./".
 */
static size_t pivot_length(const char *pattern, const char *path)
{
	const char *pivot = strstr(pattern, "/./");
	cleanup_free char *before = pivot ? xstrndup(pattern, (size_t)(pivot - pattern)) : NULL;
	cleanup_free char *clean = before ? path_clean(before) : NULL;
	const char *at = path;

	if (!clean || strcmp(clean, "/") == 0)
		return 0;
	for (const char *c = clean; *c; c++)
		if (*c == '/')
			at += 1 + strcspn(at + 1, "/");
	return (size_t)(at - path);
}

static void put_entry(struct tree *tree, const char *path, const struct stat *st)
{
	tree->entries[tree->count++] = (struct tree_entry){ .path = xstrdup(path), .st = *st };
}

/* The directories on the way from the pivot to kept ("a/b/c"), which must be real ones. */
static int put_parents(struct tree *tree, const char *kept, struct error **err)
{
	for (const char *slash = strchr(kept, '/'); slash; slash = strchr(slash + 1, '/')) {
		cleanup_free char *path = xstrndup(kept, (size_t)(slash - kept));
		cleanup_close int fd =
			path_open_in_root(tree->fd, path, O_PATH | O_NOFOLLOW, 0, err);
		struct stat st;

		if (fd < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return error_sys(err, "look up '%s'", path);
		if (!S_ISDIR(st.st_mode))
			return error_new(
				err, ERROR_INVALID, "--parents: '%s' is not a directory", path);
		put_entry(tree, path, &st);
	}
	return 0;
}

/* Moves the listed entries over, with the way to them before their names. */
static void graft(struct tree *tree, struct tree *listed, const char *kept)
{
	for (size_t i = *kept ? 0 : 1; i < listed->count; i++) {
		struct tree_entry *from = &listed->entries[i];
		cleanup_free char *path =
			xasprintf("%s%s%s", kept, *kept && *from->path ? "/" : "", from->path);

		put_entry(tree, path, &from->st);
		tree->entries[tree->count - 1].link = take_ptr(from->link);
	}
}

static size_t count_slashes(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

int parents_list(const struct source *source, const char *pattern, const char *path,
	const struct ignore *excludes, struct tree *ret, struct error **err)
{
	cleanup_tree struct tree listed = { .fd = -1 };
	cleanup_tree struct tree made = { .fd = -1, .root_owned = source->root_owned };
	size_t length = pivot_length(pattern, path);
	cleanup_free char *pivot = length ? xstrndup(path, length) : xstrdup("/"), *where = NULL;
	const char *kept = path + length + strspn(path + length, "/");
	struct stat st;

	if (tree_list(source, path, excludes, &listed, err) < 0)
		return -1;
	made.fd = source_open(source, pivot, &where, err);
	if (made.fd < 0)
		return -1;
	if (fstat(made.fd, &st) < 0)
		return error_sys(err, "look up '%s'", pivot);
	made.path = xstrdup(pivot);
	made.entries = xcalloc(listed.count + count_slashes(kept) + 2, sizeof(*made.entries));
	put_entry(&made, "", &st);
	if (put_parents(&made, kept, err) < 0)
		return -1;
	graft(&made, &listed, kept);
	*ret = made;
	made = (struct tree){ .fd = -1 };
	return 0;
}

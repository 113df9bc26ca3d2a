/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes are read off overlay's upper directory, beside the merged view of what is below it:
 *   - a character device 0:0 is a whiteout: deleted;
 *   - what is there and not below was added, else it was changed, were it to the same content;
 *   - a directory is there for what is in it, and counts as changed only when something in it did,
 *     or it did itself;
 *   - an opaque directory hides those below: what they had and it has not was deleted.
 */
#include "engine/diff.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/container.h"
#include "engine/container_files.h"
#include "engine/paths.h"

#define DEPTH_MAX 500 /* directories within each other; each takes two fds */

/* A directory of both sides. */
struct pair {
	int upper_fd, base_fd; /* base_fd is -1 when it is not below, or hidden */
	const char *path; /* "" is the root */
	bool opaque;
	int depth;
};

struct walk {
	char *const *left_out;
	struct changes *changes;
};

void changes_done(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		free(changes->items[i].path);
	free(changes->items);
	*changes = (struct changes){ 0 };
}

static void add(struct changes *changes, char kind, const char *path)
{
	if (changes->count == changes->room) {
		changes->room = changes->room ? 2 * changes->room : 64;
		changes->items = xrealloc(changes->items, changes->room, sizeof(*changes->items));
	}
	changes->items[changes->count++] =
		(struct change){ .kind = kind, .path = xasprintf("/%s", path) };
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* Tars often have whole seconds only, and so has what came out of them. */
static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec &&
	       (a->tv_nsec == b->tv_nsec || a->tv_nsec == 0 || b->tv_nsec == 0);
}

static bool is_same_directory(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       is_same_time(&a->st_mtim, &b->st_mtim);
}

static int open_child(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int walk_directory(struct walk *walk, const struct pair *pair, struct error **err);

/* base is NULL when it is not below. */
static int walk_child(struct walk *walk, const struct pair *parent, const char *name,
	const char *path, const struct stat *base,
	struct error **err) // NOLINT(misc-no-recursion)
{
	cleanup_close int upper_fd = open_child(parent->upper_fd, name), base_fd = -1;
	bool merges = base && S_ISDIR(base->st_mode);
	size_t before = walk->changes->count;
	struct pair pair = { .path = path, .depth = parent->depth + 1 };
	struct stat upper;
	char value = 0;

	if (upper_fd < 0 || fstat(upper_fd, &upper) < 0)
		return 0; /* it went while we looked */
	if (merges)
		base_fd = open_child(parent->base_fd, name);
	pair.base_fd = base_fd;
	pair.upper_fd = upper_fd;
	pair.opaque =
		parent->opaque ||
		(fgetxattr(upper_fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y');
	if (walk_directory(walk, &pair, err) < 0)
		return -1;
	if (!base)
		add(walk->changes, 'A', path);
	else if (!merges || walk->changes->count > before || !is_same_directory(&upper, base))
		add(walk->changes, 'C', path);
	return 0;
}

static int walk_name(struct walk *walk, const struct pair *pair, const char *name,
	struct error **err) // NOLINT(misc-no-recursion)
{
	cleanup_free char *path = xasprintf("%s%s%s", pair->path, *pair->path ? "/" : "", name);
	struct stat upper, base;
	bool is_below;

	if (strv_contains(walk->left_out, path) ||
		fstatat(pair->upper_fd, name, &upper, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	is_below =
		pair->base_fd >= 0 && fstatat(pair->base_fd, name, &base, AT_SYMLINK_NOFOLLOW) == 0;
	if (S_ISDIR(upper.st_mode))
		return walk_child(walk, pair, name, path, is_below ? &base : NULL, err);
	if (!is_whiteout(&upper))
		add(walk->changes, is_below ? 'C' : 'A', path);
	else if (is_below)
		add(walk->changes, 'D', path);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* names are sorted. */
static int add_hidden(
	struct walk *walk, const struct pair *pair, char *const *names, struct error **err)
{
	cleanup_strv strv hidden = NULL;

	if (dir_names(pair->base_fd, &hidden, err) < 0)
		return -1;
	for (char *const *name = hidden; name && *name; name++) {
		cleanup_free char *path = xasprintf("%s/%s", pair->path, *name);

		if (!names ||
			!bsearch(name, names, strv_length(names), sizeof(*names), compare_names))
			add(walk->changes, 'D', path);
	}
	return 0;
}

static int walk_directory(struct walk *walk, const struct pair *pair,
	struct error **err) // NOLINT(misc-no-recursion)
{
	cleanup_strv strv names = NULL;

	if (pair->depth > DEPTH_MAX)
		return error_new(err, ERROR_INVALID,
			"'/%s': more than %d directories within each other", pair->path, DEPTH_MAX);
	if (dir_names(pair->upper_fd, &names, err) < 0)
		return -1;
	if (pair->opaque && pair->base_fd >= 0 && add_hidden(walk, pair, names, err) < 0)
		return -1;
	for (char *const *name = names; name && *name; name++)
		if (walk_name(walk, pair, *name, err) < 0)
			return -1;
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

int changes_find(
	int upper_fd, int base_fd, char *const *left_out, struct changes *ret, struct error **err)
{
	cleanup_changes struct changes changes = { 0 };
	struct walk walk = { .left_out = left_out, .changes = &changes };
	const struct pair root = { .upper_fd = upper_fd, .base_fd = base_fd, .path = "" };

	if (walk_directory(&walk, &root, err) < 0)
		return -1;
	if (changes.count > 1)
		qsort(changes.items, changes.count, sizeof(*changes.items), compare_paths);
	*ret = changes;
	changes = (struct changes){ 0 };
	return 0;
}

int container_diff(struct engine *engine, const char *name, struct changes *ret, struct error **err)
{
	cleanup_close int upper_fd = -1, base_fd = -1;
	cleanup_changes struct changes changes = { 0 };
	cleanup_strv strv left_out = NULL;
	cleanup_record struct record record;
	char id[ID_MAX];

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	upper_fd = container_upper_open(engine, id, err);
	base_fd = upper_fd < 0 ? -1 : container_base_mount(engine, &record, err);
	if (base_fd < 0)
		return -1;
	left_out = container_mount_points(upper_fd, base_fd);
	if (changes_find(upper_fd, base_fd, left_out, &changes, err) < 0 ||
		container_check_there(engine, id, err) < 0)
		return -1;
	*ret = changes;
	changes = (struct changes){ 0 };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/key.h"
#include "build/xattr.h"
#include "sys/path.h"

/* ---- listing ---- */

struct walk {
	const struct source *source;
	const struct ignore *excludes;
	const char *top; /* where the top lies in the source: "a/b", "" for the root */
	struct tree *tree;
	size_t room;
};

/* What both kinds of patterns said of a directory, for what is in it. */
struct verdict {
	bool *ignored, *excluded; /* one per pattern; NULL: no such patterns */
	bool hidden, may_hold; /* not there itself; something in it may be */
	int depth;
};

static void verdict_done_p_(struct verdict *verdict)
{
	free(verdict->ignored);
	free(verdict->excluded);
}
#define cleanup_verdict CLEANUP(verdict_done)

static void judge(const struct ignore *patterns, const char *path, const bool *parent,
	bool **ret_matched, struct verdict *verdict)
{
	if (!patterns || patterns->count == 0)
		return;
	*ret_matched = xcalloc(patterns->count, sizeof(bool));
	if (!ignore_match(patterns, path, parent, *ret_matched))
		return;
	verdict->hidden = true;
	verdict->may_hold &= patterns->has_negated;
}

static void judge_entry(const struct walk *walk, const char *path, const struct verdict *parent,
	struct verdict *ret)
{
	cleanup_free char *whole = xasprintf("%s%s%s", walk->top, *walk->top ? "/" : "", path);

	*ret = (struct verdict){ .may_hold = true, .depth = parent->depth + 1 };
	judge(walk->source->ignore, whole, parent->ignored, &ret->ignored, ret);
	judge(walk->excludes, path, parent->excluded, &ret->excluded, ret);
}

/* For the top, which .dockerignore may have matched by any directory above. */
static void judge_top(const struct walk *walk, struct verdict *ret)
{
	const struct ignore *ignore = walk->source->ignore;
	cleanup_free char *part = xstrdup(walk->top);

	*ret = (struct verdict){ .may_hold = true };
	if (!ignore || ignore->count == 0 || !*part)
		return;
	ret->ignored = xcalloc(ignore->count, sizeof(bool));
	for (char *slash = strchr(part, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		ret->hidden = ignore_match(ignore, part, ret->ignored, ret->ignored);
		if (!slash)
			break;
		*slash = '/';
	}
	ret->may_hold = !ret->hidden || ignore->has_negated;
}

static struct tree_entry *add_entry(struct walk *walk, const char *path, const struct stat *st)
{
	struct tree *tree = walk->tree;

	if (tree->count == walk->room) {
		walk->room = walk->room ? 2 * walk->room : 16;
		tree->entries = xrealloc(tree->entries, walk->room, sizeof(*tree->entries));
	}
	tree->entries[tree->count] = (struct tree_entry){ .path = xstrdup(path), .st = *st };
	return &tree->entries[tree->count++];
}

static void drop_last(struct tree *tree)
{
	struct tree_entry *last = &tree->entries[--tree->count];

	free(last->path);
	free(last->link);
}

static int read_link(int dir_fd, const char *name, struct tree_entry *entry, struct error **err)
{
	char target[PATH_MAX + 1];
	ssize_t length = readlinkat(dir_fd, name, target, PATH_MAX);

	if (length < 0)
		return error_sys(err, "read the link '%s'", entry->path);
	entry->link = xstrndup(target, (size_t)length);
	return 0;
}

static int list_directory(struct walk *walk, int dir_fd, const char *path,
	const struct verdict *verdict, struct error **err);

static int list_subdirectory(struct walk *walk, int dir_fd, const char *path,
	const struct verdict *verdict, struct error **err)
{
	const char *slash = strrchr(path, '/');
	size_t before = walk->tree->count;
	cleanup_close int fd = -1;

	if (!verdict->may_hold) {
		drop_last(walk->tree);
		return 0;
	}
	if (verdict->depth > SOURCE_DEPTH_MAX)
		return error_new(err, ERROR_UNSUPPORTED, "'%s' is more than %d directories deep",
			path, SOURCE_DEPTH_MAX);
	fd = openat(
		dir_fd, slash ? slash + 1 : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "open directory '%s'", path);
	if (list_directory(walk, fd, path, verdict, err) < 0)
		return -1;
	/* Hidden itself, and nothing in it was taken back. */
	if (verdict->hidden && walk->tree->count == before)
		drop_last(walk->tree);
	return 0;
}

/* Pipes of the context are somebody's on this machine; in a stage they were made to be there. */
static bool is_left_out(const struct source *source, const struct stat *st)
{
	return S_ISSOCK(st->st_mode) || (S_ISFIFO(st->st_mode) && source->root_owned);
}

static int list_entry(struct walk *walk, int dir_fd, const char *path, const struct verdict *parent,
	struct error **err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	cleanup_verdict struct verdict verdict = { .depth = 0 };
	struct tree_entry *entry;
	struct stat st;

	judge_entry(walk, path, parent, &verdict);
	if (verdict.hidden && !verdict.may_hold)
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, "look up '%s'", path);
	if (is_left_out(walk->source, &st) || (verdict.hidden && !S_ISDIR(st.st_mode)))
		return 0;
	if (walk->tree->count == TREE_ENTRIES_MAX)
		return error_new(err, ERROR_UNSUPPORTED, "more than %d files", TREE_ENTRIES_MAX);
	entry = add_entry(walk, path, &st);
	if (S_ISLNK(st.st_mode))
		return read_link(dir_fd, name, entry, err);
	if (S_ISDIR(st.st_mode))
		return list_subdirectory(walk, dir_fd, path, &verdict, err);
	return 0;
}

static int list_directory(struct walk *walk, int dir_fd, const char *path,
	const struct verdict *verdict, struct error **err)
{
	cleanup_strv strv names = NULL;

	if (dir_names(dir_fd, &names, err) < 0)
		return error_wrap(err, "read '%s'", path);
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_free char *below = xasprintf("%s%s%s", path, *path ? "/" : "", names[i]);

		if (list_entry(walk, dir_fd, below, verdict, err) < 0)
			return -1;
	}
	return 0;
}

static int list_top(struct walk *walk, struct error **err)
{
	cleanup_verdict struct verdict verdict = { .depth = 0 };
	cleanup_close int fd = -1;
	struct tree *tree = walk->tree;
	struct stat st;
	bool excluded;

	if (fstat(tree->fd, &st) < 0)
		return error_sys(err, "look up '%s'", tree->path);
	if (is_left_out(walk->source, &st))
		return error_new(err, ERROR_NOT_FOUND, "'%s' is a pipe or socket in %s",
			tree->path + 1, walk->source->name);
	judge_top(walk, &verdict);
	add_entry(walk, "", &st);
	if (S_ISDIR(st.st_mode) && verdict.may_hold) {
		fd = openat(tree->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return error_sys(err, "open directory '%s'", tree->path);
		if (list_directory(walk, fd, "", &verdict, err) < 0)
			return -1;
	}
	excluded = verdict.hidden && tree->count == 1;
	if (excluded) {
		error_new(err, ERROR_NOT_FOUND, "'%s' is not in %s", tree->path + 1,
			walk->source->name);
		return error_hint(err, ".dockerignore excludes it");
	}
	return 0;
}

int tree_list(const struct source *source, const char *path, const struct ignore *excludes,
	struct tree *ret, struct error **err)
{
	cleanup_free char *top = NULL;
	cleanup_tree struct tree tree = { .fd = -1, .root_owned = source->root_owned };
	struct walk walk = { .source = source, .excludes = excludes, .tree = &tree };

	tree.path = xstrdup(path);
	tree.fd = source_open(source, path, &top, err);
	if (tree.fd < 0)
		return -1;
	walk.top = top;
	if (list_top(&walk, err) < 0)
		return -1;
	*ret = tree;
	tree = (struct tree){ .fd = -1 };
	return 0;
}

void tree_done(struct tree *tree)
{
	while (tree->count > 0)
		drop_last(tree);
	free(tree->entries);
	free(tree->path);
	close_fd(tree->fd);
	*tree = (struct tree){ .fd = -1 };
}

/* ---- reading ---- */

int tree_open(const struct tree *tree, const struct tree_entry *entry, struct error **err)
{
	cleanup_close int fd = -1;
	char link[64];
	struct stat st;

	/* Rooted at the top: a directory that became a symlink meanwhile leads nowhere else. */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", tree->fd);
	fd = *entry->path ? path_open_in_root(tree->fd, entry->path,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err)
			  : open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return *err ? -1 : error_sys(err, "open '%s'", tree->path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, "look up '%s'", entry->path);
	if (st.st_dev != entry->st.st_dev || st.st_ino != entry->st.st_ino)
		return error_new(err, ERROR_CONFLICT, "'%s%s%s' was replaced while it was read",
			tree->path, *entry->path ? "/" : "", entry->path);
	return take_fd(&fd);
}

#define CHUNK 65536

/* Up to the size that was listed: a file that has grown since is found out when it is copied. */
static int digest_content(
	int fd, const struct tree_entry *entry, struct sha256 *sha, struct error **err)
{
	char chunk[CHUNK];
	off_t total = 0;
	ssize_t n = 1;

	while (n > 0 && (total == 0 || total < entry->st.st_size)) {
		n = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof(chunk)));
		if (n < 0)
			return error_sys(err, "read '%s'", entry->path);
		sha256_update(sha, chunk, (size_t)n);
		total += n;
	}
	return 0;
}

/* One digest for contents and xattrs, so that lengths need no escaping in the outer one. */
static int digest_file(const struct tree *tree, const struct tree_entry *entry, struct sha256 *sha,
	struct error **err)
{
	cleanup_close int fd = tree_open(tree, entry, err);
	struct sha256 inner;
	uint8_t digest[32];

	if (fd < 0)
		return -1;
	sha256_init(&inner);
	if (S_ISREG(entry->st.st_mode) && digest_content(fd, entry, &inner, err) < 0)
		return -1;
	sha256_final(&inner, digest);
	key_bytes(sha, digest, sizeof(digest));
	return xattr_digest(fd, sha, err);
}

int tree_digest(const struct tree *tree, struct sha256 *sha, struct error **err)
{
	for (size_t i = 0; i < tree->count; i++) {
		const struct tree_entry *entry = &tree->entries[i];
		const struct stat *st = &entry->st;
		bool special = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);

		key_text(sha, entry->path);
		key_number(sha, st->st_mode);
		key_number(sha, tree->root_owned ? 0 : st->st_uid);
		key_number(sha, tree->root_owned ? 0 : st->st_gid);
		key_number(sha, special ? st->st_rdev : 0);
		key_text(sha, entry->link ? entry->link : "");
		if ((S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) &&
			digest_file(tree, entry, sha, err) < 0)
			return -1;
	}
	return 0;
}

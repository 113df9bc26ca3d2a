/* SPDX-License-Identifier: Apache-2.0 */
/* From the entries of a listing to a tree: what store/unpack.c does to a directory. */
#include "store/index.h"

#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/erofs_format.h"
#include "store/index_tree.h"
#include "store/xattr.h"
#include "sys/lower.h"

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define NAME_LENGTH_MAX 255
#define MEMORY_MAX (512UL * 1024 * 1024) /* of the tree: millions of files */

struct layer_index {
	struct index_tree tree;
	struct buf pending; /* the beginning of a record */
	const char *unfit;
	/* The directory of the entry before, and its path: most entries stand beside it. */
	struct index_node *parent;
	char *parent_path;
};

struct layer_index *layer_index_new(void)
{
	struct layer_index *index = xcalloc(1, sizeof(*index));

	index->pending = (struct buf)BUF_INIT(LISTING_RECORD_MAX + BUF_LARGE);
	index_tree_init(&index->tree);
	return index;
}

void layer_index_free(struct layer_index *index)
{
	if (!index)
		return;
	index_tree_done(&index->tree);
	buf_done(&index->pending);
	free(index->parent_path);
	free(index);
}

static void set_unfit(struct layer_index *index, const char *why)
{
	if (!index->unfit)
		index->unfit = why;
}

static bool is_whiteout(const struct index_node *node)
{
	return S_ISCHR(node->mode) && node->major == 0 && node->minor == 0;
}

/* What stood for a path may be gone. */
static void remove_name(struct layer_index *index, struct index_name *name)
{
	if (S_ISDIR(name->node->mode)) {
		index->parent = NULL;
		replace_string(&index->parent_path, NULL);
	}
	index_remove(&index->tree, name);
}

/*
 * The directory of a path, made when it is missing. NULL and unfit when something else is in the
 * way: a symlink there would have to be followed, which no ordinary layer asks for.
 */
static struct index_node *find_directory(
	struct layer_index *index, const char *path, size_t length, bool make)
{
	struct index_node *node = index->tree.root;
	const char *end = path + length;

	while (path < end) {
		size_t part = (size_t)(strchrnul(path, '/') - path);
		struct index_name *name;

		if (part > (size_t)(end - path))
			part = (size_t)(end - path);
		name = index_find(&index->tree, node, path, part);
		if (!name && make && part <= NAME_LENGTH_MAX) {
			struct index_node *made = index_node_new(&index->tree, S_IFDIR | 0755);

			index_add(&index->tree, node, path, part, made);
			node = made;
		} else if (name && S_ISDIR(name->node->mode)) {
			node = name->node;
		} else {
			set_unfit(index, "a name leads through what is no directory");
			return NULL;
		}
		path += part + (path[part] == '/');
	}
	return node;
}

static struct index_node *find_parent(struct layer_index *index, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (!index->parent || strlen(index->parent_path) != length ||
		memcmp(index->parent_path, path, length) != 0) {
		index->parent = find_directory(index, path, length, true);
		replace_string(&index->parent_path, xstrndup(path, length));
	}
	return index->parent;
}

/* ---- attributes ---- */

/*
 * The kernel checks capabilities and access lists when they are set, and folds lists into the mode;
 * what only it can judge is left to it.
 */
static bool is_plain_xattr(const char *name, const struct tar_xattr *xattr)
{
	uint32_t magic = 0;

	if (strlen(name) > NAME_LENGTH_MAX || xattr->length > UINT16_MAX ||
		strncmp(name, "system.", 7) == 0)
		return false;
	if (strcmp(name, "security.capability") != 0)
		return strncmp(name, "user.", 5) == 0 && name[5];
	if (xattr->length != 20) /* the second form (capabilities(7)), and no other */
		return false;
	memcpy(&magic, xattr->value, sizeof(magic));
	return (le32toh(magic) & ~1U) == 0x02000000;
}

static void set_xattrs(
	struct layer_index *index, struct index_node *node, const struct listing_entry *entry)
{
	const char *at = entry->xattrs;

	for (uint32_t i = 0; i < entry->head.xattr_count; i++) {
		struct tar_xattr xattr;
		const char *name;
		char *value;

		listing_next_xattr(&at, &name, &xattr);
		if (!xattr_travels(name))
			continue;
		if (!is_plain_xattr(name, &xattr)) {
			set_unfit(index, "an attribute that the kernel must check");
			return;
		}
		value = xcalloc(xattr.length + 1, 1);
		memcpy(value, xattr.value, xattr.length);
		tar_xattrs_put(&node->xattrs, name, value, xattr.length);
		index->tree.memory += strlen(name) + xattr.length + sizeof(xattr);
	}
}

/* In order, apart, within the file, and in whole blocks. */
static bool is_in_blocks(const struct listing_extent *extent, int64_t end, int64_t size)
{
	int64_t its_end;

	if (extent->length < 0 || extent->offset < end || extent->in_tar < 0 ||
		extent->in_tar > INT64_MAX / 2 ||
		__builtin_add_overflow(extent->offset, extent->length, &its_end) || its_end > size)
		return false;
	return extent->in_tar % EROFS_BLOCK == 0 && extent->offset % EROFS_BLOCK == 0 &&
	       (extent->length % EROFS_BLOCK == 0 || its_end == size);
}

/* Joined where they touch, without empty ones. */
static void set_extents(
	struct layer_index *index, struct index_node *node, const struct listing_entry *entry)
{
	size_t room = entry->head.extent_count, count = 0;
	struct listing_extent *extents = xcalloc(room + 1, sizeof(*extents));
	int64_t end = 0;

	for (size_t i = 0; i < room; i++) {
		struct listing_extent extent = listing_extent_at(entry, i);
		struct listing_extent *last = &extents[count > 0 ? count - 1 : 0];

		if (extent.length == 0)
			continue;
		if (!is_in_blocks(&extent, end, entry->head.size)) {
			set_unfit(index, "a file's parts do not stand in whole blocks");
			break;
		}
		end = extent.offset + extent.length;
		if (count > 0 && last->offset + last->length == extent.offset &&
			last->in_tar + last->length == extent.in_tar)
			last->length += extent.length;
		else
			extents[count++] = extent;
	}
	node->extents = extents;
	node->extent_count = count;
	index->tree.memory += (room + 1) * sizeof(*extents);
}

static void set_attributes(
	struct layer_index *index, struct index_node *node, const struct listing_entry *entry)
{
	const struct listing_head *head = &entry->head;

	node->mode = (node->mode & S_IFMT) | head->mode;
	node->uid = head->uid;
	node->gid = head->gid;
	node->mtime = (struct timespec){ head->mtime, head->mtime_ns };
	if (S_ISLNK(node->mode)) {
		node->mode = S_IFLNK | 0777;
		node->target = xstrdup(entry->link);
		node->size = (int64_t)strlen(entry->link);
		if (node->size == 0 || node->size >= TAR_PATH_MAX)
			set_unfit(index, "a symlink to what is no path");
		return;
	}
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
		node->major = head->major;
		node->minor = head->minor;
	}
	if (S_ISREG(node->mode)) {
		node->size = head->size;
		set_extents(index, node, entry);
	}
	if (S_ISREG(node->mode) || S_ISDIR(node->mode))
		set_xattrs(index, node, entry);
}

/* ---- entries ---- */

static void put_whiteout(struct layer_index *index, struct index_node *parent, const char *text)
{
	const char *hidden = text + strlen(WHITEOUT);
	struct index_name *name;

	if (strcmp(text, WHITEOUT_OPAQUE) == 0) {
		parent->opaque = true;
		return;
	}
	if (strncmp(text, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
		return;
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0) {
		set_unfit(index, "a whiteout of nothing");
		return;
	}
	/* It hides what is below this layer, and not what this layer has put there already. */
	name = index_find(&index->tree, parent, hidden, strlen(hidden));
	if (!name)
		index_add(&index->tree, parent, hidden, strlen(hidden),
			index_node_new(&index->tree, S_IFCHR));
	else if (S_ISDIR(name->node->mode))
		name->node->opaque = true;
}

static struct index_name *find_target(struct layer_index *index, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *text = slash ? slash + 1 : path;
	struct index_node *directory =
		find_directory(index, path, slash ? (size_t)(slash - path) : 0, false);
	struct index_name *name =
		directory ? index_find(&index->tree, directory, text, strlen(text)) : NULL;

	if (name && !S_ISDIR(name->node->mode))
		return name;
	set_unfit(index, "a hard link to nothing");
	return NULL;
}

static void put_link(struct layer_index *index, struct index_node *parent, const char *text,
	const struct listing_entry *entry)
{
	struct index_name *target = find_target(index, entry->link);
	struct index_name *old = index_find(&index->tree, parent, text, strlen(text));

	if (!target || (old && old->node == target->node))
		return;
	if (old) {
		remove_name(index, old);
		target = find_target(index, entry->link); /* it may have gone, too */
	}
	if (target)
		index_add(&index->tree, parent, text, strlen(text), target->node);
}

static const mode_t kinds[] = {
	[TAR_FILE] = S_IFREG,
	[TAR_SYMLINK] = S_IFLNK,
	[TAR_CHARACTER] = S_IFCHR,
	[TAR_BLOCK_DEVICE] = S_IFBLK,
	[TAR_DIRECTORY] = S_IFDIR,
	[TAR_FIFO] = S_IFIFO,
};

/* Something new, or a directory that was there. */
static void put_node(struct layer_index *index, struct index_node *parent, const char *text,
	const struct listing_entry *entry)
{
	struct index_name *old = index_find(&index->tree, parent, text, strlen(text));
	mode_t kind = kinds[entry->head.type];
	struct index_node *node;

	if (old && kind == S_IFDIR && S_ISDIR(old->node->mode)) {
		set_attributes(index, old->node, entry);
		return;
	}
	node = index_node_new(&index->tree, kind);
	/* "Gone", said this layer, and now there is a new one: not with the old one's content. */
	node->opaque = old && kind == S_IFDIR && is_whiteout(old->node);
	if (old)
		remove_name(index, old);
	index_add(&index->tree, parent, text, strlen(text), node);
	set_attributes(index, node, entry);
}

static void put_entry(struct layer_index *index, const struct listing_entry *entry)
{
	const struct listing_head *head = &entry->head;
	struct index_node *parent;
	const char *text;

	if (!*entry->path) {
		if (head->type == TAR_DIRECTORY)
			set_attributes(index, index->tree.root, entry);
		else
			set_unfit(index, "a root that is no directory");
		return;
	}
	/* Overlay's mark of a deleted file is never taken from outside. */
	if (head->type == TAR_CHARACTER && head->major == 0 && head->minor == 0)
		return;
	parent = find_parent(index, entry->path);
	if (!parent)
		return;
	text = strrchr(entry->path, '/');
	text = text ? text + 1 : entry->path;
	if (strlen(text) > NAME_LENGTH_MAX)
		set_unfit(index, "a name longer than 255 bytes");
	else if (strncmp(text, WHITEOUT, strlen(WHITEOUT)) == 0)
		put_whiteout(index, parent, text);
	else if (head->type == TAR_HARD_LINK)
		put_link(index, parent, text, entry);
	else
		put_node(index, parent, text, entry);
	if (index->tree.memory > MEMORY_MAX)
		set_unfit(index, "too many entries");
}

int layer_index_feed(struct layer_index *index, const void *data, size_t length, struct error **err)
{
	struct listing_entry entry;
	size_t at = 0;
	ssize_t used;

	if (index->unfit)
		return 0;
	buf_append(&index->pending, data, length);
	if (buf_check(&index->pending, "vessel-unpack's listing", err) < 0)
		return -1;
	while ((used = listing_parse(
			index->pending.data + at, index->pending.length - at, &entry, err)) > 0) {
		at += (size_t)used;
		if (!index->unfit)
			put_entry(index, &entry);
	}
	if (used < 0)
		return -1;
	memmove(index->pending.data, index->pending.data + at, index->pending.length - at);
	index->pending.length -= at;
	return 0;
}

int layer_index_write(struct layer_index *index, int dir_fd, int64_t tar_size, const char **ret_why,
	struct error **err)
{
	cleanup_close int fd = -1;
	int fits;

	*ret_why = index->unfit;
	if (index->unfit)
		return 0;
	if (index->pending.length > 0)
		return error_new(err, ERROR_INTERNAL, "vessel-unpack's listing is cut");
	fd = openat(
		dir_fd, LOWER_INDEX, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, "make a layer's index");
	fits = index_tree_write(&index->tree, fd, tar_size, ret_why, err);
	if (fits > 0)
		return fd_sync(fd, "a layer's index", err) < 0 ? -1 : 1;
	(void)unlinkat(dir_fd, LOWER_INDEX, 0);
	return fits;
}

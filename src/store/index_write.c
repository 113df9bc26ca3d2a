/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree becomes an EROFS image without content (store/erofs_format.h): superblock and device slot,
 * the inodes in the order of a walk with what stands behind them, then blocks of directories and
 * long symlinks.
 *
 * A file that is in one piece, as nearly all are, is a plain one whose first block lies in the tar:
 * 64 bytes. Only a file with holes has chunks, as large as its parts allow.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "store/erofs_format.h"
#include "store/index_tree.h"

#define CHUNKS_MAX (1UL << 20) /* of one file: 4 GiB of holes between pages */
#define XATTRS_MAX (4UL * UINT16_MAX)
#define NODES_AT (EROFS_SUPER_AT + sizeof(struct erofs_super) + sizeof(struct erofs_device))

static_assert((EROFS_SUPER_AT + sizeof(struct erofs_super)) % EROFS_DEVICE_SLOT == 0, "a slot");
static_assert(NODES_AT % EROFS_NODE_SLOT == 0, "a slot");

struct layout {
	struct index_tree *tree;
	uint64_t end; /* of what stands behind the inodes */
	uint64_t nodes, blocks; /* counts; blocks of directories and symlinks */
	uint32_t base; /* the first of these blocks */
	uint32_t tar_base; /* number of the tar's first block */
	int64_t tar_blocks;
	bool has_chunks;
	const char *unfit;
	uint8_t *image;
};

static uint64_t align(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* ---- directories ---- */

static int compare_names(const void *a, const void *b)
{
	const struct index_name *x = *(struct index_name *const *)a;
	const struct index_name *y = *(struct index_name *const *)b;

	return strcmp(x->text, y->text); /* by unsigned bytes, as the kernel looks them up */
}

/* "." and ".." have their places among the others, as "-" and "+" come before them. */
static struct index_name *dot_entry(struct index_node *node, const char *text)
{
	size_t length = strlen(text);
	struct index_name *name = xcalloc(1, sizeof(*name) + length + 1);

	name->node = node;
	name->length = length;
	memcpy(name->text, text, length);
	return name;
}

static void sort_children(struct index_node *node)
{
	size_t count = 0;

	node->sorted = xcalloc(node->child_count + 2, sizeof(struct index_name *));
	node->sorted[count++] = dot_entry(node, ".");
	node->sorted[count++] = dot_entry(node->parent, "..");
	for (struct index_name *name = node->children; name; name = name->next)
		node->sorted[count++] = name;
	qsort((void *)node->sorted, count, sizeof(struct index_name *), compare_names);
}

static void unsort_children(struct index_node *node)
{
	for (size_t i = 0; node->sorted && i < node->child_count + 2; i++)
		if (!node->sorted[i]->directory) /* a dot */
			free(node->sorted[i]);
	free((void *)node->sorted);
	node->sorted = NULL;
}

/* Where the block that begins with entry from ends, and how much of it is used. */
static size_t fill_block(const struct index_node *node, size_t from, size_t *ret_used)
{
	size_t used = 0, count = node->child_count + 2;

	while (from < count) {
		size_t more = sizeof(struct erofs_entry) + node->sorted[from]->length;

		if (used + more > EROFS_BLOCK)
			break;
		used += more;
		from++;
	}
	*ret_used = used;
	return from;
}

static uint8_t entry_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return EROFS_TYPE_FILE;
	case S_IFDIR:
		return EROFS_TYPE_DIRECTORY;
	case S_IFCHR:
		return EROFS_TYPE_CHARACTER;
	case S_IFBLK:
		return EROFS_TYPE_BLOCK;
	case S_IFIFO:
		return EROFS_TYPE_FIFO;
	default:
		return EROFS_TYPE_SYMLINK;
	}
}

/* ---- attributes ---- */

static const struct {
	const char *prefix;
	uint8_t index;
} xattr_kinds[] = {
	{ "user.", EROFS_XATTR_USER },
	{ "trusted.", EROFS_XATTR_TRUSTED },
	{ "security.", EROFS_XATTR_SECURITY },
};

static size_t xattr_kind(const char *name)
{
	size_t kind = 0;

	/* Others are not in the tree. */
	while (strncmp(name, xattr_kinds[kind].prefix, strlen(xattr_kinds[kind].prefix)) != 0)
		kind++;
	return kind;
}

static size_t put_xattr(const struct tar_xattr *from, uint8_t *to)
{
	size_t kind = xattr_kind(from->name);
	const char *name = from->name + strlen(xattr_kinds[kind].prefix);
	struct erofs_xattr xattr = { .name_length = (uint8_t)strlen(name),
		.prefix = xattr_kinds[kind].index,
		.value_length = htole16((uint16_t)from->length) };
	size_t length = sizeof(xattr) + xattr.name_length + from->length;

	if (to) {
		memcpy(to, &xattr, sizeof(xattr));
		memcpy(to + sizeof(xattr), name, xattr.name_length);
		memcpy(to + sizeof(xattr) + xattr.name_length, from->value, from->length);
	}
	return align(length, 4);
}

/* With to NULL only measures. */
static size_t put_xattrs(const struct index_node *node, uint8_t *to)
{
	static char name[] = "trusted.overlay.opaque", value[] = "y";
	static const struct tar_xattr opaque = { name, value, 1 };
	size_t length = sizeof(struct erofs_xattr_head);

	if (node->xattrs.count == 0 && !node->opaque)
		return 0;
	for (size_t i = 0; i < node->xattrs.count; i++)
		length += put_xattr(&node->xattrs.items[i], to ? to + length : NULL);
	if (node->opaque)
		length += put_xattr(&opaque, to ? to + length : NULL);
	return length;
}

/* ---- layout ---- */

static void place_node(struct layout *layout, struct index_node *node, size_t behind)
{
	size_t head = sizeof(struct erofs_node) + node->xattr_size;

	node->at = align(layout->end, EROFS_NODE_SLOT);
	/* What is inline must not cross a block's border, nor be cut off from its inode by one. */
	while (node->layout == EROFS_INLINE &&
		((node->at + head - 1) % EROFS_BLOCK) + 1 + behind > EROFS_BLOCK)
		node->at += EROFS_NODE_SLOT;
	layout->end = node->at + head;
	if (node->layout == EROFS_CHUNKS)
		layout->end = align(layout->end, sizeof(struct erofs_chunk));
	layout->end += behind;
	node->block = (uint32_t)layout->blocks;
	layout->blocks += node->blocks;
	layout->nodes++;
	if (layout->end + layout->blocks * EROFS_BLOCK > INDEX_MAX)
		layout->unfit = "its index would be too large";
}

/* Whether as much can stand behind the inode in its block, wherever that is put. */
static bool fits_inline(const struct index_node *node, size_t length)
{
	size_t least = node->xattr_size % EROFS_NODE_SLOT;

	return length < EROFS_BLOCK && (least ? least : EROFS_NODE_SLOT) + length <= EROFS_BLOCK;
}

static void place_directory(struct layout *layout, struct index_node *node)
{
	size_t from = 0, used = 0, blocks = 0;

	sort_children(node);
	while (from < node->child_count + 2) {
		from = fill_block(node, from, &used);
		blocks++;
	}
	node->size = (int64_t)((blocks - 1) * EROFS_BLOCK + used);
	node->layout = fits_inline(node, used) ? EROFS_INLINE : EROFS_PLAIN;
	node->blocks = (uint32_t)(blocks - (node->layout == EROFS_INLINE));
	place_node(layout, node, node->layout == EROFS_INLINE ? used : 0);
}

static void place_symlink(struct layout *layout, struct index_node *node)
{
	size_t length = (size_t)node->size;

	node->layout = fits_inline(node, length) ? EROFS_INLINE : EROFS_PLAIN;
	if (node->layout == EROFS_PLAIN)
		node->blocks = (uint32_t)(align(length, EROFS_BLOCK) >> EROFS_BLOCK_BITS);
	place_node(layout, node, node->layout == EROFS_INLINE ? length : 0);
}

/* The largest size of chunk of which none is cut by the border of data and hole. */
static unsigned int chunk_bits(const struct index_node *node)
{
	uint64_t borders = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < node->extent_count; i++) {
		const struct listing_extent *extent = &node->extents[i];

		borders |= (uint64_t)extent->offset;
		if (extent->offset + extent->length < node->size)
			borders |= (uint64_t)(extent->offset + extent->length);
	}
	while (bits < EROFS_CHUNK_BITS_MAX &&
		(borders >> EROFS_BLOCK_BITS & ((2ULL << bits) - 1)) == 0 &&
		(uint64_t)node->size > 1ULL << (EROFS_BLOCK_BITS + bits))
		bits++;
	return bits;
}

static void place_file(struct layout *layout, struct index_node *node)
{
	uint64_t count, chunk;

	for (size_t i = 0; i < node->extent_count; i++) {
		uint64_t end = (uint64_t)(node->extents[i].in_tar + node->extents[i].length);

		if (align(end, EROFS_BLOCK) > (uint64_t)layout->tar_blocks << EROFS_BLOCK_BITS)
			layout->unfit = "a file's content is not in the tar";
	}
	if (node->size == 0 || (node->extent_count == 1 && node->extents[0].length == node->size)) {
		node->layout = EROFS_PLAIN;
		place_node(layout, node, 0);
		return;
	}
	node->layout = EROFS_CHUNKS;
	node->chunk_bits = chunk_bits(node);
	layout->has_chunks = true;
	chunk = 1ULL << (EROFS_BLOCK_BITS + node->chunk_bits);
	count = ((uint64_t)node->size - 1) / chunk + 1;
	if (count > CHUNKS_MAX)
		layout->unfit = "a file with too many holes";
	else
		place_node(layout, node, count * sizeof(struct erofs_chunk));
}

static void place_one(struct layout *layout, struct index_node *node)
{
	node->xattr_size = put_xattrs(node, NULL);
	if (node->xattr_size > XATTRS_MAX)
		layout->unfit = "a file with too many attributes";
	if (S_ISDIR(node->mode)) {
		place_directory(layout, node);
	} else if (S_ISLNK(node->mode)) {
		place_symlink(layout, node);
	} else if (S_ISREG(node->mode)) {
		place_file(layout, node);
	} else {
		node->layout = EROFS_PLAIN;
		place_node(layout, node, 0);
	}
}

/* A directory's own files stand together, then come its directories, each with what it holds. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as names are long
static void walk(struct layout *layout, struct index_node *directory,
	void (*each)(struct layout *layout, struct index_node *node, bool first))
{
	size_t count = directory->child_count + 2;

	for (size_t i = 0; i < count && !layout->unfit; i++) {
		struct index_node *node = directory->sorted[i]->node;

		if (!S_ISDIR(node->mode))
			each(layout, node, node->at == 0);
	}
	for (size_t i = 0; i < count && !layout->unfit; i++) {
		const struct index_name *name = directory->sorted[i];

		if (!S_ISDIR(name->node->mode) || !name->directory)
			continue;
		each(layout, name->node, true);
		if (name->node->sorted)
			walk(layout, name->node, each);
	}
}

static void place_once(struct layout *layout, struct index_node *node, bool first)
{
	if (first) /* hard links come again */
		place_one(layout, node);
}

/* ---- writing ---- */

static uint64_t nid_of(const struct index_node *node)
{
	return node->at / EROFS_NODE_SLOT;
}

static void write_block(const struct index_node *node, size_t from, size_t to, uint8_t *block)
{
	size_t at = (to - from) * sizeof(struct erofs_entry);

	for (size_t i = from; i < to; i++) {
		const struct index_name *name = node->sorted[i];
		struct erofs_entry entry = { .nid = htole64(nid_of(name->node)),
			.name_at = htole16((uint16_t)at),
			.type = entry_type(name->node->mode) };

		memcpy(block + (i - from) * sizeof(entry), &entry, sizeof(entry));
		memcpy(block + at, name->text, name->length);
		at += name->length;
	}
}

static uint8_t *block_at(const struct layout *layout, const struct index_node *node, size_t i)
{
	return layout->image + ((uint64_t)layout->base + node->block + i) * EROFS_BLOCK;
}

static void write_directory(struct layout *layout, const struct index_node *node, uint8_t *behind)
{
	size_t from = 0, used, count = node->child_count + 2;

	for (size_t i = 0; from < count; i++) {
		size_t to = fill_block(node, from, &used);

		write_block(node, from, to, i < node->blocks ? block_at(layout, node, i) : behind);
		from = to;
	}
}

static void write_chunks(const struct index_node *node, uint8_t *to)
{
	uint64_t chunk = 1ULL << (EROFS_BLOCK_BITS + node->chunk_bits);
	const struct listing_extent *extent = node->extents, *last = extent + node->extent_count;

	for (uint64_t at = 0; at < (uint64_t)node->size; at += chunk) {
		struct erofs_chunk place = { .place = htole32(EROFS_HOLE) };

		while (extent < last && (uint64_t)(extent->offset + extent->length) <= at)
			extent++;
		if (extent < last && (uint64_t)extent->offset <= at) {
			uint64_t in_tar = (uint64_t)extent->in_tar + at - (uint64_t)extent->offset;

			place.place = htole32((uint32_t)(in_tar >> EROFS_BLOCK_BITS));
			place.device = htole16(1);
		}
		memcpy(to, &place, sizeof(place));
		to += sizeof(place);
	}
}

static uint32_t node_place(const struct layout *layout, const struct index_node *node)
{
	unsigned int minor = node->minor;

	if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) /* the kernel's dev_t of 32 bits */
		return (minor & 0xff) | node->major << 8 | (minor & ~0xffU) << 12;
	if (node->layout == EROFS_CHUNKS)
		return EROFS_CHUNK_PLACES | node->chunk_bits;
	if (S_ISREG(node->mode) && node->size > 0)
		return layout->tar_base + (uint32_t)(node->extents[0].in_tar >> EROFS_BLOCK_BITS);
	return node->blocks > 0 ? layout->base + node->block : 0;
}

static void write_node(struct layout *layout, struct index_node *node, bool first)
{
	uint8_t *to = layout->image + node->at, *behind = to + sizeof(struct erofs_node);
	struct erofs_node inode = { .format = htole16((uint16_t)(node->layout << 1 | 1)),
		.mode = htole16((uint16_t)node->mode),
		.size = htole64((uint64_t)node->size),
		.place = htole32(node_place(layout, node)),
		.ino = htole32((uint32_t)nid_of(node)),
		.uid = htole32(node->uid),
		.gid = htole32(node->gid),
		.mtime = (int64_t)htole64((uint64_t)node->mtime.tv_sec),
		.mtime_ns = htole32((uint32_t)node->mtime.tv_nsec) };

	(void)first; /* again is the same */
	inode.links =
		htole32(S_ISDIR(node->mode) ? (uint32_t)node->directory_count + 2 : node->links);
	if (node->xattr_size > 0)
		inode.xattr_units = htole16(
			(uint16_t)((node->xattr_size - sizeof(struct erofs_xattr_head)) / 4 + 1));
	memcpy(to, &inode, sizeof(inode));
	(void)put_xattrs(node, node->xattr_size > 0 ? behind : NULL);
	behind += node->xattr_size;
	if (S_ISDIR(node->mode))
		write_directory(layout, node, behind);
	else if (S_ISLNK(node->mode))
		memcpy(node->blocks > 0 ? block_at(layout, node, 0) : behind, node->target,
			(size_t)node->size);
	else if (node->layout == EROFS_CHUNKS)
		write_chunks(node, layout->image + align((uint64_t)(behind - layout->image),
							   sizeof(struct erofs_chunk)));
}

static void write_super(struct layout *layout)
{
	struct erofs_device device = { .blocks = htole32((uint32_t)layout->tar_blocks),
		.mapped_block = htole32(layout->tar_base) };
	struct erofs_super super = { .magic = htole32(EROFS_MAGIC),
		.compatible = htole32(EROFS_COMPATIBLE_MTIME),
		.block_bits = EROFS_BLOCK_BITS,
		.root_nid = htole16((uint16_t)nid_of(layout->tree->root)),
		.nodes = htole64(layout->nodes),
		.build_time = htole64((uint64_t)layout->tree->now),
		.blocks = htole32(layout->tar_base),
		.incompatible = htole32(
			EROFS_NEEDS_DEVICES | (layout->has_chunks ? EROFS_NEEDS_CHUNKS : 0)),
		.devices = htole16(1),
		.device_slot = htole16(
			(EROFS_SUPER_AT + sizeof(struct erofs_super)) / EROFS_DEVICE_SLOT) };

	/* By this and a node's number overlay knows again what a changed file was. */
	random_bytes(super.uuid, sizeof(super.uuid));
	memcpy(layout->image + EROFS_SUPER_AT, &super, sizeof(super));
	memcpy(layout->image + EROFS_SUPER_AT + sizeof(super), &device, sizeof(device));
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as names are long
static void unsort_all(struct index_node *node)
{
	unsort_children(node);
	for (struct index_name *name = node->children; name; name = name->next)
		if (S_ISDIR(name->node->mode))
			unsort_all(name->node);
}

static int write_image(struct layout *layout, int fd, struct error **err)
{
	size_t length = (size_t)layout->tar_base * EROFS_BLOCK;
	int result;

	layout->image = xcalloc(length, 1);
	write_super(layout);
	write_node(layout, layout->tree->root, true);
	walk(layout, layout->tree->root, write_node);
	index_seal(layout->image, length);
	result = file_write_all(fd, layout->image, length, "a layer's index", err);
	free(layout->image);
	return result;
}

int index_tree_write(
	struct index_tree *tree, int fd, int64_t tar_size, const char **ret_why, struct error **err)
{
	struct layout layout = {
		.tree = tree, .end = NODES_AT, .tar_blocks = tar_size >> EROFS_BLOCK_BITS
	};
	int result = 0;

	place_one(&layout, tree->root);
	walk(&layout, tree->root, place_once);
	layout.base = (uint32_t)(align(layout.end, EROFS_BLOCK) >> EROFS_BLOCK_BITS);
	layout.tar_base = layout.base + (uint32_t)layout.blocks;
	if ((uint64_t)layout.tar_base + (uint64_t)layout.tar_blocks >= EROFS_HOLE)
		layout.unfit = "its tar is too long";
	if (!layout.unfit)
		result = write_image(&layout, fd, err) < 0 ? -1 : 1;
	unsort_all(tree->root);
	*ret_why = layout.unfit;
	return result;
}

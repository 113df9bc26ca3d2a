/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vessel-unpack may say of an archive, true or not: after a first byte that is odd, the bytes
 * are an archive, listed as the helper does it; else they are the listing. Whatever comes, the
 * index that is written, which the kernel is going to read, is in order.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "store/codec.h"
#include "store/erofs_format.h"
#include "store/index.h"
#include "store/listing.h"
#include "store/stream.h"
#include "store/unpack.h"
#include "sys/lower.h"

#define TAR_SIZE (1L << 20)
#define DEPTH_MAX 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
	const uint8_t *data;
	size_t length;
	uint64_t tar_base, blocks;
};

static void need(int holds)
{
	if (!holds)
		abort();
}

static const uint8_t *bytes_at(const struct image *image, uint64_t at, size_t length)
{
	need(at <= image->length && length <= image->length - at);
	return image->data + at;
}

static struct erofs_node node_at(const struct image *image, uint64_t nid, uint64_t *ret_behind)
{
	struct erofs_node node;

	memcpy(&node, bytes_at(image, nid * EROFS_NODE_SLOT, sizeof(node)), sizeof(node));
	*ret_behind = nid * EROFS_NODE_SLOT + sizeof(node);
	if (node.xattr_units)
		*ret_behind += sizeof(struct erofs_xattr_head) + 4 * (node.xattr_units - 1UL);
	bytes_at(image, *ret_behind, 0);
	return node;
}

static void check_node(const struct image *image, uint64_t nid, int depth);

/* Names go up from block to block, and each leads to a node. */
// NOLINTNEXTLINE(misc-no-recursion)
static void check_block(const struct image *image, const uint8_t *block, size_t length,
	char last[static 257], int depth)
{
	struct erofs_entry entry, next;
	size_t count;

	need(length >= sizeof(entry) && length <= EROFS_BLOCK);
	memcpy(&entry, block, sizeof(entry));
	count = entry.name_at / sizeof(entry);
	need(count > 0 && count * sizeof(entry) == entry.name_at);
	for (size_t i = 0; i < count; i++) {
		char name[257] = "";
		size_t end = length;

		memcpy(&entry, block + i * sizeof(entry), sizeof(entry));
		memcpy(&next, block + (i + 1) * sizeof(next), i + 1 < count ? sizeof(next) : 0);
		if (i + 1 < count)
			end = next.name_at;
		need(entry.name_at < end && end <= length && end - entry.name_at <= 255);
		memcpy(name, block + entry.name_at, end - entry.name_at);
		need(strcmp(last, name) < 0 && !strchr(name, '/'));
		memcpy(last, name, sizeof(name));
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			check_node(image, entry.nid, depth + 1);
	}
}

// NOLINTNEXTLINE(misc-no-recursion)
static void check_directory(
	const struct image *image, const struct erofs_node *node, uint64_t behind, int depth)
{
	uint64_t blocks = (node->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
	char last[257] = "";

	for (uint64_t i = 0; i < blocks; i++) {
		size_t length = i + 1 < blocks ? EROFS_BLOCK : node->size - i * EROFS_BLOCK;
		bool is_inline = i + 1 == blocks && node->format >> 1 == EROFS_INLINE;
		uint64_t at = is_inline ? behind : (node->place + i) * EROFS_BLOCK;

		need(!is_inline || behind / EROFS_BLOCK == (behind + length - 1) / EROFS_BLOCK);
		check_block(image, bytes_at(image, at, length), length, last, depth);
	}
}

static void check_file(const struct image *image, const struct erofs_node *node, uint64_t behind)
{
	uint64_t blocks = (node->size + EROFS_BLOCK - 1) / EROFS_BLOCK;

	if (node->format >> 1 == EROFS_CHUNKS) {
		uint64_t bits = EROFS_BLOCK_BITS + (node->place & EROFS_CHUNK_BITS_MAX);
		uint64_t count = ((node->size - 1) >> bits) + 1;

		bytes_at(image, (behind + 7) & ~7UL, count * sizeof(struct erofs_chunk));
	} else if (node->size > 0) {
		need(node->place >= image->tar_base);
		need(node->place + blocks <= image->tar_base + image->blocks);
	}
}

// NOLINTNEXTLINE(misc-no-recursion)
static void check_node(const struct image *image, uint64_t nid, int depth)
{
	uint64_t behind;
	struct erofs_node node = node_at(image, nid, &behind);

	need(depth < DEPTH_MAX && (node.format & 1) && node.links > 0);
	if ((node.mode & 0170000) == 0040000)
		check_directory(image, &node, behind, depth);
	else if ((node.mode & 0170000) == 0100000)
		check_file(image, &node, behind);
	else if ((node.mode & 0170000) == 0120000)
		bytes_at(image,
			node.format >> 1 == EROFS_INLINE ? behind
							 : (uint64_t)node.place * EROFS_BLOCK,
			node.size);
}

static void check_image(int dir_fd)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *data = NULL;
	ssize_t length = file_read_at(dir_fd, LOWER_INDEX, 1UL << 30, &data, &err);
	struct image image = { .data = (const uint8_t *)data, .length = (size_t)length };
	struct erofs_super super;

	need(length > 0 && length % EROFS_BLOCK == 0);
	memcpy(&super, bytes_at(&image, EROFS_SUPER_AT, sizeof(super)), sizeof(super));
	image.tar_base = super.blocks;
	image.blocks = TAR_SIZE / EROFS_BLOCK;
	check_node(&image, super.root_nid, 0);
}

static int feed(void *arg, const void *data, size_t length, struct error **err)
{
	return layer_index_feed(arg, data, length, err);
}

static void list_archive(
	struct layer_index *index, const uint8_t *data, size_t size, struct error **err)
{
	cleanup_close int fd = memfd_create("archive", MFD_CLOEXEC);
	const struct stream_options options = {
		.fd = fd, .copy_fd = -1, .codecs = codecs_common, .limit = TAR_SIZE
	};
	const struct listing_options listing = { .limit = TAR_SIZE, .sink = feed, .arg = index };
	cleanup_stream struct stream *stream = NULL;
	struct unpack_result result;

	if (pwrite(fd, data, size, 0) != (ssize_t)size || stream_open(&options, &stream, err) < 0)
		return;
	(void)listing_stream(stream, &listing, &result, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dir_fd = -1;
	cleanup_layer_index struct layer_index *index = layer_index_new();
	cleanup_error struct error *err = NULL;
	char dir[] = "/tmp/vessel-fuzz.XXXXXX";
	const char *why;

	if (dir_fd < 0)
		dir_fd = open(mkdtemp(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (size == 0)
		return 0;
	if (*data & 1)
		list_archive(index, data + 1, size - 1, &err);
	else
		(void)layer_index_feed(index, data + 1, size - 1, &err);
	if (!err && layer_index_write(index, dir_fd, TAR_SIZE, &why, &err) == 1) {
		check_image(dir_fd);
		(void)unlinkat(dir_fd, LOWER_INDEX, 0);
	}
	return 0;
}

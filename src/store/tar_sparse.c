/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sparse files, which GNU tar writes in four ways: a map in the header and the blocks after it (old
 * GNU), in pax records (0.0 and 0.1), or as text before the data (1.0).
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/tar_reader.h"

#define SLOT 24 /* two numbers of twelve bytes */
#define HEADER_MAP 386 /* four slots, then a flag that more blocks follow, then the real size */
#define HEADER_EXTENDED 482
#define HEADER_REALSIZE 483
#define BLOCK_SLOTS 21
#define BLOCK_EXTENDED 504

static int add(struct tar_reader *reader, const struct tar_extent *extent, struct error **err)
{
	return tar_extents_add(&reader->extents, &reader->extent_count, extent, err);
}

static int read_slots(
	struct tar_reader *reader, const char *slots, size_t count, struct error **err)
{
	for (size_t i = 0; i < count && slots[i * SLOT] != '\0'; i++) {
		struct tar_extent extent = { 0 };

		if (tar_number_parse(slots + i * SLOT, 12, "a sparse offset", &extent.offset, err) <
				0 ||
			tar_number_parse(slots + i * SLOT + 12, 12, "a sparse length",
				&extent.length, err) < 0 ||
			add(reader, &extent, err) < 0)
			return -1;
	}
	return 0;
}

static int read_old_map(
	struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	const char *raw = (const char *)header;
	bool extended = raw[HEADER_EXTENDED] != '\0';

	if (tar_number_parse(raw + HEADER_REALSIZE, 12, "the sparse file's size",
		    &reader->entry.size, err) < 0 ||
		read_slots(reader, raw + HEADER_MAP, 4, err) < 0)
		return -1;
	while (extended) {
		cleanup_buf struct buf block = BUF_INIT(2UL * TAR_BLOCK);

		if (++reader->headers > TAR_HEADERS_MAX)
			return error_new(err, ERROR_INVALID, "too many headers");
		if (tar_read_bytes(reader, TAR_BLOCK, &block, err) < 0 ||
			read_slots(reader, block.data, BLOCK_SLOTS, err) < 0)
			return -1;
		extended = block.data[BLOCK_EXTENDED] != '\0';
	}
	return 0;
}

static int invalid_map(struct error **err)
{
	return error_new(err, ERROR_INVALID, "broken sparse map");
}

/* One decimal line of the text before the data; reads further blocks as they are needed. */
static int next_number(
	struct tar_reader *reader, struct buf *map, size_t *at, int64_t *ret, struct error **err)
{
	const char *line, *end;

	while (!map->data || !memchr(map->data + *at, '\n', map->length - *at)) {
		if (reader->left < TAR_BLOCK || map->length - *at >= TAR_BLOCK)
			return invalid_map(err);
		if (tar_read_bytes(reader, TAR_BLOCK, map, err) < 0)
			return -1;
		reader->left -= TAR_BLOCK;
	}
	line = map->data + *at;
	end = memchr(line, '\n', map->length - *at);
	*at += (size_t)(end - line) + 1;
	return tar_decimal_parse(line, (size_t)(end - line), "a number of a sparse map", ret, err);
}

static int read_text_map(struct tar_reader *reader, struct error **err)
{
	/* Each extent is two lines of at most 20 bytes. */
	cleanup_buf struct buf map = BUF_INIT(TAR_EXTENTS_MAX * 42UL + TAR_BLOCK);
	int64_t count = 0;
	size_t at = 0;

	if (next_number(reader, &map, &at, &count, err) < 0)
		return -1;
	for (int64_t i = 0; i < count; i++) {
		struct tar_extent extent = { 0 };

		if (next_number(reader, &map, &at, &extent.offset, err) < 0 ||
			next_number(reader, &map, &at, &extent.length, err) < 0 ||
			add(reader, &extent, err) < 0)
			return -1;
	}
	reader->entry.size = reader->pax.sparse_size;
	return 0;
}

/* In order, apart, within the file, and as long as the data. */
static int check_map(const struct tar_reader *reader, struct error **err)
{
	int64_t end = 0, total = 0;

	for (size_t i = 0; i < reader->extent_count; i++) {
		const struct tar_extent *extent = &reader->extents[i];

		if (extent->offset < end || extent->length < 0 ||
			__builtin_add_overflow(extent->offset, extent->length, &end) ||
			__builtin_add_overflow(total, extent->length, &total))
			return invalid_map(err);
	}
	if (end > reader->entry.size || total != reader->left)
		return invalid_map(err);
	return 0;
}

int tar_sparse_begin(struct tar_reader *reader, const struct tar_header *header, struct error **err)
{
	struct tar_pax *pax = &reader->pax;
	int result = 0;

	reader->sparse = true;
	if (header->type == 'S') {
		result = read_old_map(reader, header, err);
	} else if (pax->sparse_major == 1 && pax->sparse_minor == 0) {
		result = read_text_map(reader, err);
	} else if (pax->sparse_major > 0 || pax->offset_pending) {
		return error_new(err, ERROR_UNSUPPORTED, "an unknown form of sparse file");
	} else if (pax->extent_count > 0 || pax->sparse_size >= 0) {
		reader->extents = take_ptr(pax->extents);
		reader->extent_count = pax->extent_count;
		reader->entry.size = pax->sparse_size;
	} else {
		reader->sparse = false;
		return 0;
	}
	return result < 0 ? -1 : check_map(reader, err);
}

size_t tar_sparse_take(struct tar_reader *reader, size_t available)
{
	const struct tar_extent *extent = &reader->extents[reader->extent_at];
	int64_t left;

	/* The map was checked: there is data left, so there is an extent with room. */
	while (reader->offset >= extent->offset + extent->length)
		extent = &reader->extents[++reader->extent_at];
	if (reader->offset < extent->offset)
		reader->offset = extent->offset;
	left = extent->offset + extent->length - reader->offset;
	return (int64_t)available > left ? (size_t)left : available;
}

bool tar_extents(const struct tar_reader *reader, const struct tar_extent **ret, size_t *ret_count)
{
	*ret = reader->extents;
	*ret_count = reader->extent_count;
	return reader->sparse;
}

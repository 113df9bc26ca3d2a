/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an archive holds, entry by entry, as vessel-unpack --list tells the engine: a stream of
 * records in the machine's own byte order, cut into messages (TRANSFER_ENTRIES) anywhere. Both ends
 * are of one build; but who writes has parsed outside bytes, so who reads checks every length
 * before it looks at what it measures.
 *
 *   head, extents, then path NUL, link NUL, and for each attribute: lengths, name NUL, value
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/tar.h"

struct error;
struct stream;
struct unpack_result;

/* Where a part of a file's content is. */
struct listing_extent {
	int64_t in_tar, offset, length;
};

struct listing_head {
	uint32_t length; /* of the whole record */
	uint32_t type; /* enum tar_type */
	uint32_t mode, uid, gid, major, minor, mtime_ns;
	int64_t mtime, size;
	uint32_t extent_count, path_length, link_length, xattr_count;
};

struct listing_xattr {
	uint32_t name_length, value_length;
};

/* Extents, names, an extended header's worth of attributes. */
#define LISTING_RECORD_MAX \
	(sizeof(struct listing_head) + (TAR_EXTENTS_MAX + 1UL) * sizeof(struct listing_extent) + \
		2UL * (TAR_PATH_MAX + 2) + 8 * TAR_PAX_MAX)

/* A record, read: all of it points into the bytes it was read from. */
struct listing_entry {
	struct listing_head head;
	const char *path, *link; /* clean: no "..", no empty name; "" is the root */
	const char *extents, *xattrs;
};

/* ---- the helper's side ---- */
typedef int (*listing_sink)(void *arg, const void *data, size_t length, struct error **err);

struct listing_options {
	uint64_t limit; /* as unpack_options has it */
	listing_sink sink;
	void *arg;
};

/* Reads the archive and sends a record for each entry, instead of unpacking it as a layer. */
int listing_stream(struct stream *stream, const struct listing_options *options,
	struct unpack_result *ret, struct error **err);

/* ---- the engine's side ---- */
/*
 * The record that data begins with: its length with *ret filled, 0 when more bytes are needed, -1
 * when it is none.
 */
ssize_t listing_parse(
	const char *data, size_t length, struct listing_entry *ret, struct error **err);
struct listing_extent listing_extent_at(const struct listing_entry *entry, size_t i);
/* Walks the attributes: *at is the place of the next one, entry->xattrs at first. The value is
 * borrowed. */
void listing_next_xattr(const char **at, const char **ret_name, struct tar_xattr *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's insides, which tar_read.c and tar_sparse.c share. */
#pragma once

#include "store/stream.h"
#include "store/tar.h"
#include "store/tar_header.h"
#include "store/tar_pax.h"

struct buf;

struct tar_reader {
	struct stream *stream;
	uint64_t headers;
	bool ended;
	struct tar_pax pax; /* for the next entry, and so are these */
	char *gnu_path, *gnu_link;
	struct tar_entry entry;

	int64_t left, padding; /* of the entry, still in the stream */
	int64_t offset; /* where in the file the next byte goes */
	bool sparse;
	struct tar_extent *extents;
	size_t extent_count, extent_at;
};

/* Reads exactly length bytes of the stream into buf. */
int tar_read_bytes(struct tar_reader *reader, size_t length, struct buf *buf, struct error **err);

/*
 * Reads what map there is, in the header, in pax records or before the data, and checks it:
 * entry.size becomes the file's size, left that of the data.
 */
int tar_sparse_begin(
	struct tar_reader *reader, const struct tar_header *header, struct error **err);
/* How much of available bytes belong to the present extent; sets offset. */
size_t tar_sparse_take(struct tar_reader *reader, size_t available);

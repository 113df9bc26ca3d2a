/* SPDX-License-Identifier: Apache-2.0 */
/* Extended headers: "length key=value\n" records (POSIX.1-2017 pax), with GNU's for sparse files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "store/tar.h"

struct error;

/* What an extended header says; later records win. */
struct tar_pax {
	char *path, *link;
	bool has_size, has_uid, has_gid, has_mtime;
	int64_t size, uid, gid;
	struct timespec mtime;
	struct tar_xattrs xattrs;

	/* GNU.sparse.*, in its versions 0.0 (offset and numbytes records), 0.1 (map), 1.0 (a map
	 * before the data) */
	int64_t sparse_major, sparse_minor, sparse_size; /* -1: not given */
	char *sparse_name;
	struct tar_extent *extents;
	size_t extent_count;
	bool offset_pending; /* an offset record waits for its numbytes */
};

#define TAR_PAX_INIT \
	{ \
		.sparse_major = -1, .sparse_minor = -1, .sparse_size = -1 \
	}

int tar_pax_parse(struct tar_pax *pax, const char *text, size_t length, struct error **err);
void tar_pax_done(struct tar_pax *pax); /* and makes it new */

/* Decimal digits alone, the whole of text[0..length). */
int tar_decimal_parse(
	const char *text, size_t length, const char *what, int64_t *ret, struct error **err);
/* Adds an extent; ERROR_INVALID when there are too many. */
int tar_extents_add(struct tar_extent **extents, size_t *count, const struct tar_extent *extent,
	struct error **err);

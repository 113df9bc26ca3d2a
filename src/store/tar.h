/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar entries, read from a stream of outside bytes and written as layers.
 *
 * Reads ustar, pax, GNU (long names, sparse files), star and V7 archives. Where those disagree,
 * this reads as Go's archive/tar does, which most builders and registries' tools use: two readers
 * that see different entries in one archive are how scanners are deceived. Global pax headers
 * change nothing, GNU long names win over pax, links and devices have no content whatever their
 * size says. Every count and size has a ceiling; no allocation is larger than what was read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/cleanup.h"

struct error;
struct stream;

#define TAR_PATH_MAX 4096 /* bytes of a name or link */
#define TAR_NAME_MAX 255 /* bytes of each of its parts: the kernel's NAME_MAX */
#define TAR_DEPTH_MAX 512 /* parts of a path */
#define TAR_PAX_MAX (1UL << 20) /* bytes of one extended header */
#define TAR_HEADERS_MAX 5000000 /* of any type, in one archive */
#define TAR_EXTENTS_MAX 100000 /* data parts of one sparse file */

enum tar_type {
	TAR_FILE,
	TAR_HARD_LINK,
	TAR_SYMLINK,
	TAR_CHARACTER,
	TAR_BLOCK_DEVICE,
	TAR_DIRECTORY,
	TAR_FIFO,
};

struct tar_xattr {
	char *name;
	char *value;
	size_t length;
};

struct tar_xattrs {
	struct tar_xattr *items;
	size_t count;
};

struct tar_extent { /* of a sparse file: where its data is */
	int64_t offset, length;
};

struct tar_entry {
	enum tar_type type;
	char *path, *link; /* as written; link is NULL unless it is one */
	mode_t mode; /* permissions, 07777 */
	uid_t uid;
	gid_t gid;
	int64_t size; /* of the file made, holes counted; 0 unless TAR_FILE */
	struct timespec mtime;
	unsigned int major, minor;
	struct tar_xattrs xattrs;
};

void tar_xattrs_done(struct tar_xattrs *xattrs);
/* Takes value over; a second one of the name replaces the first. */
void tar_xattrs_put(struct tar_xattrs *xattrs, const char *name, char *value, size_t length);

/* ---- reading ---- */
struct tar_reader;

struct tar_reader *tar_reader_new(struct stream *stream); /* stream is borrowed */
void tar_reader_free(struct tar_reader *reader);
/* 1: *ret is the next entry, the reader's until the next call; 0: the end. */
int tar_next(struct tar_reader *reader, struct tar_entry **ret, struct error **err);
/* Whether the entry is a sparse file; then where its data, one piece in the stream, goes. */
bool tar_extents(const struct tar_reader *reader, const struct tar_extent **ret, size_t *ret_count);
/* The entry's content, piece by piece: 1, 0 at its end. *ret_offset is where in the file it goes.
 */
int tar_data(struct tar_reader *reader, const char **ret, size_t *ret_length, int64_t *ret_offset,
	struct error **err);

/* Where the entry's content stands in the archive's file, as it is; -1: nowhere (stream_tell()). To
 * be asked before the content is read. */
int64_t tar_data_offset(const struct tar_reader *reader);

/* ---- writing ---- */
/* Called with whole blocks; returns 0 or -1. */
typedef int (*tar_sink)(void *arg, const void *data, size_t length, struct error **err);

/*
 * The header blocks of an entry, by ustar where that can say it and with a pax header where not;
 * nanoseconds are dropped. Content, if any, follows, filled up with tar_pad().
 */
int tar_write_header(const struct tar_entry *entry, tar_sink sink, void *arg, struct error **err);
int tar_write_padding(int64_t size, tar_sink sink, void *arg, struct error **err);
int tar_write_end(tar_sink sink, void *arg, struct error **err);

DEFINE_CLEANUP(struct tar_reader *, tar_reader_free)
#define cleanup_tar_reader CLEANUP(tar_reader_free)

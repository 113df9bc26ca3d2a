/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files in an archive of files: what `save` writes, an OCI layout as a tar. Nothing is
 * unpacked: vessel-unpack, in its jail, lists the members one after the other, and no name of
 * theirs ever becomes a path. Where the archive is a plain tar in a file, a member is told by where
 * its content stands, and the engine reads it from there, if it wants it at all; else (a pipe, a
 * compressed file) the content follows its member through a pipe, and is read before the next
 * member is asked for.
 *
 * Names are clean ("blobs/sha256/ab…"): no leading "./" or "/", and none with ".." comes through. A
 * link's target is made clean the same way, from the link's own folder: one that leads out of the
 * archive is an error, and so is a device, a FIFO, or a file with holes.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct error;
struct members;
struct stream;

#define MEMBER_NAME_MAX 512 /* bytes */
#define MEMBERS_MAX 65536

struct member { /* the texts are the list's, until the next call */
	const char *name;
	const char *link; /* the name of another member; NULL: a file */
	int64_t size; /* of a file */
	int64_t offset; /* in the archive's file; -1: the content follows */
};

/* archive_fd is borrowed, and read from where it stands. */
int members_open(int archive_fd, struct members **ret, struct error **err);
/* 1, or 0 when there are no more. */
int members_next(struct members *members, struct member *ret, struct error **err);
/* The content that follows the present member: 0 at its end. */
ssize_t members_read(struct members *members, void *buf, size_t size, struct error **err);
void members_free(struct members *members);

/* The helper's side: tells all members. */
int members_send(struct stream *stream, int answer_fd, int data_fd, struct error **err);

DEFINE_CLEANUP(struct members *, members_free)
#define cleanup_members CLEANUP(members_free)

/* One message of TRANSFER_MEMBER: this, the name, NUL, the link's target, NUL. */
struct member_head {
	int64_t size, offset;
	uint32_t is_link;
};

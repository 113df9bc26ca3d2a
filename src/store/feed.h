/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer on its way to the unpacker. What comes through a pipe goes to the end of the file, then
 * to vessel-unpack; the file begins with what an interrupted download left, and that goes first.
 * Every byte is hashed as it is read back or has come, once and in order. Nobody but this process
 * writes to the file, so what was hashed is what is there.
 *
 * Neither side waits for the other: a slow unpacker finds the bytes in the file later.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/sha256.h"
#include "oci/digest.h"

struct error;

#define FEED_BUFFER (1UL << 20)

struct layer_source {
	int fd; /* borrowed; what is there, from its beginning on; with grow_fd writable */
	int grow_fd; /* borrowed, a pipe: what comes behind that; -1: all is there */
	int64_t size; /* of all of it; -1: not known */
	const struct digest *expected; /* borrowed; NULL: any */
};

struct feed {
	const struct layer_source *source; /* borrowed */
	int out_fd; /* owned; vessel-unpack's stdin; -1: it has ended, or has all */
	bool came; /* nothing more comes */
	int64_t length, taken; /* bytes in the file; hashed */
	int64_t flushed; /* the kernel was asked to begin writing them to the disk */
	size_t start, end; /* of window: hashed, and not yet written to out_fd */
	struct sha256 sha;
	char *window, *incoming; /* FEED_BUFFER each */
};

int feed_init(struct feed *feed, const struct layer_source *source, struct error **err);
void feed_done(struct feed *feed);
/* What to poll(2) for now. */
bool feed_wants_input(const struct feed *feed); /* grow_fd, readable */
bool feed_wants_output(const struct feed *feed); /* out_fd, writable */
int feed_receive(struct feed *feed, struct error **err);
int feed_send(struct feed *feed, struct error **err);
/* Takes the rest without sending it: for the digest of what could not be unpacked. */
int feed_drain(struct feed *feed, struct error **err);

enum feed_verdict {
	FEED_RIGHT,
	FEED_SHORT, /* it ended before its size */
	FEED_WRONG, /* another digest */
};
/* After all was taken; err is filled for the other two. */
enum feed_verdict feed_judge(const struct feed *feed, struct error **err);

static inline void feed_done_p_(struct feed *feed)
{
	feed_done(feed);
}
#define cleanup_feed CLEANUP(feed_done)

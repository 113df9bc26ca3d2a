/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an archive, decompressed by what its first bytes say it is. What comes out can be
 * copied to a second fd (the layer's blob) in the same pass. There is no ceiling on the ratio,
 * which honest archives reach too, but one on what comes out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "store/form.h"

struct codec;
struct error;
struct stream;

#define STREAM_LIMIT (UINT64_C(1) << 40) /* 1 TiB: no layer is larger, a bomb may be */
#define STREAM_WINDOW (1UL << 20)

struct stream_options {
	int fd; /* borrowed */
	int copy_fd; /* borrowed; -1: none */
	const struct codec *const *codecs; /* NULL-terminated */
	uint64_t limit;
};

int stream_open(const struct stream_options *options, struct stream **ret, struct error **err);
void stream_free(struct stream *stream);
/*
 * What is there, at least wanted bytes (at most TAR_BLOCK) unless the stream ends before; 0 at the
 * end. *ret is valid until the next call.
 */
ssize_t stream_peek(struct stream *stream, size_t wanted, const char **ret, struct error **err);
/* Takes away length bytes of those that stream_peek() showed. */
void stream_skip(struct stream *stream, size_t length);
/* Where in the file the next byte stands; -1 where the bytes are not the file's own, or it cannot
 * be sought. */
int64_t stream_tell(const struct stream *stream);
/* Goes on length bytes without reading them, where stream_tell() says where it is. */
int stream_seek(struct stream *stream, int64_t length, struct error **err);
/* How many bytes were taken away: where the next one stands in what comes out. */
uint64_t stream_offset(const struct stream *stream);
/* Reads to the end: what follows an archive's end belongs to its digest. */
int stream_drain(struct stream *stream, struct error **err);

DEFINE_CLEANUP(struct stream *, stream_free)
#define cleanup_stream CLEANUP(stream_free)

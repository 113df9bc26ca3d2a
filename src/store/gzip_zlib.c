/* SPDX-License-Identifier: Apache-2.0 */
/* By zlib, where there is no libdeflate to build with. */
#include <stdlib.h>
#include <zlib.h>

#include "store/gzip_member.h"

#define LEVEL 6
#define GZIP_WINDOW (15 + 16) /* 32 KiB, in gzip's form */
#define MEMORY_LEVEL 8

struct gzip_packer {
	z_stream stream;
};

struct gzip_packer *gzip_packer_new(void)
{
	struct gzip_packer *packer = calloc(1, sizeof(*packer));

	if (packer && deflateInit2(&packer->stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
			      Z_DEFAULT_STRATEGY) != Z_OK) {
		free(packer);
		packer = NULL;
	}
	return packer;
}

void gzip_packer_free(struct gzip_packer *packer)
{
	if (packer)
		(void)deflateEnd(&packer->stream);
	free(packer);
}

size_t gzip_packer_bound(struct gzip_packer *packer, size_t length)
{
	return deflateBound(&packer->stream, (uLong)length);
}

size_t gzip_packer_pack(
	struct gzip_packer *packer, const void *data, size_t length, void *out, size_t room)
{
	z_stream *stream = &packer->stream;

	if (deflateReset(stream) != Z_OK)
		return 0;
	stream->next_in = (Bytef *)data;
	stream->avail_in = (uInt)length;
	stream->next_out = out;
	stream->avail_out = (uInt)room;
	return deflate(stream, Z_FINISH) == Z_STREAM_END ? (size_t)stream->total_out : 0;
}

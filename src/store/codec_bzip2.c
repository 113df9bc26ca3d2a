/* SPDX-License-Identifier: Apache-2.0 */
#include <bzlib.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/codec.h"

struct bzip2 {
	bz_stream z;
	bool open; /* z holds memory */
	bool between; /* a stream has ended, and no other has begun */
};

static void bzip2_end(void *state)
{
	struct bzip2 *bzip2 = state;

	if (bzip2->open)
		BZ2_bzDecompressEnd(&bzip2->z);
	free(bzip2);
}

static void *bzip2_begin(struct error **err)
{
	struct bzip2 *bzip2 = xcalloc(1, sizeof(*bzip2));

	bzip2->open = BZ2_bzDecompressInit(&bzip2->z, 0, 0) == BZ_OK;
	if (bzip2->open)
		return bzip2;
	bzip2_end(bzip2);
	error_new(err, ERROR_UNAVAILABLE, "out of memory for bzip2");
	return NULL;
}

/* The library has no reset. */
static int next_stream(struct bzip2 *bzip2, struct error **err)
{
	BZ2_bzDecompressEnd(&bzip2->z);
	bzip2->z = (bz_stream){ 0 };
	bzip2->open = BZ2_bzDecompressInit(&bzip2->z, 0, 0) == BZ_OK;
	if (!bzip2->open)
		return error_new(err, ERROR_UNAVAILABLE, "out of memory for bzip2");
	bzip2->between = false;
	return 0;
}

static int bzip2_step(void *state, struct codec_io *io, struct error **err)
{
	struct bzip2 *bzip2 = state;
	unsigned int in = io->in_length > UINT_MAX ? UINT_MAX : (unsigned int)io->in_length;
	unsigned int out = io->out_length > UINT_MAX ? UINT_MAX : (unsigned int)io->out_length;
	int result;

	if (bzip2->between && in == 0)
		return !io->in_end;
	if (bzip2->between && next_stream(bzip2, err) < 0)
		return -1;
	bzip2->z.next_in = (char *)io->in;
	bzip2->z.avail_in = in;
	bzip2->z.next_out = (char *)io->out;
	bzip2->z.avail_out = out;
	result = BZ2_bzDecompress(&bzip2->z);
	if (result != BZ_OK && result != BZ_STREAM_END)
		return error_new(err, ERROR_INVALID, "broken bzip2 data");
	bzip2->between = result == BZ_STREAM_END;
	if (!bzip2->between && io->in_end && in == bzip2->z.avail_in && out == bzip2->z.avail_out)
		return error_new(err, ERROR_INVALID, "the bzip2 data ends too early");
	io->in += in - bzip2->z.avail_in;
	io->in_length -= in - bzip2->z.avail_in;
	io->out += out - bzip2->z.avail_out;
	io->out_length -= out - bzip2->z.avail_out;
	return 1;
}

const struct codec codec_bzip2 = {
	.form = FORM_BZIP2,
	.begin = bzip2_begin,
	.step = bzip2_step,
	.end = bzip2_end,
};

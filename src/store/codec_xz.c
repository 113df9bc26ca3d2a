/* SPDX-License-Identifier: Apache-2.0 */
#include <lzma.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/codec.h"

static void *xz_begin(struct error **err)
{
	lzma_stream *xz = xcalloc(1, sizeof(*xz));
	lzma_ret result;

	*xz = (lzma_stream)LZMA_STREAM_INIT;
	result = lzma_stream_decoder(xz, CODEC_MEMORY_MAX, LZMA_CONCATENATED);
	if (result == LZMA_OK)
		return xz;
	free(xz);
	error_new(err, ERROR_UNAVAILABLE, "out of memory for xz");
	return NULL;
}

static int xz_step(void *state, struct codec_io *io, struct error **err)
{
	lzma_stream *xz = state;
	lzma_ret result;

	xz->next_in = io->in;
	xz->avail_in = io->in_length;
	xz->next_out = io->out;
	xz->avail_out = io->out_length;
	result = lzma_code(xz, io->in_end ? LZMA_FINISH : LZMA_RUN);
	io->in = xz->next_in;
	io->in_length = xz->avail_in;
	io->out = xz->next_out;
	io->out_length = xz->avail_out;
	if (result == LZMA_STREAM_END)
		return 0;
	if (result == LZMA_MEMLIMIT_ERROR)
		return error_new(err, ERROR_UNSUPPORTED,
			"the xz data needs more than %lu MiB to unpack", CODEC_MEMORY_MAX >> 20);
	/* LZMA_BUF_ERROR at the end of input is what a cut file gives. */
	if (result == LZMA_BUF_ERROR && io->in_end)
		return error_new(err, ERROR_INVALID, "the xz data ends too early");
	if (result != LZMA_OK && result != LZMA_BUF_ERROR)
		return error_new(err, ERROR_INVALID, "broken xz data");
	return 1;
}

static void xz_end(void *state)
{
	lzma_stream *xz = state;

	lzma_end(xz);
	free(xz);
}

const struct codec codec_xz = {
	.form = FORM_XZ,
	.begin = xz_begin,
	.step = xz_step,
	.end = xz_end,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/codec.h"

#define WINDOW_LOG_MAX 27 /* 128 MiB: the frame's header asks for it, so it must have a ceiling */

struct zstd {
	ZSTD_DStream *stream;
	bool between; /* a frame has ended, and no other has begun */
};

static void *zstd_begin(struct error **err)
{
	struct zstd *zstd = xcalloc(1, sizeof(*zstd));

	zstd->stream = ZSTD_createDStream();
	if (zstd->stream && !ZSTD_isError(ZSTD_DCtx_setParameter(
				    zstd->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return zstd;
	ZSTD_freeDStream(zstd->stream);
	free(zstd);
	error_new(err, ERROR_UNAVAILABLE, "out of memory for zstd");
	return NULL;
}

static int zstd_step(void *state, struct codec_io *io, struct error **err)
{
	struct zstd *zstd = state;
	ZSTD_inBuffer in = { io->in, io->in_length, 0 };
	ZSTD_outBuffer out = { io->out, io->out_length, 0 };
	size_t result;

	if (zstd->between && io->in_length == 0)
		return !io->in_end;
	result = ZSTD_decompressStream(zstd->stream, &out, &in);
	if (ZSTD_isError(result) &&
		ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
		return error_new(err, ERROR_UNSUPPORTED,
			"the zstd data needs more than %d MiB to unpack",
			1 << (WINDOW_LOG_MAX - 20));
	if (ZSTD_isError(result))
		return error_new(
			err, ERROR_INVALID, "broken zstd data: %s", ZSTD_getErrorName(result));
	io->in += in.pos;
	io->in_length -= in.pos;
	io->out += out.pos;
	io->out_length -= out.pos;
	zstd->between = result == 0;
	if (io->in_end && io->in_length == 0 && in.pos == 0 && out.pos == 0 && !zstd->between)
		return error_new(err, ERROR_INVALID, "the zstd data ends too early");
	return 1;
}

static void zstd_end(void *state)
{
	struct zstd *zstd = state;

	ZSTD_freeDStream(zstd->stream);
	free(zstd);
}

const struct codec codec_zstd = {
	.form = FORM_ZSTD,
	.begin = zstd_begin,
	.step = zstd_step,
	.end = zstd_end,
};

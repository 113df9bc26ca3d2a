/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/codec.h"

struct gzip {
	z_stream z;
	bool between; /* a member has ended, and no other has begun */
};

static void *gzip_begin(struct error **err)
{
	struct gzip *gzip = xcalloc(1, sizeof(*gzip));

	if (inflateInit2(&gzip->z, 15 + 16) == Z_OK) /* largest window; gzip only */
		return gzip;
	free(gzip);
	error_new(err, ERROR_UNAVAILABLE, "out of memory for gzip");
	return NULL;
}

/* Tapes and some writers pad with zeros. 1: another member begins, 0: the end or more is needed. */
static int next_member(struct gzip *gzip, struct codec_io *io, struct error **err)
{
	while (io->in_length > 0 && *io->in == 0) {
		io->in++;
		io->in_length--;
	}
	if (io->in_length == 0)
		return 0;
	if (*io->in != 0x1f)
		return error_new(err, ERROR_INVALID, "what follows the gzip data is no gzip data");
	if (inflateReset(&gzip->z) != Z_OK)
		return error_new(err, ERROR_INTERNAL, "gzip state is broken");
	gzip->between = false;
	return 1;
}

static int gzip_step(void *state, struct codec_io *io, struct error **err)
{
	struct gzip *gzip = state;
	int result;

	if (gzip->between) {
		result = next_member(gzip, io, err);
		if (result <= 0)
			return result < 0 ? -1 : !io->in_end;
	}
	gzip->z.next_in = (z_const Bytef *)io->in;
	gzip->z.avail_in = io->in_length > UINT_MAX ? UINT_MAX : (unsigned int)io->in_length;
	gzip->z.next_out = io->out;
	gzip->z.avail_out = io->out_length > UINT_MAX ? UINT_MAX : (unsigned int)io->out_length;
	result = inflate(&gzip->z, Z_NO_FLUSH);
	io->in_length -= (size_t)(gzip->z.next_in - io->in);
	io->out_length -= (size_t)(gzip->z.next_out - io->out);
	io->in = gzip->z.next_in;
	io->out = gzip->z.next_out;
	if (result == Z_STREAM_END)
		gzip->between = true;
	else if (result == Z_BUF_ERROR && io->in_end && io->in_length == 0)
		return error_new(err, ERROR_INVALID, "the gzip data ends too early");
	else if (result != Z_OK && result != Z_BUF_ERROR)
		return error_new(err, ERROR_INVALID, "broken gzip data: %s",
			gzip->z.msg ? gzip->z.msg : "unknown reason");
	return 1;
}

static void gzip_end(void *state)
{
	struct gzip *gzip = state;

	inflateEnd(&gzip->z);
	free(gzip);
}

const struct codec codec_gzip = {
	.form = FORM_GZIP,
	.begin = gzip_begin,
	.step = gzip_step,
	.end = gzip_end,
};
const struct codec *const codecs_common[] = { &codec_gzip, &codec_zstd, NULL };

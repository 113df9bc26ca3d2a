/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by Intel's ISA-L, more than twice as fast as zlib, where the machine has its library: it is
 * loaded at run time, before the jail is entered, by vessel-unpack alone. It takes and refuses what
 * codec_gzip.c does (store/codec_fuzz.c compares them).
 *
 * Of a member's header it ignores flags that it does not know; zlib refuses them, and so do we.
 */
#include <dlfcn.h>
#include <isa-l/igzip_lib.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/codec.h"

#define FLAGS_AT 3 /* RFC 1952, 2.3 */
#define FLAGS_RESERVED 0xe0

static struct {
	void (*init)(struct inflate_state *state);
	void (*reset)(struct inflate_state *state);
	int (*inflate)(struct inflate_state *state);
} isal;

struct gzip_isal {
	struct inflate_state state;
	bool between; /* a member has ended, and no other has begun */
	size_t seen; /* of the member's header, up to its flags */
};

static void begin_member(struct gzip_isal *gzip)
{
	isal.reset(&gzip->state);
	gzip->state.crc_flag = ISAL_GZIP;
	gzip->between = false;
	gzip->seen = 0;
}

static void *isal_begin(struct error **err)
{
	struct gzip_isal *gzip = xcalloc(1, sizeof(*gzip));

	isal.init(&gzip->state);
	begin_member(gzip);
	return gzip;
}

/* Tapes and some writers pad with zeros. 1: another member begins, 0: the end or more is needed. */
static int next_member(struct gzip_isal *gzip, struct codec_io *io, struct error **err)
{
	while (io->in_length > 0 && *io->in == 0) {
		io->in++;
		io->in_length--;
	}
	if (io->in_length == 0)
		return 0;
	if (*io->in != 0x1f)
		return error_new(err, ERROR_INVALID, "what follows the gzip data is no gzip data");
	begin_member(gzip);
	return 1;
}

/* The byte of flags, as soon as it is there. */
static int check_flags(struct gzip_isal *gzip, const struct codec_io *io, struct error **err)
{
	size_t more = FLAGS_AT + 1 - gzip->seen;

	if (gzip->seen > FLAGS_AT)
		return 0;
	if (io->in_length >= more && io->in[more - 1] & FLAGS_RESERVED)
		return error_new(err, ERROR_INVALID, "broken gzip data: unknown header flags set");
	gzip->seen += io->in_length < more ? io->in_length : more;
	return 0;
}

static const char *reason(int result)
{
	switch (result) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid code";
	case ISAL_INVALID_LOOKBACK:
		return "invalid distance too far back";
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return "incorrect header check";
	case ISAL_INCORRECT_CHECKSUM:
		return "incorrect data check";
	default:
		return "unknown reason";
	}
}

static int isal_step(void *state, struct codec_io *io, struct error **err)
{
	struct gzip_isal *gzip = state;
	struct inflate_state *z = &gzip->state;
	size_t in_before = io->in_length, out_before = io->out_length;
	int result;

	if (gzip->between) {
		result = next_member(gzip, io, err);
		if (result <= 0)
			return result < 0 ? -1 : !io->in_end;
	}
	if (check_flags(gzip, io, err) < 0)
		return -1;
	z->next_in = (uint8_t *)io->in;
	z->avail_in = io->in_length > INT_MAX ? INT_MAX : (uint32_t)io->in_length;
	z->next_out = io->out;
	z->avail_out = io->out_length > INT_MAX ? INT_MAX : (uint32_t)io->out_length;
	result = isal.inflate(z);
	io->in_length -= (size_t)(z->next_in - io->in);
	io->out_length -= (size_t)(z->next_out - io->out);
	io->in = z->next_in;
	io->out = z->next_out;
	if (result < 0 || result == ISAL_NEED_DICT)
		return error_new(err, ERROR_INVALID, "broken gzip data: %s", reason(result));
	if (z->block_state == ISAL_BLOCK_FINISH)
		gzip->between = true;
	else if (io->in_end && io->in_length == 0 && in_before == 0 && io->out_length == out_before)
		return error_new(err, ERROR_INVALID, "the gzip data ends too early");
	return 1;
}

static void isal_end(void *state)
{
	free(state);
}

static const struct codec codec = {
	.form = FORM_GZIP,
	.begin = isal_begin,
	.step = isal_step,
	.end = isal_end,
};

/* dlsym() gives a pointer to data; that a function can be called through it is POSIX's promise. */
static bool find(void *library, const char *name, void *ret)
{
	void *found = dlsym(library, name);

	memcpy(ret, &found, sizeof(found));
	return found != NULL;
}

const struct codec *codec_isal(void)
{
	/* Never closed: as long as the process lives. */
	void *library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);

	if (library && find(library, "isal_inflate_init", (void *)&isal.init) &&
		find(library, "isal_inflate_reset", (void *)&isal.reset) &&
		find(library, "isal_inflate", (void *)&isal.inflate))
		return &codec;
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressors, linked in: a program found by PATH has been an image's own more than once
 * (CVE-2014-9357). Each takes any number of members or frames one after the other. What a
 * decompressor may hold in memory is bounded here; how much it may put out, by store/stream.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/form.h"

struct error;

#define CODEC_MEMORY_MAX (128UL * 1024 * 1024) /* windows: zstd --long=27, xz -9 and more */

struct codec_io {
	const uint8_t *in; /* step() moves both pointers and shortens both lengths */
	size_t in_length;
	uint8_t *out;
	size_t out_length;
	bool in_end; /* nothing comes after in */
};

struct codec {
	enum archive_form form;
	void *(*begin)(struct error **err);
	/* 1: call again, with more input or room; 0: the end; -1. */
	int (*step)(void *state, struct codec_io *io, struct error **err);
	void (*end)(void *state);
};

extern const struct codec codec_gzip, codec_zstd; /* in the library */
extern const struct codec codec_bzip2, codec_xz; /* linked into vessel-unpack only */
/* gzip by ISA-L, vessel-unpack's too; NULL on a machine that has not its library. */
const struct codec *codec_isal(void);
/* gzip and zstd, NULL-terminated. */
extern const struct codec *const codecs_common[];

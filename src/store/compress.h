/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers as registries want them. A layer that was made here is a plain tar in the store; before it
 * is sent anywhere it is compressed once, by gzip, and that form is kept: what is sent later is the
 * same blob, and the image's manifest names it from then on.
 *
 * The tar is cut into members of 1 MiB, which every reader of gzip takes for one file, so that each
 * processor can work on its own. One result for the same tar, however many there are.
 */
#pragma once

#include "store/store.h"

struct error;

struct compress_progress { /* the function may be NULL */
	void (*bytes)(const struct digest *diff_id, int64_t current, int64_t total, void *arg);
	void *arg;
};

/* The layer's gzip form: made and recorded, unless it is there. ret->media_type is the caller's. */
int layer_compress(struct store *store, const struct digest *diff_id,
	const struct compress_progress *progress, struct compressed_row *ret, struct error **err);
/*
 * Gives an image whose manifest was made here one with compressed layers; image->manifest becomes
 * that. What came with its manifest from elsewhere stays as it is, bit for bit.
 */
int image_compress(struct store *store, struct image_row *image,
	const struct compress_progress *progress, struct error **err);

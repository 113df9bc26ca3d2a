/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer that is never unpacked: its tar, and an index of it that the kernel mounts as EROFS with
 * the tar as second device. The index holds names and attributes, and where in the tar the content
 * is. It is made from a listing (store/listing.h) by the engine itself: no byte of it was laid out
 * by somebody outside, as the kernel's readers of file systems count on.
 *
 * What entries mean is as store/unpack.c has it. What the index cannot say, or unpack.c would
 * refuse, makes it unfit: then the caller unpacks the tar into a directory, or learns from that
 * why it cannot be. So nothing has to be refused in two places, in the same words.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct error;

struct layer_index;

struct layer_index *layer_index_new(void);
void layer_index_free(struct layer_index *index);
/* Takes the next bytes of the listing. What is no listing is an error; what is unfit is not. */
int layer_index_feed(
	struct layer_index *index, const void *data, size_t length, struct error **err);
/* Writes dir_fd/index.erofs, and syncs it. 1, or 0 with *ret_why (static) when it is unfit. */
int layer_index_write(struct layer_index *index, int dir_fd, int64_t tar_size, const char **ret_why,
	struct error **err);

DEFINE_CLEANUP(struct layer_index *, layer_index_free)
#define cleanup_layer_index CLEANUP(layer_index_free)

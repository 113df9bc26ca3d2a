/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store looked through: every blob's digest, every layer's parts, every image's, and what is
 * there without a name. What can be made again of what is here is: a layer's tree of its tar, a tar
 * of a blob as a registry had it. What must be fetched again is for who knows where from
 * (engine/check.h).
 */
#pragma once

#include "store/store.h"

struct error;

enum finding_state {
	FINDING_DAMAGE, /* as it is */
	FINDING_GARBAGE, /* nothing is lost with it */
	FINDING_REPAIRED,
};

struct store_check {
	bool repair; /* for who has the store alone (store_use_alone()) */
	bool quick; /* sizes alone: no blob is read */
	/* thing: "layer sha256:…", "image x"; text: what is wrong with it. */
	void (*found)(enum finding_state state, const char *thing, const char *text, void *arg);
	void *arg;
};

/* Returns how many things stay damaged; *ret_images are the ids of images that are concerned (the
 * caller frees). */
int store_check(
	struct store *store, const struct store_check *check, strv *ret_images, struct error **err);
/* Of an image: takes away its damaged blobs and layers, with their rows, so that a pull brings
 * them. */
int store_drop_damaged(struct store *store, const struct image_row *row,
	const struct digest *layers, size_t count, struct error **err);
/*
 * Fills an empty catalogue from index.json and the blobs. Returns how many images it has found
 * whole.
 */
int store_rebuild(struct store *store, const struct store_check *check, struct error **err);

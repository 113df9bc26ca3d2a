/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `images`: what is there, which of it is wanted, and the tree. For cmd_images.c and the
 * images_*.c files. */
#pragma once

#include "engine/engine.h"

struct error;

struct listed_image {
	struct image_row row; /* its reference is not used */
	strv tags, digests; /* "debian:12", "debian@sha256:…": those that are wanted */
};

struct image_list { /* newest first */
	struct listed_image *items;
	size_t count;
};

/* ---- images_list.c ---- */

/* name: the argument, REPOSITORY[:TAG]; NULL: all. Checks the filters, and looks up what they name.
 */
int image_list_read(struct engine *engine, char *const *filters, const char *name,
	struct image_list *ret, struct error **err);
void image_list_done(struct image_list *list);

/* ---- images_tree.c ---- */
int images_tree(
	struct engine *engine, const struct image_list *list, bool full, struct error **err);

static inline void image_list_done_p_(struct image_list *list)
{
	image_list_done(list);
}
#define cleanup_image_list CLEANUP(image_list_done)

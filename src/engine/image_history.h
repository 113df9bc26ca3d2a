/* SPDX-License-Identifier: Apache-2.0 */
/* How an image was made, step by step, and what each step takes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "oci/image.h"

struct error;

struct image_step {
	const struct digest *diff_id; /* NULL: it changed no file */
	struct layer_row layer; /* zeros when there is none */
	int64_t content; /* bytes of its blob, as it is transferred */
	const struct image_history *history; /* NULL: a layer that the history does not tell of */
};

struct image_steps { /* oldest first */
	struct image_config config; /* what the others point into */
	struct image_step *items;
	size_t count;
};

int image_steps_read(struct engine *engine, const struct image_row *image, struct image_steps *ret,
	struct error **err);
void image_steps_done(struct image_steps *steps);

static inline void image_steps_done_p_(struct image_steps *steps)
{
	image_steps_done(steps);
}
#define cleanup_image_steps CLEANUP(image_steps_done)

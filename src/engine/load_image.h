/* SPDX-License-Identifier: Apache-2.0 */
/* One image on its way from an archive into the store: load.c says what it is, this does it. */
#pragma once

#include "base/strv.h"
#include "engine/load.h"
#include "engine/load_source.h"
#include "oci/image.h"

struct load {
	struct store *store;
	const struct image_load *options;
	struct load_source source;
};

struct load_image {
	/* An OCI layout's manifest, bit for bit; NULL: a Docker archive, whose manifest is made. */
	char *text;
	size_t length;
	struct digest digest; /* of text */
	struct manifest manifest; /* as read; or filled as layers are put */
	const char *config_name; /* of a Docker archive, and so are these; borrowed */
	char *const *layer_names;
	strv names; /* as the archive has them */
};

void load_image_done(struct load_image *image);
/* All of it, and its names. */
int load_image_add(const struct load *load, struct load_image *image, struct error **err);

static inline void load_image_done_p_(struct load_image *image)
{
	load_image_done(image);
}
#define cleanup_load_image CLEANUP(load_image_done)

/* SPDX-License-Identifier: Apache-2.0 */
/* Pushing an image to a registry (OCI distribution-spec 1.1, Docker registry v2). */
#pragma once

#include "oci/reference.h"
#include "registry/progress.h"
#include "store/store.h"

struct error;

/*
 * Sends the image under ref, which has a tag: layers that the registry has not, the configuration,
 * and last the manifest. That is the image's own, bit for bit, when its layers are compressed or
 * came with it; else the layers are compressed first (store/compress.h) and image->manifest becomes
 * the one that names them. What the registry calls the image then is remembered. Says a line for
 * each layer, and at last "latest: digest: sha256:… size: n".
 */
int registry_push(struct store *store, const struct reference *ref, struct image_row *image,
	const struct registry_progress *progress, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling an image from a registry (OCI distribution-spec 1.1, Docker registry v2) that needs no
 * login. */
#pragma once

#include "oci/reference.h"
#include "registry/progress.h"
#include "store/store.h"

struct error;

/*
 * Fetches by vessel-transfer, imports layers, commits the image under its reference: under
 * repository@digest when ref has a digest, so that no tag is moved. Manifest, configuration and the
 * layers as received are kept as blobs, and the image's id is the digest of its configuration.
 */
int registry_pull(struct store *store, const struct reference *ref,
	const struct registry_progress *progress, struct image_row *ret, struct error **err);

/*
 * Fetches an http or https URL (import, ADD) by vessel-transfer into an unnamed file; returns its
 * fd, at offset 0.
 */
int registry_fetch(const char *url, struct error **err);

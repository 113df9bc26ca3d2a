/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling an image from a registry (OCI distribution-spec 1.1, Docker registry v2). */
#pragma once

#include "base/strv.h"
#include "oci/reference.h"
#include "registry/progress.h"
#include "store/store.h"

struct error;

struct pull_options {
	const struct registry_progress *progress; /* NULL: silent */
	const char *platform; /* "os/arch[/variant]"; NULL: this machine's */
	bool *is_new; /* NULL: the last line says it; else it is told here: the reference did not
			 name this image before */
};

/*
 * Downloads what is not here, all layers at the same time, each of them checked and unpacked while
 * it comes, and commits the image under its reference: under repository@digest when ref has a
 * digest, so that no tag is moved. Manifest, configuration and the layers as received are kept as
 * blobs, and the image's id is the digest of its configuration.
 *
 * Interrupted by whatever, it leaves the layers that are whole, and of others what came
 * (store/partial.h): the next pull goes on behind that. Several that pull the same layer share one
 * download.
 */
int registry_pull(struct store *store, const struct reference *ref,
	const struct pull_options *options, struct image_row *ret, struct error **err);
/* The repository's tags, in the registry's order. */
int registry_tags(const struct reference *ref, strv *ret, struct error **err);

/*
 * Fetches an http or https URL (import, ADD) by vessel-transfer into an unnamed file; returns its
 * fd, at offset 0.
 */
int registry_fetch(const char *url, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling an image from a registry (OCI distribution-spec 1.1, Docker registry v2) that needs no
 * login. */
#pragma once

#include "oci/reference.h"
#include "store/store.h"

struct error;

struct pull_progress { /* any may be NULL */
	void (*line)(const char *text, void *arg); /* "a1b2c3d4e5f6: Pull complete" */
	void *arg;
};
/* Fetches by vessel-transfer, imports layers, commits the image under its reference. */
int registry_pull(struct store *store, const struct reference *ref,
	const struct pull_progress *progress, struct image_row *ret, struct error **err);

/*
 * Fetches an http or https URL (import, ADD) by vessel-transfer into an unnamed file; returns its
 * fd, at offset 0.
 */
int registry_fetch(const char *url, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images become an archive that is an OCI layout and a Docker archive at once, as Docker writes it
 * since 25: older ones, podman, skopeo and umoci each find what they read.
 *
 * Blobs are written as the store has them, each once, and a manifest bit for bit, so that digests
 * survive. The same images give the same bytes: entries are sorted, times are 0. The tables of
 * contents come last by that order, and are written when everything has been checked: what was cut
 * off, or turned out to be damaged, cannot be taken for whole.
 */
#pragma once

#include "engine/engine.h"

struct error;

struct image_save {
	char *const *names;
	const char *architecture; /* that the images must have; NULL: any */
	void (*warn)(const char *line, void *arg);
	void *arg;
};

/* Onto fd, a file or a pipe. */
int image_save(struct engine *engine, const struct image_save *options, int fd, struct error **err);
/* Into a file, which is there when all of it is, and not before. */
int image_save_file(struct engine *engine, const struct image_save *options, const char *path,
	struct error **err);

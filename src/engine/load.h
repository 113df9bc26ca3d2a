/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from an archive: of `docker save` in all its forms, podman's and skopeo's docker-archive,
 * an OCI layout; plain or compressed.
 *
 * Nothing in it is believed. The tar is taken apart in the jail; every blob is hashed before it
 * gets its name; a layer's tar must have the digest that the configuration says; and an image is
 * entered into the catalogue when all of it is here. An OCI manifest is kept bit for bit, and so is
 * a configuration: a Docker archive has no manifest, so one is made. What a failed load has added
 * goes again.
 */
#pragma once

#include "engine/engine.h"
#include "registry/progress.h"

struct error;

struct image_load {
	int fd;
	const char
		*architecture; /* of the images wanted; NULL: this machine's of several, else any */
	void (*say)(const char *line, void *arg); /* "Loaded image: debian:12" */
	void *arg;
	const struct registry_progress *progress; /* NULL: none */
};

int image_load(struct engine *engine, const struct image_load *options, struct error **err);

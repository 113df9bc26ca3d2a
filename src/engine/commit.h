/* SPDX-License-Identifier: Apache-2.0 */
/* An image of what a container has become. */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"
#include "oci/image.h"

struct error;

struct commit_options {
	const char *container, *reference, *author, *message; /* all but the first may be NULL */
	bool pause; /* while its files are read */
	const struct image_config *config; /* from commit_config(), changed as wanted */
};

/* The configuration of the container's image, with the container's own settings as its defaults. */
int commit_config(
	struct engine *engine, const char *container, struct image_config *ret, struct error **err);
int commit_run(struct engine *engine, const struct commit_options *options, struct image_row *ret,
	struct error **err);

/*
 * The end of a pause, should the process that commits be killed: a helper waits until its pipe is
 * closed, and unless a byte came, lets the container go on.
 */
int commit_guard(const struct engine_paths *paths, const char *id, int pipe_fd, struct error **err);

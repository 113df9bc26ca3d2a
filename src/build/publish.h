/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a build: the image's configuration is completed and stored under its names. */
#pragma once

#include "build/builder.h"

struct error;

/* --tag, in full form; all are checked before the first step. */
int tags_read(char *const *tags, strv *ret, struct error **err);
/* *ret_id ("sha256:…") is the caller's. */
int publish(struct builder *builder, struct state *state, char *const *tags, char **ret_id,
	struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARG and --build-arg. A value given by the user is used where an ARG asks for it, and nowhere
 * else; it is no part of the image's configuration, and history does not tell it.
 */
#pragma once

#include "build/builder.h"

struct error;

/* --build-arg as written: "NAME=value", or "NAME" to take ours. */
strv arguments_read(char *const *build_args);
/* An ARG inside a stage. */
int argument_step(struct builder *builder, struct state *state,
	const struct instruction *instruction, struct error **err);
/* Names that were given and that no ARG asked for, joined; NULL when there are none. */
char *arguments_unused(const struct builder *builder);

/* SPDX-License-Identifier: Apache-2.0 */
/* WORKDIR: a setting, and a directory that is made when the image has none. */
#pragma once

#include "build/layer.h"

struct error;

int workdir_step(struct builder *builder, struct state *state,
	const struct instruction *instruction, struct error **err);

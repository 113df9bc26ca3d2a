/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and ADD as steps. */
#pragma once

#include "build/layer.h"

struct error;

int add_step(struct builder *builder, struct state *state, const struct instruction *instruction,
	struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* RUN: a command in a container above the layers so far; what it wrote becomes a layer. */
#pragma once

#include "build/layer.h"

struct error;

int run_step(struct builder *builder, struct state *state, const struct instruction *instruction,
	struct error **err);
/* What a RUN's flags ask for is here and allowed? Asked for all of a stage before its first step.
 */
int run_check(
	const struct builder *builder, const struct instruction *instruction, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions that change only an image's configuration: one table from kind to function.
 * `import --change` and `commit --change` use the same.
 */
#pragma once

#include <stdbool.h>

#include "build/instruction.h"
#include "build/state.h"

struct error;

bool metadata_has(enum instruction_kind kind); /* also WORKDIR, which makes a directory too */
/* Expands and applies it. *ret_history (the caller's) is the text of its history entry, NULL when
 * it leaves none. */
int metadata_apply(struct state *state, const struct instruction *instruction, char **ret_history,
	struct error **err);

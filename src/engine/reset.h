/* SPDX-License-Identifier: Apache-2.0 */
/* `vessel system reset`: everything of one vessel goes: containers, images, volumes, cache, bridge
 * and firewall table. */
#pragma once

#include "engine/engine.h"

struct error;

/* Closes nothing: the engine is useless afterwards, but for engine_close(). */
int engine_reset(struct engine *engine, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* system check: what is on the disk against what it should be, and making it so again. */
#pragma once

#include "engine/engine.h"
#include "store/check.h"

struct error;

/*
 * Looks through the catalogue, the store, the containers' records and the volumes. With repair it
 * makes again what can be made, fetches images again whose registry is known, fills a catalogue
 * that cannot be read anew (the old one is moved aside), and removes what nothing names; then it
 * needs the store alone: ERROR_CONFLICT while something is pulled or built. Returns how many things
 * stay damaged.
 */
int engine_check(struct engine *engine, const struct store_check *check, struct error **err);

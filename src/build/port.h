/* SPDX-License-Identifier: Apache-2.0 */
/* EXPOSE: "80", "80/udp", "8000-8010", as the image has them: one "80/tcp" for each. */
#pragma once

#include "build/state.h"

struct error;

int ports_expand(const struct state *state, char *const *words, strv *ret, struct error **err);

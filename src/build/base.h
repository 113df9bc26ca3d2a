/* SPDX-License-Identifier: Apache-2.0 */
/* What FROM names when it is no stage: nothing ("scratch"), an image that is here, or one to pull.
 */
#pragma once

#include "build/builder.h"

struct error;

int base_load(struct builder *builder, const char *name, struct state *ret, struct error **err);
/* As people write it: "docker.io/library/debian:12". The caller frees. */
char *base_title(const char *name);

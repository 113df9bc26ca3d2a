/* SPDX-License-Identifier: Apache-2.0 */
/* A container's file system as a tar. */
#pragma once

#include "engine/engine.h"

struct error;

int container_export(struct engine *engine, const char *name, int out_fd, struct error **err);

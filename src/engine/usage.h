/* SPDX-License-Identifier: Apache-2.0 */
/* What images, containers, volumes and cached steps take of the disk. */
#pragma once

#include <json-c/json.h>

#include "engine/engine.h"

struct error;

/*
 * The object of GET /system/df (Docker Engine API v1.43): LayersSize, Images, Containers, Volumes,
 * BuildCache. Sizes are bytes of the disk: a layer counts with all forms in which it is kept. Those
 * of layers are recorded; what containers and volumes hold is walked.
 */
int engine_usage(struct engine *engine, struct json_object **ret, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* HEALTHCHECK: its flags and command as Docker's Healthcheck object. */
#pragma once

#include "base/json.h"
#include "build/instruction.h"

struct error;

/* *ret is the caller's. */
int health_parse(
	const struct instruction *instruction, struct json_object **ret, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON does not say which members of an inspected object are maps, and what type an unset one has.
 * Docker's users write templates against its types, so these tables tell (see cli/template.h).
 */
#pragma once

#include <json-c/json.h>

/* Marks maps, and puts marked empty values in the place of null or missing ones. */
void inspect_shape(struct json_object *object);

/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes of a container and the rules of who may use which: nothing but the usual ones unless
 * asked for. */
#pragma once

#include "engine/record.h"

struct error;

/* That each one is there, before anything is made. */
int bundle_check_devices(const struct record *record, struct error **err);
int bundle_add_devices(const struct record *record, struct spec *spec, struct error **err);

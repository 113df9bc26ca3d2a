/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what users ask for in numbers: limits, --ulimit, --device. Errors say the rule and what
 * to write. */
#pragma once

#include "engine/record.h"

struct error;

/* --memory, --cpus, … against each other and against this host; nano_cpus becomes quota and period
 * where they are used. */
int limits_check(const struct spec_resources *limits, int64_t nano_cpus, struct error **err);
/* The limits as the runtime wants them: nano_cpus, throttles and the default memory+swap worked in.
 */
int limits_resolve(const struct record *record, struct spec_resources *ret, struct error **err);
/* A new limit over an old one, field by field where set. */
void limits_merge(struct spec_resources *limits, const struct spec_resources *newer);
/* "nofile=1024:2048" in normal form, appended. */
int ulimit_parse(const char *text, strv *ret, struct error **err);
/* "/dev/x[:/dev/y][:rwm]" in normal form, appended. */
int device_parse(const char *text, strv *ret, struct error **err);
/* "/dev/sda:1mb" in normal form "path:bytes"; is_bytes: a size, else a count. */
int throttle_parse(
	const char *flag, const char *text, bool is_bytes, strv *ret, struct error **err);

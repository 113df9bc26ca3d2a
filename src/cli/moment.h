/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as --since and --until take them. */
#pragma once

#include <stdint.h>

struct error;

/* "42m" before now, "2026-01-31T01:02:03Z" and its shorter forms (local time without a zone), unix
 * seconds with or without a fraction. */
int moment_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* --chmod: "755", or as chmod(1) has it: "u=rwX,go-w", without a umask. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;

/* The mode that a file of this mode (with its type) gets; *ret has permission bits only. */
int mode_apply(const char *text, mode_t old, mode_t *ret, struct error **err);
bool mode_is_numeric(const char *text);

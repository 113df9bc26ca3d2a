/* SPDX-License-Identifier: Apache-2.0 */
/* What people read of a container's state and age. */
#pragma once

#include "engine/container.h"

/* "Up 2 seconds", "Up 5 minutes (Paused)", "Exited (137) 3 minutes ago", "Created", "Dead". The
 * caller frees. */
char *container_status_text(const struct container_status *status, int64_t now_ns);
/* "3 minutes ago"; the caller frees. */
char *ago_text(int64_t then_ns, int64_t now_ns);
/* "2026-01-31 01:02:03 +0000 UTC", local time as docker has it; the caller frees. */
char *created_text(int64_t ns);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lower layer of an overlay by its path: a directory; or an EROFS index over a tar, which is a
 * file LOWER_INDEX with the tar, LOWER_DATA, beside it. Such a one is mounted, detached, for each
 * who uses it.
 */
#pragma once

#include <stdbool.h>

struct error;

#define LOWER_INDEX "index.erofs"
#define LOWER_DATA "data"

bool lower_is_index(const char *path);
/* Mounts an index read-only; returns its fd. Linux 6.12, which mounts EROFS from files. */
int lower_mount(const char *path, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot: the writable directory (fs and work) above an image's layers. The overlay itself is
 * mounted only inside the mount namespace of who uses it, so the host's mount table does not grow.
 */
#pragma once

#include "base/strv.h"
#include "engine/engine.h"

struct error;

/* In store.tmp_fd, for a build step: *ret is its absolute path, with "fs" and "work" in it. */
int snapshot_make(struct engine *engine, char **ret, struct error **err);
int snapshot_discard(struct engine *engine, const char *path, struct error **err);
/* Mounts it detached: the fd is the merged root, seen by nobody else. Read-only when path is NULL.
 */
int snapshot_mount(char *const *lowers, const char *path, struct error **err);

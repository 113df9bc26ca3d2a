/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file system, read from outside for a person of the host: commit, diff, export.
 *
 * What is in it was made by the container, and may change while we look. So it is reached by fds of
 * directories that we chose, by names without slashes and without following a link, and never
 * through the container's own mounts and /proc.
 */
#pragma once

#include "base/strv.h"
#include "engine/engine.h"
#include "engine/record.h"

struct error;

/* What it has written: overlay's upper directory, opened for reading. */
int container_upper_open(struct engine *engine, const char *id, struct error **err);
/* What it was made from, as a detached read-only mount. */
int container_base_mount(struct engine *engine, const struct record *record, struct error **err);
/* Both together as it sees them, without what is mounted on them: a detached mount. */
int container_root_mount(struct engine *engine, const struct record *record, struct error **err);
/*
 * Paths in the upper directory that are there only because something was mounted on them, such as
 * proc and etc/hosts; each with all below it. Docker has these in a layer of their own.
 */
strv container_mount_points(int upper_fd, int base_fd);
/* Fails when the container is not there any more: what was read of it may be half removed. */
int container_check_there(struct engine *engine, const char *id, struct error **err);

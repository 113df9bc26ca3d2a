/* SPDX-License-Identifier: Apache-2.0 */
/* What a container has changed in its file system. */
#pragma once

#include <stddef.h>

#include "engine/engine.h"

struct error;

struct change {
	char kind; /* 'A' added, 'C' changed, 'D' deleted */
	char *path; /* absolute */
};

struct changes {
	struct change *items;
	size_t count, room;
};

/* Sorted by path. */
int container_diff(
	struct engine *engine, const char *name, struct changes *ret, struct error **err);
/* The same of an upper directory and what is below it. left_out: as container_mount_points() has
 * it. */
int changes_find(
	int upper_fd, int base_fd, char *const *left_out, struct changes *ret, struct error **err);
void changes_done(struct changes *changes);

static inline void changes_done_p_(struct changes *changes)
{
	changes_done(changes);
}
#define cleanup_changes CLEANUP(changes_done)

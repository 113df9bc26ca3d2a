/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount=type=…,key=value: read and checked here; unknown types, keys and values are refused,
 * so that nothing that was asked for is left out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "build/state.h"

struct error;

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH, MOUNT_TYPE_MAX_ };
enum mount_sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED, SHARING_MAX_ };

struct run_mount {
	enum mount_type type;
	char *from, *source, *target, *id, *env; /* NULL: not given */
	bool read_only, required;
	enum mount_sharing sharing;
	int64_t size; /* of a tmpfs; 0: not given */
	int64_t mode, uid, gid; /* -1: not given */
};

/* Values are expanded with the state's variables, but for "from". */
int run_mount_parse(
	const struct state *state, const char *text, struct run_mount *ret, struct error **err);
/* The stage or image it takes files from, not expanded, or NULL; the caller frees *ret. */
int run_mount_from(const char *text, char **ret, struct error **err);
void run_mount_done(struct run_mount *mount);
const char *mount_type_name(enum mount_type type);

static inline void run_mount_done_p_(struct run_mount *mount)
{
	run_mount_done(mount);
}
#define cleanup_run_mount CLEANUP(run_mount_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a mount, as mount(8) and the runtime specification name them, sorted into what the
 * kernel wants separately: attributes of the mount, its propagation, and parameters of the file
 * system. What no table knows is a parameter, and the file system itself refuses it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strv.h"
#include "sys/mount.h"

struct error;

#define MOUNT_PARAMETERS_MAX 32

struct mount_options {
	uint64_t set, clear; /* MOUNT_ATTR_*, of the mount itself */
	uint64_t all_set, all_clear; /* and of all below it */
	uint64_t propagation;
	bool propagate_all;
	bool bind, bind_all; /* bind, rbind */
	bool copy_up; /* a tmpfs begins with what it covers */
	bool copy_link; /* of a source that is a symlink the link itself is made */
	bool source_nofollow, target_nofollow; /* a symlink is not followed, but mounted (on) */
	bool idmap, idmap_all; /* ids are mapped; also of what is mounted below */
	const char *idmap_ids; /* what stands after "idmap=", or NULL */
	const char *unknown; /* the first word that no table knows, or NULL */
	struct mount_option parameters[MOUNT_PARAMETERS_MAX + 1]; /* ends with a NULL key */
	strv texts; /* what parameters point into */
};

int mount_options_parse(char *const *texts, struct mount_options *ret, struct error **err);
void mount_options_done(struct mount_options *options);

static inline void mount_options_done_p_(struct mount_options *options)
{
	mount_options_done(options);
}
#define cleanup_mount_options CLEANUP(mount_options_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bind mounts: a detached clone of the host's tree, with its attributes set. Init makes most of
 * them itself. Two kinds its caller makes, and passes them over the sync socket after SYNC_GO:
 *
 *   - of a container with a user namespace: init has no right to look below a directory that only
 *     the host's root may enter, and could not clear what the host has set on a mount;
 *   - with mapped ids: it takes rights in the user namespace of the file system, the host's.
 *
 * In the same way such a container gets its /dev, because nodes are made with the host's rights.
 * Init is a copy of its caller, and knows from its struct which ones will come, in their order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct mount_options;
struct spec;
struct spec_mount;

struct binds { /* by the number of the mount; -1: none */
	int *fds;
	size_t count;
};

bool bind_is_one(const struct spec_mount *mount); /* is it a bind at all? */
/* With copy-symlink the fd is that of a symlink, where the source is one. */
int bind_open(const struct spec *spec, const char *bundle, const struct spec_mount *mount,
	const struct mount_options *options, struct error **err);

/* The caller's side: before init is started, and after SYNC_GO. ret->count 0: nothing to send. */
int binds_open(const struct spec *spec, const char *bundle, struct binds *ret, struct error **err);
int binds_send(const struct binds *binds, int sync_fd, struct error **err);
/* Init's: those that expected has a number for. */
int binds_receive(const struct binds *expected, int sync_fd, struct binds *ret, struct error **err);
void binds_done(struct binds *binds);

static inline void binds_done_p_(struct binds *binds)
{
	binds_done(binds);
}
#define cleanup_binds __attribute__((cleanup(binds_done_p_)))

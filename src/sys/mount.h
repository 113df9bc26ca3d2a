/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts as fds: fsopen(2), fsmount(2), open_tree(2), mount_setattr(2), move_mount(2). Attributes
 * are set while a mount is still detached, so there is no writable moment, and a mount is attached
 * to an fd, so there is no second look-up of its target. Needs Linux 5.12.
 */
#pragma once

#include <linux/mount.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

struct mount_option {
	const char *key;
	const char *value; /* NULL: a flag */
};

/* A new file system, detached; attrs are MOUNT_ATTR_*; options end with a NULL key. Returns its fd.
 */
int mount_new(const char *type, const char *source, const struct mount_option *options,
	uint64_t attrs, struct error **err);
/*
 * An overlay, detached. lowers: topmost first, NULL-terminated paths (sys/lower.h). upper and work
 * may be NULL for a read-only one. Falls back where "lowerdir+" is unknown (before Linux 6.5).
 */
int mount_overlay(char *const *lowers, const char *upper, const char *work, uint64_t attrs,
	struct error **err);
/* A detached clone of what is at path. */
int mount_clone(int dir_fd, const char *path, bool recursive, struct error **err);
/* set and clear are MOUNT_ATTR_*, propagation MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0.
 */
int mount_set(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive,
	struct error **err);
/* Shows ids as user_ns_fd maps them: what is 0 on disk is what its 0 is outside. Before attaching.
 */
int mount_idmap(int mount_fd, int user_ns_fd, bool recursive, struct error **err);
int mount_attach(int mount_fd, int target_fd, struct error **err);
/* All mounts of this namespace become propagation (MS_PRIVATE, MS_SLAVE…). */
int mount_propagate_root(uint64_t propagation, struct error **err);
/* Makes root_fd the root and detaches the old one; the working directory becomes "/". */
int mount_pivot(int root_fd, struct error **err);
/* In place: /proc/PID/mountinfo has space, tab, newline and backslash as three octal digits. */
void mountinfo_unescape(char *text);

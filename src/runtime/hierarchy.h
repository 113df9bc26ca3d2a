/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's view of its own cgroup at /sys/fs/cgroup: the v2 tree, or a tmpfs with one
 * directory for each v1 hierarchy.
 *
 * The hierarchies are bound from the host's mounts, not mounted anew: a cgroup file system mounted
 * in a new cgroup namespace is a new super block for each container and hierarchy.
 */
#pragma once

struct error;
struct mount_options;
struct rootfs;

/*
 * The process is in its cgroup, but in no new cgroup namespace yet, and /proc is still the host's:
 * /proc/self/cgroup says where on the host the own cgroup is.
 */
int hierarchy_mount(const struct rootfs *root, const struct mount_options *options,
	const char *target, struct error **err);

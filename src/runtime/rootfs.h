/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file tree, built in its own mount namespace before it has any process but ours.
 *
 * The image chose every name below the root. So a target is resolved once, inside the root
 * (sys/path.h), and what is mounted is attached to that fd; attributes are set before. /dev is a
 * fresh tmpfs, filled while nothing can reach it. /proc, /sys and /dev must be real directories:
 * as symlinks they would turn masks and nodes to other places (CVE-2019-19921 and its kin).
 */
#pragma once

#include <stdbool.h>

#include "oci/spec.h"
#include "runtime/bind.h"

struct error;

struct rootfs {
	const struct spec *spec;
	const char *bundle; /* for relative paths; may be NULL */
	bool await_cgroup; /* not in its cgroup yet: see init_await_cgroup() */
	bool at_its_path; /* hooks find the root where the bundle has it, until it is entered */
	bool user_ns; /* no device nodes can be made: the host's are bound */
	int mounted_fd; /* -1, or the overlay, mounted by who made us */
	int root_fd; /* attached at "/" of the old root until rootfs_enter() */
	int null_fd; /* the host's /dev/null, verified */
	int proc_fd; /* a procfs of ours that no one else sees, until it becomes /proc */
	int dev_fd; /* a /dev that is to be read-only, or -1 */
	struct binds binds; /* what the caller has made of the mounts */
	int terminal_fd; /* the slave, when the process has a terminal */
	int master_fd;
};

#define ROOTFS_INIT \
	{ \
		.mounted_fd = -1, .root_fd = -1, .null_fd = -1, .proc_fd = -1, .terminal_fd = -1, \
		.dev_fd = -1, .master_fd = -1 \
	}

/* All mounts of the spec, devices, masks; the terminal, when the process has one. */
int rootfs_build(struct rootfs *root, struct error **err);
/* Makes it the root of this process's mount namespace. */
int rootfs_enter(struct rootfs *root, struct error **err);
/* The same where the old root is the kernel's first one, which cannot be left by pivot_root(2). */
int rootfs_enter_by_chroot(struct rootfs *root, struct error **err);
/* Opens the host's /dev/null and makes sure that it is that; before any path of the image is used.
 */
int null_open(struct error **err);
/* A procfs that is nowhere attached: writes through it cannot be led elsewhere. */
int private_proc_open(struct error **err);

/* The rest is for this folder. */

/* linux.rootfsPropagation, once entered: pivot_root(2) refuses a root that is shared. */
int rootfs_propagate(const struct rootfs *root, struct error **err);
/* One mount of the spec. */
int rootfs_mount(struct rootfs *root, const struct spec_mount *mount, struct error **err);
/* The mount point at path, made when missing. */
int rootfs_target(const struct rootfs *root, const char *path, bool directory, struct error **err);
/* The same, where path is a symlink, too: the link itself. */
int rootfs_target_itself(
	const struct rootfs *root, const char *path, bool directory, struct error **err);
/* Attaches mount_fd at path, which must not be reached by a symlink. */
int rootfs_attach_real(
	const struct rootfs *root, int mount_fd, const char *path, struct error **err);
/* Attaches a clone of one of the host's files or nodes. */
int rootfs_bind_node(
	const struct rootfs *root, int node_fd, const char *target, struct error **err);
/* Where in the host's mount namespace the specification's source is; the caller frees it. */
char *rootfs_host_path(const struct rootfs *root, const char *path);

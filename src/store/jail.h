/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where outside bytes are parsed. Who breaks the parser holds a process that
 *   - sees one directory, the destination, as its root, and no other mount (pivot_root(2)); where
 *     the destination cannot be cloned, an empty root beside it;
 *   - opens, makes and removes files below the destination only (Landlock, where the kernel has
 * it), none of them a device (nodev), executes nothing;
 *   - has no network and no System V objects of the host (namespaces);
 *   - can own and mark files (the capabilities for chown, modes, mknod and file capabilities), but
 *     not mount, trace, or load anything;
 *   - makes some fifty system calls; another one kills it (seccomp);
 *   - cannot outlive its parent, nor write more than STREAM_LIMIT to a file.
 *
 * The order is that of the rights needed: namespaces and mounts first, the filter last.
 */
#pragma once

struct error;

/* dest_fd keeps its number, and may become another mount of the same directory. -1: no
 * directory at all. Fds that others left open are the caller's to close before. */
int jail_enter(int dest_fd, struct error **err);

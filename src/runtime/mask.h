/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the kernel's file systems that a container must not read, or not write. */
#pragma once

struct error;
struct rootfs;

/*
 * The spec's masked and read-only paths. Only a path that is not there may be passed over: what is
 * asked for and cannot be hidden is an error (CVE-2025-31133).
 */
int mask_paths(const struct rootfs *root, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev: a tmpfs with the devices that every container has, those of the spec, and the usual links.
 * It is filled before it is attached, so nothing of the image is in the way (CVE-2026-41579).
 */
#pragma once

#include <stdbool.h>

struct error;
struct mount_options;
struct rootfs;
struct spec;
struct spec_mount;

bool devices_have_mount(const struct spec *spec); /* is there a mount for /dev? */
/*
 * For a container in a user namespace that is made for it: its /dev, with all nodes, made by who
 * starts it. Then init has nothing to fill. EPERM from who may not make nodes himself.
 */
bool devices_are_callers(const struct spec *spec, const struct spec_mount *mount);
int devices_make(const struct spec *spec, const struct mount_options *options, struct error **err);
/* A tmpfs at /dev for a spec that has none. */
int devices_mount_default(const struct rootfs *root, struct error **err);
/* Fills the detached tmpfs and attaches it at /dev. */
int devices_fill(const struct rootfs *root, int dev_fd, struct error **err);
/* The devices of the spec whose path is not below /dev. */
int devices_outside_dev(const struct rootfs *root, struct error **err);

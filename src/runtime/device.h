/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev: a tmpfs with the devices that every container has, those of the spec, and the usual links.
 * It is filled before it is attached, so nothing of the image is in the way (CVE-2026-41579).
 */
#pragma once

#include <stdbool.h>

struct error;
struct rootfs;
struct spec;

bool devices_have_mount(const struct spec *spec); /* is there a mount for /dev? */
/* A tmpfs at /dev for a spec that has none. */
int devices_mount_default(const struct rootfs *root, struct error **err);
/* Fills the detached tmpfs and attaches it at /dev. */
int devices_fill(const struct rootfs *root, int dev_fd, struct error **err);
/* The devices of the spec whose path is not below /dev. */
int devices_outside_dev(const struct rootfs *root, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.netDevices: devices of the host that move into the container's network namespace, with a
 * new name where one is given, their global addresses, and set up. The kernel moves physical ones
 * back when that namespace ends.
 */
#pragma once

#include <sys/types.h>

struct error;
struct spec;

/* By the caller, from its network namespace into that of pid, a child not yet waited for. */
int net_devices_move(const struct spec *spec, pid_t pid, struct error **err);

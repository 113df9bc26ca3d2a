/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the new namespaces: host name, sysctls, the loopback device. */
#pragma once

#include <stdint.h>

struct error;
struct spec;

/*
 * new_namespaces are those that the container does not share: a setting of a shared one would
 * change the host or another container, and is refused. proc_fd is a procfs of ours.
 */
int kernel_settings_apply(
	const struct spec *spec, uint64_t new_namespaces, int proc_fd, struct error **err);

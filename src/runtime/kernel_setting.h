/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the new namespaces: host name, sysctls, the loopback device. */
#pragma once

#include <stdint.h>

struct error;
struct spec;

/*
 * By who starts the container, before anything is made: whether all settings are of namespaces that
 * the container does not share with us.
 */
int kernel_settings_check(const struct spec *spec, struct error **err);
/* By init, in its namespaces; proc_fd is a procfs of ours. */
int kernel_settings_apply(
	const struct spec *spec, uint64_t new_namespaces, int proc_fd, struct error **err);

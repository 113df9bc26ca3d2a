/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.intelRdt: a group of the kernel's resctrl file system, which shares out cache and memory
 * bandwidth (Intel RDT, AMD QoS). It is asked for by its hardware's name, so without that hardware
 * it is an error, and never left out.
 */
#pragma once

#include <sys/types.h>

struct error;
struct spec;

#define RDT_ROOT "/sys/fs/resctrl"

/* By the caller, before anything is made: has this machine what is asked for? */
int rdt_check(const struct spec *spec, struct error **err);
/* Puts pid into its group, made when missing. root_fd is RDT_ROOT's; id the container's. */
int rdt_join(int root_fd, const struct spec *spec, const char *id, pid_t pid, struct error **err);
/* The same at RDT_ROOT; nothing when nothing is asked for. */
int rdt_apply(const struct spec *spec, const char *id, pid_t pid, struct error **err);
/* After the container's end: the groups that rdt_join() has made. Missing ones are fine. */
int rdt_remove(const struct spec *spec, const char *id, struct error **err);

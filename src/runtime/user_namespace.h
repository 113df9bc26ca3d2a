/* SPDX-License-Identifier: Apache-2.0 */
/* Which ids a new user namespace has, written by who made it; user_namespaces(7). */
#pragma once

#include <sys/types.h>

struct error;
struct spec;

/* The spec has its maps (oci-runtime/default_map.h fills in what a bundle leaves out). Directly
 * where we may; else by newuidmap and newgidmap, which ask /etc/subuid and /etc/subgid. */
int user_namespace_map(const struct spec *spec, pid_t pid, struct error **err);
/* For who has entered such a namespace: becomes its root, or the first id where it has no 0. */
int user_namespace_become_root(const struct spec *spec, struct error **err);

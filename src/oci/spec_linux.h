/* SPDX-License-Identifier: Apache-2.0 */
/* Smaller parts of a spec: hooks, and members of linux that are an object each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"

enum spec_hook_point { /* in the order of a container's life */
	HOOK_PRESTART, /* deprecated, still used by all: as createRuntime */
	HOOK_CREATE_RUNTIME, /* namespaces and mounts are made; runs in ours */
	HOOK_CREATE_CONTAINER, /* before the root is entered; program in our mounts, run in its
				  namespaces */
	HOOK_START_CONTAINER, /* by init in the container, before the program */
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_POINTS
};

struct spec_hook {
	char *path; /* absolute */
	strv args, env; /* args NULL: the path alone */
	int timeout; /* seconds; 0: none */
};

struct spec_hooks {
	struct spec_hook *items;
	size_t count;
};

struct spec_time_offset {
	int64_t secs;
	uint32_t nanosecs;
	bool set;
};

struct spec_personality {
	bool set;
	uint32_t value; /* PER_* and flags, of personality(2) */
};

struct spec_intel_rdt {
	bool set;
	char *clos_id; /* NULL: the container's id */
	strv schemata; /* lines */
	char *l3_schema, *mem_bw_schema; /* the older way to give two of them */
	bool monitoring; /* a group of its own for the counters */
};

struct spec_memory_policy { /* set_mempolicy(2) */
	bool set;
	int mode; /* MPOL_* and MPOL_F_* together */
	char *nodes; /* NULL, or "0-1,3" */
};

struct spec_net_device { /* a device of the host that moves into the container */
	char *host, *name; /* name NULL: as it is */
};

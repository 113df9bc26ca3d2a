/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the host, as /proc shows them. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/strv.h"

struct error;

struct proc {
	pid_t pid, parent;
	uid_t uid;
	int terminal; /* device number, 0: none */
	uint64_t ticks, start_ticks; /* CPU time used; after boot */
	char *command; /* its arguments, or [name] */
};

/* All processes in a cgroup whose path contains text, by pid. The caller frees with procs_free().
 */
int procs_of_cgroup(const char *text, struct proc **ret, size_t *ret_count, struct error **err);
void procs_free(struct proc *procs, size_t count);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last stretch to execve(2), the same for a container's first process and for later ones: the
 * process is in its namespaces and root, has its sync socket at LAUNCH_SYNC_FD and stdio at 0 to 2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strv.h"
#include "runtime/container.h"
#include "runtime/user.h"

struct error;
struct filter;
struct spec_process;

struct entry {
	const struct spec *spec; /* of the container */
	const struct spec_process *process;
	const struct container_io *io;
	const struct filter *filter; /* seccomp; without bytes: none */
	bool confined; /* it is loaded */
	bool is_exec; /* a later process of the container */
	bool use_init; /* args are given to /sbin/docker-init */
	bool no_new_keyring;
	bool has_gate; /* at LAUNCH_GATE_FD */
	unsigned int preserved_fds; /* from LAUNCH_PRESERVED_FD on, for the program from 3 on */
	/* Filled by entry_prepare(), which moves them out of the way of the preserved ones: */
	int sync_fd, gate_fd;
	struct user user;
	strv args, env;
	char *program;
};

/*
 * As early as possible, before anything of the image is touched: own session, no core dumps or
 * ptrace of us, signals as a program expects them.
 */
int entry_begin(struct entry *entry, struct error **err);
/* Everything but the program. root_fd is "/"; terminal_fd the slave, or -1. */
int entry_prepare(struct entry *entry, int root_fd, int terminal_fd, struct error **err);
/*
 * Loads the filter, once: what follows must be allowed by it. One with a listener is loaded before
 * the caller hears SYNC_READY (ready is false), because it is the caller who passes the listener
 * on; others as late as can be.
 */
int entry_confine(struct entry *entry, bool ready, struct error **err);
/* Returns only with an error. */
int entry_exec(struct entry *entry, struct error **err);

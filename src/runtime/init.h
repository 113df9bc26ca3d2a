/* SPDX-License-Identifier: Apache-2.0 */
/* A container's first process, from clone to execve. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/container.h"
#include "runtime/namespace.h"

struct init {
	const struct container_setup *setup;
	struct namespaces namespaces;
	bool wait_go; /* until the caller has attached it to the cgroup, and mapped ids */
	const struct binds *binds; /* what the caller sends; its count 0: nothing */
	const struct filter *filter;
};

struct rootfs;

/* In a user namespace its caller sets its oom_score_adj, and init waits for that. */
bool init_score_is_callers(const struct spec *spec, const struct namespaces *namespaces);

/*
 * Attaching to a dozen hierarchies takes the caller as long as most mounts take init, so they
 * happen at the same time. What depends on the cgroup waits here first: its mounts, its namespace,
 * and the program.
 */
void init_await_cgroup(struct rootfs *root);
/* For struct launch. */
void init_run(void *init) __attribute__((noreturn));

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which namespaces of a spec are made, and which are joined. One that is the caller's own is
 * neither: the container shares it, as when it was not mentioned.
 */
#pragma once

#include <stdint.h>

struct error;
struct launch;
struct spec;

struct namespaces {
	uint64_t made, joined; /* CLONE_NEW* */
	int time_fd; /* -1, or a time namespace that init must join by itself */
};

/* Opens those to join, into launch; says which ones the process is cloned into. */
int namespaces_plan(
	const struct spec *spec, struct namespaces *ret, struct launch *launch, struct error **err);
void namespaces_close(struct namespaces *namespaces, struct launch *launch);

/* For init: joins or makes its time namespace. proc_fd is a procfs of ours. */
int time_namespace_enter(const struct spec *spec, const struct namespaces *namespaces, int proc_fd,
	struct error **err);

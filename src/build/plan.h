/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of a Dockerfile: which instructions are whose, what each is built upon, which one is
 * wanted. A stage may use only stages before it, so there are no circles.
 */
#pragma once

#include "build/dockerfile.h"
#include "build/state.h"

struct error;

#define STAGES_MAX 1000

struct stage {
	size_t index;
	const struct instruction *from;
	const struct instruction *steps; /* what follows FROM */
	size_t step_count;
	char *name; /* lower case; NULL when it has none */
	char *base; /* FROM's name, expanded */
	ssize_t base_stage; /* -1: base is an image, or "scratch" */
	bool built;
	struct state state; /* at its end, once built */
};

struct plan {
	struct stage *stages;
	size_t count, target;
	strv globals; /* ARGs before the first FROM, and the platform's */
};

struct plan_options {
	char *const *build_args; /* "NAME=value" */
	const char *target; /* NULL: the last one */
};

/* Borrows the dockerfile. Errors have file and line. */
int plan_make(const struct dockerfile *dockerfile, const struct plan_options *options,
	struct plan *ret, struct error **err);
void plan_done(struct plan *plan);
/* The stage before `before` that a name or number means, or -1. */
ssize_t plan_find(const struct plan *plan, const char *name, size_t before);

static inline void plan_done_p_(struct plan *plan)
{
	plan_done(plan);
}
#define cleanup_plan CLEANUP(plan_done)

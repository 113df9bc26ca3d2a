/* SPDX-License-Identifier: Apache-2.0 */
/* One build: what its steps share. */
#pragma once

#include "build/build.h"
#include "build/context.h"
#include "build/dockerfile.h"
#include "build/plan.h"
#include "build/progress.h"

struct builder {
	struct engine *engine;
	const struct build_options *options;
	struct catalog *catalog; /* the store's */
	strv build_args; /* "NAME=value" */
	struct context context;
	struct dockerfile dockerfile;
	struct plan plan;
	struct progress progress;
	/* The stage that is being built. */
	const struct stage *stage;
	size_t done, total; /* of its steps that are counted: "[2/4]" */
	bool on_build; /* an instruction of the base image */
};

/* Shows "#5 [build 2/4] RUN …". */
struct progress_step builder_begin(struct builder *builder, const char *text);
/* Another stage or image by name, for COPY --from: its state at its end, loaded or pulled into
 * *own when it is no stage. *ret is borrowed from there or from the plan. */
int builder_find_source(struct builder *builder, const char *name, struct state *own,
	const struct state **ret, struct error **err);

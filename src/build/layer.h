/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that make a layer. A key is made of all that the step's result depends on; what was made
 * under a key before is taken instead of doing the step. A key begins with the digests of the
 * layers below (not with the names of steps), so only content that is really the same is taken, and
 * a change that changes nothing is found out at the next step.
 */
#pragma once

#include "build/builder.h"
#include "build/state.h"

struct error;

/* A root file system to look at or to write into. */
struct workspace {
	struct engine *engine;
	char *snapshot; /* its path; NULL when nothing is written */
	int root_fd; /* the merged root */
};

enum workspace_use {
	WORKSPACE_READ, /* the state's root */
	WORKSPACE_WRITE, /* the same, and what is written is kept apart */
	WORKSPACE_RUN, /* for step_run(), which mounts it itself: no root_fd */
};

/* Without any layers, the new layer's directory is the root itself. */
int workspace_open(struct engine *engine, const struct state *state, enum workspace_use use,
	struct workspace *ret, struct error **err);
/* What was written becomes a layer. */
int workspace_commit(struct workspace *workspace, struct layer_row *ret, struct error **err);
void workspace_done(struct workspace *workspace);
/* The state's layers for overlay, topmost first. */
int state_lowers(struct engine *engine, const struct state *state, strv *ret, struct error **err);

/* 1 when the step of this key was done before and its layer is still here. */
int layer_find(struct builder *builder, const char *key, struct cache_row *ret, struct error **err);
int layer_remember(
	struct builder *builder, const char *key, const struct layer_row *made, struct error **err);
/* Puts what a step made (NULL: no layer) on top of the state, with its history entry. */
int layer_append(struct builder *builder, struct state *state, const struct digest *layer,
	const char *history, struct error **err);

static inline void workspace_done_p_(struct workspace *workspace)
{
	workspace_done(workspace);
}
#define cleanup_workspace CLEANUP(workspace_done)
#define WORKSPACE_INIT \
	{ \
		.root_fd = -1 \
	}

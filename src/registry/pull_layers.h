/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pull's layers. Each goes through these, several of them at the same time:
 *
 *   LAYER_TODO      -> DONE when it is in the store, or comes there by another process meanwhile;
 *                   -> WORKING when its partial blob could be locked: what is missing is ordered,
 *                      and a worker (store/layer_worker.h) has the pipe's other end. Not locked:
 *                      tried again, a little later. So nobody ever waits for a lock with another
 *                      one in hand.
 *   LAYER_WORKING   -> DONE; or, once, back to TODO, when the bytes had another digest.
 *   LAYER_DONE         is held (layer_hold()) until the image names it
 */
#pragma once

#include <stddef.h>

#include "oci/image.h"
#include "registry/pull_session.h"
#include "store/layer_worker.h"
#include "store/partial.h"

struct error;

enum layer_state { LAYER_TODO, LAYER_WORKING, LAYER_DONE };

struct pull_layer {
	const struct descriptor *blob; /* borrowed */
	const struct digest *diff_id; /* borrowed */
	enum layer_state state;
	bool said_waiting, restarted;
	struct partial partial; /* locked while WORKING */
	struct layer_worker worker;
	struct layer_row row; /* of one that is DONE */
	int hold_fd;
};

struct pull_layers {
	struct store *store; /* borrowed, as all of these */
	struct pull_session *session;
	const struct registry_progress *progress;
	struct pull_layer *items;
	size_t count;
};

/* Looks which are here, and says so unless all are. */
int pull_layers_init(struct pull_layers *layers, const struct manifest *manifest,
	const struct image_config *config, struct error **err);
int pull_layers_run(struct pull_layers *layers, struct error **err);
/* Their rows again, should another process have removed an image that had them. */
int pull_layers_register(const struct pull_layers *layers, struct error **err);
void pull_layers_done(struct pull_layers *layers);

/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what nothing uses: containers that do not run, images without a container, volumes,
 * cached steps. Each thing goes whole or stays; one that cannot go does not keep the others. */
#pragma once

#include "engine/engine.h"

struct error;

struct prune {
	bool all; /* images that have a name, volumes that have one */
	/* Whether the user's filters let this one go; NULL: all of them. */
	bool (*wanted)(char *const *labels, int64_t created_ns, void *arg);
	void *arg;
};

struct prune_report {
	strv removed; /* as docker prints it */
	int64_t reclaimed; /* bytes of the disk */
};

int containers_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err);
int images_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err);
int volumes_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err);
/* ERROR_CONFLICT while something is pulled or built. */
int cache_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err);
/* Sweeps the store, and removes the layers that no image, no cached step and no container names,
 * when nothing is being made. */
int layers_tidy(struct engine *engine, struct error **err);
void prune_report_done(struct prune_report *report);

/* What all layers together take of the disk. */
int layers_size(struct engine *engine, int64_t *ret, struct error **err);

static inline void prune_report_done_p_(struct prune_report *report)
{
	prune_report_done(report);
}
#define cleanup_prune_report CLEANUP(prune_report_done)

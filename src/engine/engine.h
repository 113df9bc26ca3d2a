/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: where images, containers, networks and their state meet. A command opens it, does one
 * thing, closes it; nothing stays running but the monitors. It never prints and never exits.
 */
#pragma once

#include "state/register.h"
#include "store/store.h"

struct error;

struct engine {
	char *root, *run_dir; /* absolute */
	char instance[9]; /* "" for the default root; else eight hex digits that name its bridge,
			     table, cgroups */
	int run_fd, containers_fd, volumes_fd;
	struct store store;
	struct register_db *containers; /* opened at first use: engine_register() */
	/* Of a --rm container that was created and not yet started: kept, so that nobody's crash
	 * leaves it behind. */
	char *held_id; /* NULL: none */
	int held_fd;
	/* A monitor that was started before its container was made: see launch_ahead(). */
	char *ahead_id; /* NULL: none */
	int ahead_fd;
};

struct engine_paths {
	const char *root; /* NULL: $VESSEL_ROOT, else /var/lib/vessel */
	const char *run_dir; /* NULL: $VESSEL_RUN, else /run/vessel */
};

int engine_open(const struct engine_paths *paths, struct engine *ret, struct error **err);
void engine_close(struct engine *engine);
/* The register, filled again after a reboot. */
int engine_register(struct engine *engine, struct register_db **ret, struct error **err);

/* Before work that adds to the store: what a killed command has left in it goes. Cheap when there
 * is nothing. */
int engine_tidy(struct engine *engine, struct error **err);

static inline void engine_close_p_(struct engine *engine)
{
	engine_close(engine);
}
#define cleanup_engine CLEANUP(engine_close)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launching: from a prepared run directory to a running program. Used by container_start() and by
 * the builder's steps; what differs between them is given, not asked.
 */
#pragma once

#include "engine/container.h"
#include "engine/record.h"
#include "engine/wiring.h"
#include "monitor/config.h"

struct error;

struct launch {
	const char *id;
	struct spec *spec;
	const struct monitor_config *monitor;
	const struct wiring *wiring; /* NULL: no veth to plug */
	const struct container_attach *attach;
};

/* Makes RUN/containers/<id>; returns its O_PATH fd. */
int launch_make_directory(struct engine *engine, const char *id, struct error **err);
/* hosts, hostname and resolv.conf of the run directory, on this address (NULL: none). */
int launch_write_etc(struct engine *engine, const struct record *record, const char *address,
	struct error **err);
/*
 * Starts the monitor of a container that will be launched soon: it gets ready on another processor
 * while we prepare the rest. Best effort, and at most one; closing the engine ends it.
 */
void launch_ahead(struct engine *engine, const char *id);
/* Writes the bundle, spawns the monitor, plugs, starts. Returns the connection when something is
 * attached, else -2. */
int launch_start(struct engine *engine, const struct launch *launch, struct error **err);
/* Undo of all that a launch made, and the end of what ran: cgroup, wiring, run directory.
 * Idempotent. */
int launch_clear(struct engine *engine, const char *id, struct error **err);

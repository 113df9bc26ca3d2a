/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor itself, for src/main/monitor.c: see monitor/protocol.h for what it promises. */
#pragma once

struct error;

/*
 * Makes, serves and buries the container of run_dir. engine_fd is the connection to the engine,
 * vessel_fd an O_PATH fd of the vessel program for the last act, or -1; both are taken over.
 * Returns only when there is nothing left to do; -1 when the container could not be started (the
 * engine was told).
 */
int monitor_run(const char *run_dir, int engine_fd, int vessel_fd, struct error **err);

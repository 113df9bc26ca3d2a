/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of a monitor: spawning one, asking whether it lives, connecting. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;

/* Spawns the monitor for a run directory (absolute path) that need not be there yet; returns the
 * connection. Closing it before monitor_begin() ends the monitor. */
int monitor_spawn(const char *run_dir, struct error **err);
/* The run directory is ready. */
int monitor_begin(int connection, struct error **err);
/* 1 when some monitor holds the lock of this run directory: asked of the kernel, never of a file's
 * content. */
int monitor_is_alive(int run_dir_fd, struct error **err);
/* Returns a connection to a living monitor. */
int monitor_connect(int run_dir_fd, struct error **err);

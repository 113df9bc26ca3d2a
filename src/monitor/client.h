/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of a monitor: spawning one, asking whether it lives, connecting. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;

/* Spawns the monitor for a prepared run directory (absolute path); returns the connection. */
int monitor_spawn(const char *run_dir, struct error **err);
/* 1 when some monitor holds the lock of this run directory: asked of the kernel, never of a file's
 * content. */
int monitor_is_alive(int run_dir_fd, struct error **err);
/* Returns a connection to a living monitor. */
int monitor_connect(int run_dir_fd, struct error **err);

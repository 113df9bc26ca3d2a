/* SPDX-License-Identifier: Apache-2.0 */
/* What a pull, push, load or save tells while it works; any of the functions may be NULL. */
#pragma once

#include <stdint.h>

struct registry_progress {
	void (*line)(const char *text, void *arg); /* "a1b2c3d4e5f6: Pull complete" */
	/* While a layer moves: for a terminal's bars; id as in the lines. */
	void (*bytes)(const char *id, int64_t current, int64_t total, void *arg);
	void *arg;
};

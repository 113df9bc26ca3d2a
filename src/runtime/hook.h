/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that a bundle wants to be run at moments of its container's life (config.md, "POSIX-
 * platform Hooks"), each with the container's state as JSON on its stdin. One that fails, or is not
 * over in time, ends the start of a container; what that means after the start, the caller knows.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "oci/spec.h"

struct error;

struct hook_state {
	const char *version; /* of the specification; NULL: ours */
	const char *id, *status, *bundle;
	pid_t pid; /* as the hook sees it; 0: none */
	char *const *annotations; /* "key=value" */
};

bool hooks_any(const struct spec *spec); /* those that are ours to run: all but post* */
/* The caller frees it. */
char *hook_state_text(const struct hook_state *state);
/*
 * All hooks of a point, in their order, until one fails. Their working directory is the bundle, or
 * "/" where it cannot be entered, and for startContainer.
 */
int hooks_run(const struct spec *spec, enum spec_hook_point point, const struct hook_state *state,
	struct error **err);
/* The same with a state that somebody else has written. */
int hooks_run_text(const struct spec *spec, enum spec_hook_point point, const char *bundle,
	const char *text, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter whose SCMP_ACT_NOTIFY calls somebody outside decides on (seccomp_unotify(2)).
 *
 * Loading the filter gives its listener, an fd, and from then on each call of the process may wait
 * for who has not got it yet. So the process sends nothing: a thread of it, made before and not
 * filtered, shares its fds, knows which number the next one gets, sees it appear, sends it to the
 * caller of the runtime (SYNC_LISTENER) and ends. The filter may ask about any call whatever.
 *
 * The caller connects to the profile's listenerPath and sends the fd with the specification's
 * "container process state". It does so before the program runs: without an agent no container.
 */
#pragma once

#include <sys/types.h>

#include "runtime/hook.h"

struct error;
struct filter;
struct spec;

/* For the process itself. Returns when the fd is on its way. */
int listener_load(const struct filter *filter, int sync_fd, struct error **err);

struct listener_state { /* all borrowed */
	const char *path, *metadata; /* of the profile */
	struct hook_state container; /* "creating", or "running" for exec */
	pid_t pid; /* whose filter it is */
};
/* What the spec says of it. */
void listener_describe(const struct spec *spec, struct listener_state *state);
/* For the caller of the runtime, with the fd that it got. */
int listener_send(const struct listener_state *state, int listener_fd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of vessel-transfer: one process for one job, at the other end of a socket. Its
 * first message is registry/access.h's. */
#pragma once

#include <sys/types.h>

struct error;

struct access;

/* Starts `vessel-transfer VERB WHAT`, and tells it where what, a reference (fetch: a URL), is to be
 * had and as whom; returns our end of its socket. */
int registry_helper_start(const char *verb, const char *what, pid_t *ret_pid, struct error **err);
/* The same when the caller knows where and as whom. */
int registry_helper_start_as(const char *verb, const char *what, const struct access *access,
	pid_t *ret_pid, struct error **err);
/* Ends it at once, and closes the socket: it has nothing to tidy up. */
void registry_helper_stop(int socket_fd, pid_t pid);
/* Why a helper closed its socket without a word. */
int registry_helper_gone(int socket_fd, pid_t pid, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of vessel-transfer: one process for one job, at the other end of a socket. */
#pragma once

#include <sys/types.h>

struct error;

/* Starts `vessel-transfer VERB WHAT`; returns our end of its socket. */
int registry_helper_start(const char *verb, const char *what, pid_t *ret_pid, struct error **err);
/* Ends it at once, and closes the socket: it has nothing to tidy up. */
void registry_helper_stop(int socket_fd, pid_t pid);
/* Why a helper closed its socket without a word. */
int registry_helper_gone(int socket_fd, pid_t pid, struct error **err);

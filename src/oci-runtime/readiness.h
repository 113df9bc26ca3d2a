/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the service manager that started us when the container is ready (runtime/notify.h). The
 * environment's NOTIFY_SOCKET says that one wants to know.
 */
#pragma once

#include <sys/types.h>

struct error;
struct spec;
struct state;

/* For create and run, before init is made: 0, also when nobody wants to know. */
int readiness_prepare(const struct state *state, struct spec *spec, struct error **err);
/* The container's socket, before its program runs; -1 in *ret when nobody wants to know. */
int readiness_listen(const struct state *state, int *ret, struct error **err);
/* Waits for the container's word, or its end, and passes it on. */
int readiness_relay(const struct state *state, int notify_fd, int pidfd, struct error **err);
/* The same by a child, for who has something else to wait for. It ends with the container. */
int readiness_relay_beside(const struct state *state, int notify_fd, int pidfd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) of a container: one whose runtime has a NOTIFY_SOCKET gets one of its own, in a
 * directory that only it sees. The runtime listens there and tells the host that the container is
 * ready, with the pid that the host knows. Nothing else passes: what a container sends is not
 * believed, and a socket of the host's service manager is never in its reach.
 */
#pragma once

#include <sys/types.h>

struct error;
struct spec;

#define NOTIFY_DIR "notify" /* in the container's state directory */

/*
 * Adds to spec what makes the program find the socket: at the name of the host's, which is a
 * directory inside. state_path is the state directory, absolute.
 */
void notify_add(struct spec *spec, const char *state_path, const char *host_socket);
/*
 * The socket, in the directory that is made with it. Whoever relays calls it: create for a run in
 * one process, else start, whose socket takes the place of an older one.
 */
int notify_listen(int state_dir_fd, struct error **err);
/*
 * Waits until the container says READY=1, and tells it to the host's socket (a NOTIFY_SOCKET: a
 * path, or an abstract one with a leading @) with pid as MAINPID. 1 when it did, 0 when the
 * container (init_pidfd) has ended first, or timeout_ms are over (-1: none).
 */
int notify_relay(int notify_fd, const char *host_socket, pid_t pid, int init_pidfd, int timeout_ms,
	struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services of systemd in a container.
 *
 * sd_notify(3): a container whose runtime has a NOTIFY_SOCKET gets one of its own, in a directory
 * that only it sees. The runtime listens there and tells the host that the container is ready, with
 * the pid that the host knows. Nothing else passes: what a container sends is not believed, and a
 * socket of the host's service manager is never in its reach.
 *
 * sd_listen_fds(3): sockets that the runtime was started with are passed on.
 */
#pragma once

#include <sys/types.h>

struct error;
struct spec;

#define NOTIFY_DIR "notify" /* in the container's state directory */

/*
 * Adds to spec what makes the program find the socket; state_path is the state directory, absolute.
 * Before runtime_create(), and before notify_listen().
 */
void notify_add(struct spec *spec, const char *state_path);
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

/*
 * How many fds from 3 on our caller passes by LISTEN_FDS, as LISTEN_PID says (or does not say); the
 * program is told by its environment. They are to be added to preserve_fds.
 */
unsigned int listen_fds_take(struct spec *spec);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an init waits whose creator does not stay: a listening unix socket in the container's state
 * directory. Whoever is to start it connects and says SYNC_START; init runs startContainer hooks,
 * says SYNC_READY and executes the program, which closes the connection; or it sends its error.
 * The first who says so wins: the listener is closed then, and others find nobody.
 *
 * Who can connect: the socket is of mode 0600 in a directory of mode 0700, and both are outside the
 * container. Should they be mounted into one, the kernel still says who is at the other end, and
 * init takes nobody but who looks from where it stands as its creator did: of the same user, and
 * outside of its pid namespace when that one was.
 */
#pragma once

struct error;

/* For init: the connection of who opened. creator_fd: the sync socket, that tells who made us. */
int gate_wait(int gate_fd, int creator_fd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The talk between the caller and a process that it prepares, over a SOCK_SEQPACKET socketpair:
 *
 *   caller -> child  SYNC_GO       entered its cgroup, ids are mapped: go on
 *   caller -> child  SYNC_BIND     (init only) a mount rides along: bind.h
 *   child -> caller  SYNC_CONSOLE  the terminal's master rides along
 *   child -> caller  SYNC_HOOKS    (init only, with hooks) the mounts are made: run yours
 *   caller -> child  SYNC_HOOKED   (then) they have run
 *   child -> caller  SYNC_LISTENER the seccomp filter's listener rides along
 *   child -> caller  SYNC_READY    everything but the program itself is in place
 *   caller -> child  SYNC_START    (init only) run the program
 *   child -> caller  an error, or the end: execve has closed the socket
 *
 * With a gate (gate.h) the caller says SYNC_LEAVE instead of SYNC_START. A child whose caller ends
 * at any moment before finds the socket closed, and ends.
 *
 * Kept apart from sys/msg.h because the caller lives on as the container's monitor: nothing here
 * touches more than a few hundred bytes of its stack unless there is an error.
 */
#pragma once

struct error;

enum sync_type {
	SYNC_END = 0,
	SYNC_GO = 'G',
	SYNC_BIND = 'B',
	SYNC_START = 'S',
	SYNC_LEAVE = 'L',
	SYNC_HOOKS = 'H',
	SYNC_HOOKED = 'h',
	SYNC_READY = 'R',
	SYNC_CONSOLE = 'C',
	SYNC_LISTENER = 'N'
};

int sync_pair(int ret[static 2], struct error **err);
int sync_send(int fd, enum sync_type type, struct error **err);
int sync_send_fd(int fd, enum sync_type type, int passed_fd, struct error **err);
/* What cannot be delivered has nobody to read it. */
void sync_send_error(int fd, const struct error *sent);
/* The type; SYNC_END when the other side is gone; -1 with its error. *ret_fd is -1 or a passed one.
 */
int sync_receive(int fd, int *ret_fd, struct error **err);

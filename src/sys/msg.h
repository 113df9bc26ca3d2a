/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed messages between our processes, over SOCK_SEQPACKET unix sockets: a message is one packet
 * of a type and at most MSG_MAX bytes, with up to MSG_FDS_MAX fds. A packet that is cut, too short
 * or carries more fds than allowed is an error, and its fds are closed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;

#define MSG_MAX 65536
#define MSG_FDS_MAX 16

struct msg {
	uint32_t type;
	size_t length;
	char data[MSG_MAX + 1]; /* NUL-terminated after length */
	int fds[MSG_FDS_MAX]; /* owned by who received it; -1 where taken */
	size_t fd_count;
};

int msg_pair(int ret[static 2], struct error **err); /* O_CLOEXEC */
int msg_send(int fd, uint32_t type, const void *data, size_t length, struct error **err);
int msg_send_fds(int fd, uint32_t type, const void *data, size_t length, const int *fds,
	size_t fd_count, struct error **err);
int msg_send_error(int fd, uint32_t type, const struct error *sent, struct error **err);
/* 1 received, 0 when the other side has closed, -1 (also EAGAIN, on a non-blocking socket). */
int msg_receive(int fd, struct msg *ret, struct error **err);
void msg_close_fds(struct msg *msg);

/* A listening socket at dir_fd/name, mode 0600, and a connection to one; names may be longer than
 * sun_path. */
int msg_listen_at(int dir_fd, const char *name, struct error **err);
int msg_connect_at(int dir_fd, const char *name, struct error **err);

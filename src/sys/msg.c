/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/msg.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"

#define LISTEN_BACKLOG 64

int msg_pair(int ret[static 2], struct error **err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, "make a socket pair");
	ret[0] = pair[0];
	ret[1] = pair[1];
	return 0;
}

/* The type, the bytes and the fds are one message: a struct for them would only be taken apart. */
// NOLINTNEXTLINE(readability-function-size)
int msg_send_fds(int fd, uint32_t type, const void *data, size_t length, const int *fds,
	size_t fd_count, struct error **err)
{
	char control[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)]
		__attribute__((aligned(__alignof__(struct cmsghdr)))) = { 0 };
	struct iovec parts[] = {
		{ .iov_base = &type, .iov_len = sizeof(type) },
		{ .iov_base = (void *)data, .iov_len = length },
	};
	struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };

	if (length > MSG_MAX || fd_count > MSG_FDS_MAX)
		return error_new(err, ERROR_INVALID,
			"a message of %zu bytes and %zu fds is too large", length, fd_count);
	if (fd_count > 0) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		packet.msg_control = control;
		packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
	}
	if (TEMP_FAILURE_RETRY(sendmsg(fd, &packet, MSG_NOSIGNAL)) < 0)
		return error_sys(err, "send a message");
	return 0;
}

int msg_send(int fd, uint32_t type, const void *data, size_t length, struct error **err)
{
	return msg_send_fds(fd, type, data, length, NULL, 0, err);
}

int msg_send_error(int fd, uint32_t type, const struct error *sent, struct error **err)
{
	char packed[ERROR_WIRE_MAX];

	return msg_send(fd, type, packed, error_pack(sent, packed), err);
}

/* Takes the fds out of a packet, as many as were asked for; the rest was never made. */
static void collect_fds(struct msghdr *packet, struct msg *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c; c = CMSG_NXTHDR(packet, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (bytes > sizeof(ret->fds) - ret->fd_count * sizeof(int))
			bytes = sizeof(ret->fds) - ret->fd_count * sizeof(int);
		memcpy(ret->fds + ret->fd_count, CMSG_DATA(c), bytes);
		ret->fd_count += bytes / sizeof(int);
	}
}

/*
 * A peer that closes with packets of ours unread resets the connection. The kernel tells that once,
 * before what the peer had sent: look again for its last words. 0 when there are none.
 */
static ssize_t receive_packet(int fd, struct msghdr *packet)
{
	const size_t room = packet->msg_controllen;
	ssize_t n = TEMP_FAILURE_RETRY(recvmsg(fd, packet, MSG_CMSG_CLOEXEC));

	if (n < 0 && errno == ECONNRESET) {
		packet->msg_controllen = room;
		n = TEMP_FAILURE_RETRY(recvmsg(fd, packet, MSG_CMSG_CLOEXEC));
	}
	return n < 0 && errno == ECONNRESET ? 0 : n;
}

int msg_receive(int fd, struct msg *ret, struct error **err)
{
	char control[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)]
		__attribute__((aligned(__alignof__(struct cmsghdr))));
	struct iovec parts[] = {
		{ .iov_base = &ret->type, .iov_len = sizeof(ret->type) },
		{ .iov_base = ret->data, .iov_len = MSG_MAX },
	};
	struct msghdr packet = { .msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	ret->fd_count = 0;
	n = receive_packet(fd, &packet);
	if (n < 0)
		return error_sys(err, "receive a message");
	collect_fds(&packet, ret);
	if (n == 0 && ret->fd_count == 0)
		return 0;
	if (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || n < (ssize_t)sizeof(ret->type)) {
		msg_close_fds(ret);
		return error_new(err, ERROR_INVALID,
			"a message was too long, too short, or of too many fds");
	}
	ret->length = (size_t)n - sizeof(ret->type);
	ret->data[ret->length] = '\0';
	return 1;
}

void msg_close_fds(struct msg *msg)
{
	for (size_t i = 0; i < msg->fd_count; i++)
		close_fd(msg->fds[i]);
	msg->fd_count = 0;
}

/* Through the directory's fd: sun_path has 108 bytes, run directories may have more. */
static int address_of(int dir_fd, const char *name, struct sockaddr_un *ret, struct error **err)
{
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return error_new(err, ERROR_INVALID, "the socket name '%s' is too long", name);
	return 0;
}

static int socket_new(struct error **err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	return fd < 0 ? error_sys(err, "make a socket") : fd;
}

int msg_listen_at(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = -1;
	struct sockaddr_un address;

	if (address_of(dir_fd, name, &address, err) < 0)
		return -1;
	fd = socket_new(err);
	if (fd < 0)
		return -1;
	/* One left by a dead process: its place is free only without it. */
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove an old %s", name);
	/* Before bind(2), which gives the name the mode of the socket: never open to others. */
	if (fchmod(fd, 0600) < 0)
		return error_sys(err, "set the mode of %s", name);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "bind %s", name);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return error_sys(err, "listen on %s", name);
	return take_fd(&fd);
}

int msg_connect_at(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = -1;
	struct sockaddr_un address;

	if (address_of(dir_fd, name, &address, err) < 0)
		return -1;
	fd = socket_new(err);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "connect to %s", name);
	return take_fd(&fd);
}

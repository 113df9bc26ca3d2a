/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sync.h"

#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"

#define TYPE_ERROR 'E'

union fd_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

int sync_pair(int ret[static 2], struct error **err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return error_sys(err, "make a socketpair");
	return 0;
}

int sync_send(int fd, enum sync_type type, struct error **err)
{
	char byte = (char)type;

	if (TEMP_FAILURE_RETRY(send(fd, &byte, 1, MSG_NOSIGNAL)) < 0)
		return error_sys(err, "send to the other side of a container's start");
	return 0;
}

int sync_send_fd(int fd, enum sync_type type, int passed_fd, struct error **err)
{
	char byte = (char)type;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	union fd_control control = { 0 };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
	if (TEMP_FAILURE_RETRY(sendmsg(fd, &msg, MSG_NOSIGNAL)) < 0)
		return error_sys(err, "send a file descriptor");
	return 0;
}

void sync_send_error(int fd, const struct error *sent)
{
	char packet[1 + ERROR_WIRE_MAX];
	size_t length;

	packet[0] = TYPE_ERROR;
	length = error_pack(sent, packet + 1);
	(void)TEMP_FAILURE_RETRY(send(fd, packet, 1 + length, MSG_NOSIGNAL));
}

/*
 * When the other side ended and left something of ours unread, the kernel reports ECONNRESET once,
 * before what it had sent: its error, which is what we want to know.
 */
static ssize_t receive(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	do
		n = recvmsg(fd, msg, flags);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

/* The rest of an error is only fetched, into the heap, when there is one. */
static int receive_error(int fd, struct error **err)
{
	cleanup_free char *packet = xcalloc(1, 1 + ERROR_WIRE_MAX);
	struct iovec data = { .iov_base = packet, .iov_len = 1 + ERROR_WIRE_MAX };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t length = receive(fd, &msg, 0);

	return error_unpack(err, packet + 1, length > 1 ? (size_t)length - 1 : 0);
}

int sync_receive(int fd, int *ret_fd, struct error **err)
{
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	union fd_control control = { 0 };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct msghdr peek = { .msg_iov = &data, .msg_iovlen = 1 };
	const struct cmsghdr *header;
	ssize_t n = receive(fd, &peek, MSG_PEEK);

	*ret_fd = -1;
	if (n > 0 && byte == TYPE_ERROR)
		return receive_error(fd, err);
	if (n > 0)
		n = receive(fd, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return error_sys(err, "receive from the other side of a container's start");
	if (n == 0)
		return SYNC_END;
	header = CMSG_FIRSTHDR(&msg);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	return (unsigned char)byte; /* the other side is less trusted: never negative */
}

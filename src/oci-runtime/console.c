/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/console.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "base/alloc.h"
#include "base/error.h"

/* Its directory is opened first: the path may be longer than an address holds. */
int console_connect(const char *path, struct error **err)
{
	cleanup_free char *for_dir = xstrdup(path), *for_name = xstrdup(path);
	cleanup_close int dir_fd = -1, fd = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length;

	dir_fd = open(dirname(for_dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_sys(err, "console socket '%s'", path);
	length = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
		basename(for_name));
	if (length >= (int)sizeof(address.sun_path))
		return error_new(err, ERROR_INVALID, "console socket '%s': name too long", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_sys(err, "make a socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "connect to console socket '%s'", path);
	return take_fd(&fd);
}

int console_send(int socket_fd, int master_fd, struct error **err)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char name[32];
	struct iovec data = { .iov_base = name };
	struct msghdr message = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room) };
	unsigned number = 0;

	if (ioctl(master_fd, TIOCGPTN, &number) < 0)
		return error_sys(err, "look at the terminal");
	data.iov_len = (size_t)snprintf(name, sizeof(name), "/dev/pts/%u", number);
	control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
	};
	memcpy(CMSG_DATA(&control.header), &master_fd, sizeof(int));
	if (TEMP_FAILURE_RETRY(sendmsg(socket_fd, &message, MSG_NOSIGNAL)) < 0)
		return error_sys(err, "send the terminal to the console socket");
	return 0;
}

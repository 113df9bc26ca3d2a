/* SPDX-License-Identifier: Apache-2.0 */
/* A file from anywhere, by the same confined helper. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/error.h"
#include "registry/helper.h"
#include "registry/pull.h"
#include "registry/pull_protocol.h"
#include "store/transfer.h"
#include "sys/msg.h"

#define FALLBACK_DIR "/var/tmp" /* on a disk: /tmp may be memory */

static int make_file(struct error **err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	dir = dir && *dir ? dir : FALLBACK_DIR;
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? error_sys(err, "make a file for a download in %s", dir) : fd;
}

static int wait_for_it(int socket_fd, pid_t pid, struct error **err)
{
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result == 0)
		return registry_helper_gone(socket_fd, pid, err);
	if (result > 0) {
		msg_close_fds(&msg);
		if (msg.type == TRANSFER_ERROR)
			error_unpack(err, msg.data, msg.length);
		else if (msg.type != PULL_GOT)
			error_new(
				err, ERROR_INTERNAL, "an unexpected message of type %u", msg.type);
	}
	registry_helper_stop(socket_fd, pid);
	return *err ? -1 : 0;
}

int registry_fetch(const char *url, struct error **err)
{
	cleanup_close int fd = make_file(err);
	int socket_fd;
	pid_t pid = 0;

	if (fd < 0)
		return -1;
	socket_fd = registry_helper_start("fetch", url, &pid, err);
	if (socket_fd < 0)
		return -1;
	if (msg_send_fds(socket_fd, PULL_BLOB, "", 0, &fd, 1, err) < 0) {
		registry_helper_stop(socket_fd, pid);
		return -1;
	}
	if (wait_for_it(socket_fd, pid, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read a download");
	return take_fd(&fd);
}

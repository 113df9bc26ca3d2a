/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/login.h"

#include "base/alloc.h"
#include "base/error.h"
#include "registry/access.h"
#include "registry/helper.h"
#include "registry/login_helper.h"
#include "store/transfer.h"
#include "sys/msg.h"

static int wait_for_it(int socket_fd, pid_t pid, char **ret_token, struct error **err)
{
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result == 0)
		return registry_helper_gone(socket_fd, pid, err);
	if (result > 0) {
		msg_close_fds(&msg);
		if (msg.type == TRANSFER_ERROR)
			error_unpack(err, msg.data, msg.length);
		else if (msg.type != LOGIN_DONE)
			error_new(
				err, ERROR_INTERNAL, "an unexpected message of type %u", msg.type);
	}
	registry_helper_stop(socket_fd, pid);
	if (*err)
		return -1;
	*ret_token = msg.length > 0 ? xstrndup(msg.data, msg.length) : NULL;
	return 0;
}

int registry_login(const char *registry, const struct credential *credential, char **ret_token,
	struct error **err)
{
	cleanup_access struct access access = { .count = 0 };
	pid_t pid = 0;
	int socket_fd;

	if (access_make(registry, credential, &access, err) < 0)
		return -1;
	socket_fd = registry_helper_start_as("login", registry, &access, &pid, err);
	return socket_fd < 0 ? -1 : wait_for_it(socket_fd, pid, ret_token, err);
}

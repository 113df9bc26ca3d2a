/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer pull REFERENCE, tags REPOSITORY and fetch URL: see registry/pull_protocol.h. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "main/transfer_pull.h"
#include "registry/confine.h"
#include "registry/pull_helper.h"
#include "registry/pull_protocol.h"
#include "store/transfer.h"
#include "sys/msg.h"

static int run(int argc, char **argv, struct error **err)
{
	if (argc != 3)
		return error_new(err, ERROR_INVALID, "usage: vessel-transfer pull|fetch|tags WHAT");
	if (confine_to_network(err) < 0)
		return -1;
	if (strcmp(argv[1], "fetch") == 0)
		return fetch_helper_run(argv[2], PULL_SOCKET_FD, err);
	if (strcmp(argv[1], "tags") == 0)
		return tags_helper_run(argv[2], PULL_SOCKET_FD, err);
	return pull_helper_run(argv[2], PULL_SOCKET_FD, err);
}

int transfer_pull_main(int argc, char **argv)
{
	cleanup_error struct error *err = NULL, *unsaid = NULL;

	(void)syscall(SYS_close_range, PULL_SOCKET_FD + 1, ~0U, 0);
	if (run(argc, argv, &err) == 0)
		return 0;
	(void)msg_send_error(PULL_SOCKET_FD, TRANSFER_ERROR, err, &unsaid);
	return 1;
}

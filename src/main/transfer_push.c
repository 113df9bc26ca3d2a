/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer push REFERENCE: see registry/push_protocol.h. */
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "main/transfer_push.h"
#include "registry/confine.h"
#include "registry/push_helper.h"
#include "registry/push_protocol.h"
#include "store/transfer.h"
#include "sys/msg.h"

static int run(int argc, char **argv, struct error **err)
{
	if (argc != 3)
		return error_new(err, ERROR_INVALID, "usage: vessel-transfer push REFERENCE");
	if (confine_to_network(err) < 0)
		return -1;
	return push_helper_run(argv[2], PUSH_SOCKET_FD, err);
}

int transfer_push_main(int argc, char **argv)
{
	cleanup_error struct error *err = NULL, *unsaid = NULL;

	(void)syscall(SYS_close_range, PUSH_SOCKET_FD + 1, ~0U, 0);
	if (run(argc, argv, &err) == 0)
		return 0;
	(void)msg_send_error(PUSH_SOCKET_FD, TRANSFER_ERROR, err, &unsaid);
	return 1;
}

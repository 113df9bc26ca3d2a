/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer pull and push REFERENCE, tags REPOSITORY, fetch URL and login REGISTRY: see
 * registry/pull_protocol.h, registry/push_protocol.h and registry/login_helper.h. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "main/transfer_pull.h"
#include "registry/access.h"
#include "registry/confine.h"
#include "registry/login_helper.h"
#include "registry/pull_helper.h"
#include "registry/pull_protocol.h"
#include "registry/push_helper.h"
#include "store/transfer.h"
#include "sys/msg.h"

static const struct {
	const char *verb;
	int (*run)(const char *what, int socket_fd, struct error **err);
} verbs[] = {
	{ "pull", pull_helper_run },
	{ "push", push_helper_run },
	{ "fetch", fetch_helper_run },
	{ "tags", tags_helper_run },
	{ "login", login_helper_run },
};

static int run(int argc, char **argv, struct error **err)
{
	if (argc != 3)
		return error_new(err, ERROR_INVALID, "usage: vessel-transfer VERB WHAT");
	if (confine_to_network(err) < 0 || access_receive(PULL_SOCKET_FD, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(argv[1], verbs[i].verb) == 0)
			return verbs[i].run(argv[2], PULL_SOCKET_FD, err);
	return error_new(err, ERROR_INVALID, "unknown verb '%s'", argv[1]);
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

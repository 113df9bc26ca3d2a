/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/login_helper.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/reference.h"
#include "registry/repository.h"
#include "sys/msg.h"

#define ERROR_BYTES_MAX 65536

/* One sentence: who did not let whom in. */
static int explain(const char *registry, const struct exchange *exchange, struct error **err)
{
	if (error_kind(*err) == ERROR_DENIED)
		return error_wrap(err, "login to %s: unauthorized", registry);
	if (exchange->status == 404) {
		error_hint(err, "check the name and the port");
		return error_wrap(err, "login to %s: it is no registry (API version 2)", registry);
	}
	return error_wrap(err, "login to %s", registry);
}

int login_helper_run(const char *registry, int socket_fd, struct error **err)
{
	const struct reference ref = { .domain = (char *)registry, .path = (char *)"" };
	cleanup_repository struct repository repository = { 0 };
	cleanup_exchange struct exchange exchange = { .fd = -1 };
	const char *token;

	if (repository_open(&ref, &repository, err) < 0)
		return -1;
	repository.wants_identity = true;
	exchange_init(&exchange, &repository, xasprintf("%s/", repository.base), ERROR_BYTES_MAX);
	if (repository_perform(&exchange, err) < 0)
		return explain(registry, &exchange, err);
	token = repository.identity_token ? repository.identity_token : "";
	return msg_send(socket_fd, LOGIN_DONE, token, strlen(token), err);
}

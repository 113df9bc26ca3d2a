/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of registry/pull_protocol.h: a helper, and what it was asked for. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "registry/helper.h"
#include "registry/pull.h"
#include "registry/pull_protocol.h"

struct error;

struct pull_order {
	struct digest digest;
	int64_t size;
	int fd; /* a file without a name; -1: no order */
};

struct pull_session {
	struct store *store; /* borrowed */
	const struct registry_progress *progress; /* borrowed */
	int socket_fd;
	pid_t pid;
	struct pull_order orders[PULL_DOWNLOADS_MAX];
};

int pull_session_open(struct store *store, const struct reference *ref,
	const struct registry_progress *progress, struct pull_session *ret, struct error **err);
/* What the reference names, and this platform's manifest (empty when the first is one): both the
 * caller's to free, unchecked. */
struct pull_text {
	char *text;
	size_t length;
};
int pull_session_resolve(
	struct pull_session *session, struct pull_text ret[static 2], struct error **err);
bool pull_session_has_room(const struct pull_session *session);
int pull_session_order(struct pull_session *session, const struct digest *digest, int64_t size,
	struct error **err);
/* Waits for the next whole blob, unchecked; *ret_fd is the caller's, read from its beginning. */
int pull_session_next(
	struct pull_session *session, struct digest *ret_digest, int *ret_fd, struct error **err);
void pull_session_close(struct pull_session *session);

static inline void pull_session_close_p_(struct pull_session *session)
{
	pull_session_close(session);
}
#define cleanup_pull_session CLEANUP(pull_session_close)

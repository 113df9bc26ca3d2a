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
	bool used;
};

struct pull_session {
	struct store *store; /* borrowed */
	const struct registry_progress *progress; /* borrowed */
	int socket_fd; /* readable: pull_session_read() */
	pid_t pid;
	struct pull_order orders[PULL_DOWNLOADS_MAX];
};

int pull_session_open(struct store *store, const struct reference *ref,
	const struct registry_progress *progress, struct pull_session *ret, struct error **err);
/* What the reference names, and the platform's manifest (empty when the first is one, or has one of
 * the known digests): both the caller's to free, unchecked. */
struct pull_text {
	char *text;
	size_t length;
};
int pull_session_resolve(struct pull_session *session, const char *platform, char *const *known,
	struct pull_text ret[static 2], struct error **err);
/* Has the blob's bytes from offset on written to a pipe, which the helper gets and closes. again:
 * what came before had another digest; a mirror is not asked a second time. */
int pull_session_order(struct pull_session *session, const struct descriptor *blob, int64_t offset,
	bool again, int pipe_fd, struct error **err);
/* No other blob can be asked for before pull_session_read() has told of one. */
bool pull_session_is_full(struct pull_session *session);
/* Takes one message: 1 when the blob *ret is in its pipe, 0 to go on, -1 when the helper failed. */
int pull_session_read(struct pull_session *session, struct digest *ret, struct error **err);
/* A small blob, checked; the caller frees. */
int pull_session_get(struct pull_session *session, const struct descriptor *blob,
	struct pull_text *ret, struct error **err);
void pull_session_close(struct pull_session *session);

static inline void pull_session_close_p_(struct pull_session *session)
{
	pull_session_close(session);
}
#define cleanup_pull_session CLEANUP(pull_session_close)

/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of registry/push_protocol.h: a helper, and what it was given to send. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "oci/image.h"
#include "registry/helper.h"
#include "registry/push_protocol.h"

struct error;
struct reference;

enum push_end {
	PUSH_END_EXISTS,
	PUSH_END_MOUNTED,
	PUSH_END_PUSHED,
	PUSH_END_MAX_, /* keep last */
};

struct push_order {
	struct digest digest;
	bool used;
};

struct push_session {
	int socket_fd;
	pid_t pid;
	struct push_order orders[PUSH_UPLOADS_MAX];
	/* While a blob is sent; may be NULL. */
	void (*progress)(const struct digest *digest, int64_t current, void *arg);
	void *arg;
};

/* from: the path of another repository of the registry that layers may be mounted from, or NULL. */
int push_session_open(struct push_session *session, const struct reference *ref, const char *from,
	struct error **err);
bool push_session_has_room(const struct push_session *session);
/* fd is the caller's to close. from: as above, or NULL when that has not this blob. */
int push_session_send(struct push_session *session, const struct descriptor *blob, int fd,
	const char *from, struct error **err);
/* Waits until the registry has one more of them. */
int push_session_next(struct push_session *session, struct digest *ret_digest,
	enum push_end *ret_end, struct error **err);
/* Sends it and waits. */
int push_session_manifest(struct push_session *session, const struct descriptor *manifest, int fd,
	struct error **err);
void push_session_close(struct push_session *session);

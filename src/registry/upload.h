/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob on its way to a registry (OCI distribution-spec 1.1, "Pushing blobs"), as a sequence of
 * exchanges that the caller performs:
 *
 *   HEAD    is it there?                      200: done
 *   MOUNT   POST ?mount=&from=                201: done, taken from another of its repositories
 *   BEGIN   POST                              202: a session, at Location
 *   SEND    a small one whole by PUT          201: done
 *           else PATCH after PATCH            202: the session goes on, at Location
 *   FINISH  PUT ?digest=                      201: done
 *   ASK     after a broken line: GET of the session: 204, and Range says how much is there; from
 *           there SEND goes on. A registry that has forgotten it is asked by HEAD again (perhaps
 *           the last PUT did arrive), and gets it from its beginning.
 *
 * A session's Location may be relative, or of another host, to which no credential is sent.
 */
#pragma once

#include <stdbool.h>

#include "registry/exchange.h"

struct error;

enum upload_step {
	UPLOAD_HEAD,
	UPLOAD_MOUNT,
	UPLOAD_BEGIN,
	UPLOAD_SEND,
	UPLOAD_FINISH,
	UPLOAD_ASK,
	UPLOAD_STEP_MAX_, /* keep last */
};

enum upload_end {
	UPLOAD_EXISTS,
	UPLOAD_MOUNTED,
	UPLOAD_PUSHED,
	UPLOAD_END_MAX_, /* keep last */
};

struct upload {
	struct repository *repository; /* borrowed */
	struct digest digest;
	int64_t size;
	int fd; /* borrowed */
	char *from; /* a repository that may have it, by its path; NULL: none */
	enum upload_step step;
	char *location; /* of the session; NULL: there is none */
	int64_t offset, farthest; /* bytes the registry has, had at most */
	int retries; /* since it last had more of them than ever */
	struct exchange exchange; /* the step's */
	enum upload_end end; /* when it is done */
};

void upload_init(struct upload *upload, struct repository *repository, const struct digest *digest,
	int64_t size, int fd);
/* What follows of the last exchange: 1 another is ready, 0 the blob is there, -1. outcome is
 * EXCHANGE_DONE or _FAILED, the latter with *err. */
int upload_next(struct upload *upload, enum exchange_outcome outcome, struct error **err);
/* Bytes sent, some of which may be under way. */
int64_t upload_current(const struct upload *upload);
void upload_done(struct upload *upload);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing asked of a registry by HTTP, with all the requests it takes: redirects (followed by us,
 * so that we see where to), a token when it is asked for, retries, and for a blob going on where
 * the last answer broke off. A step of the caller's loop:
 *
 *   exchange_begin()   makes the next request's curl handle
 *   ... the caller performs it, alone or beside others ...
 *   exchange_end()     judges: done, failed, or again after not_before_ns
 *
 * What counts as what (all of it with a limit): connection broken, too slow, too short, 5xx: again,
 * after a pause that doubles; 429: after the pause it asks for; 401: once, with a new token; 416 or
 * an answer for another range: from the beginning; another digest: once from the beginning; more
 * bytes than the descriptor has, any other status: failed. What sends something (struct sending) is
 * done by any 2xx.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "oci/digest.h"
#include "registry/origin.h"
#include "registry/sending.h"

struct error;

/* What exchanges with one repository share. */
struct repository {
	const struct reference *ref;
	char *base; /* "https://host/v2/path" */
	struct origin origin; /* of base: where the token may go */
	char *token; /* NULL: none was asked for yet */
	char *ca_file; /* NULL: the system's */
	struct credential *credential; /* NULL: none; owned */
	bool wants_push; /* tokens are asked for with this right, too */
	const char *mount_from; /* NULL, or a repository's path that tokens must let us read, too */
	bool reached; /* the registry has answered once: what fails from now on may pass */
};

enum exchange_outcome {
	EXCHANGE_DONE,
	EXCHANGE_AGAIN,
	EXCHANGE_WANTS_TOKEN, /* challenge says how; then again */
	EXCHANGE_FAILED,
};

/* Headers of the last answer; NULL where not given. */
struct answer_headers {
	char *type, *challenge, *retry_after, *range, *digest;
	char *location, *uploaded; /* of an upload: where it goes on, and what of it is there */
};

struct exchange {
	struct repository *repository; /* borrowed */
	char *first_url, *url; /* asked at first; asked now, after redirects */
	const char *accept; /* NULL: anything */
	CURL *easy;
	struct curl_slist *request_headers;
	long status;
	CURLcode code; /* why a connection broke */
	struct answer_headers headers;
	struct buf body; /* of all answers but blobs */
	struct sending sending; /* for the caller to fill between exchange_init() and _begin() */
	bool may_pass; /* with sending.once: it failed, and may be tried after not_before_ns */

	/* A blob goes to a file as it comes. */
	int fd; /* borrowed; -1: not a blob */
	bool is_known; /* expected and size are; else size is the most there may be */
	struct digest expected;
	int64_t size, offset; /* of the descriptor; received and hashed */
	struct sha256 sha;
	bool restarted; /* from the beginning, after a wrong digest */
	bool too_long, wrong_range;
	int write_errno;

	int redirects, retries;
	bool asked_token;
	int64_t begun_ns, not_before_ns; /* monotonic */
};

void exchange_init(
	struct exchange *exchange, struct repository *repository, char *url_taken, size_t body_max);
/* Makes it a blob's; with expected NULL, anything's of at most size bytes. */
void exchange_to_file(
	struct exchange *exchange, int fd, const struct digest *expected, int64_t size);
int exchange_begin(struct exchange *exchange, struct error **err);
/* The curl handle is released. err is filled for EXCHANGE_FAILED only. */
enum exchange_outcome exchange_end(struct exchange *exchange, CURLcode code, struct error **err);
void exchange_done(struct exchange *exchange);

static inline void exchange_done_p_(struct exchange *exchange)
{
	exchange_done(exchange);
}
#define cleanup_exchange CLEANUP(exchange_done)

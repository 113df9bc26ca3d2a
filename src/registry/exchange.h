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
 * an answer for another range: all of it again, and what is there already is skipped; more bytes
 * than the descriptor has, any other status: failed. What sends something (struct sending) is done
 * by any 2xx. Digests are the engine's to check. What failed at a mirror is asked of the next one,
 * and of the registry in the end; https that this host's own registry (or one declared insecure)
 * does not speak, is tried as http.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "oci/digest.h"
#include "registry/access.h"
#include "registry/origin.h"
#include "registry/sending.h"

struct error;

/* What exchanges with one repository share. */
struct repository {
	const struct reference *ref;
	char *base; /* "https://host/v2/path" */
	struct origin origin; /* of base: where the token may go */
	char *token; /* "Bearer ..." or "Basic ..."; NULL: none was asked for yet */
	int64_t token_until_ns; /* monotonic; 0: for ever */
	unsigned int token_number; /* which it is: several may be refused the last one at once */
	char *ca_file; /* NULL: the system's */
	const char *ca_folder; /* the system's (registry/trust.h); NULL: its file */
	const struct credential *credential; /* for origin; NULL: none; it is access's */
	bool wants_push; /* tokens are asked for with this right, too */
	const char *mount_from; /* NULL, or a repository's path that tokens must let us read, too */
	bool reached; /* the registry has answered once: what fails from now on may pass */
	bool insecure; /* plain http and unknown certificates will do */

	struct access access; /* mirrors, then the registry */
	size_t endpoint; /* which of them base and what belongs to it is for */
	char *failures; /* of those before; NULL: none */

	bool wants_identity; /* login: a token for later is asked for, no right */
	char *identity_token; /* what came of it */
	CURLSH *share; /* connections; NULL: each request has its own */
};

enum exchange_outcome {
	EXCHANGE_DONE,
	EXCHANGE_AGAIN,
	EXCHANGE_WANTS_TOKEN, /* challenge says how; then again */
	EXCHANGE_FAILED,
};

/* Headers of the last answer; NULL where not given. */
struct answer_headers {
	char *type, *challenge, *retry_after, *range, *digest, *link;
	char *location, *uploaded; /* of an upload: where it goes on, and what of it is there */
};

struct exchange {
	struct repository *repository; /* borrowed */
	char *first_url, *url; /* asked at first; asked now, after redirects */
	char *shown; /* url for errors: a query may hold a signature */
	size_t base_length; /* how much of first_url is the repository's base; 0: it is elsewhere */
	const char *accept; /* NULL: anything */
	/* For the first URL's origin alone; borrowed. */
	const char *authorization; /* instead of the repository's token */
	const char *form; /* POST this form */
	unsigned int token_number; /* the token that was sent */
	CURL *easy;
	struct curl_slist *request_headers;
	long status;
	CURLcode code; /* why a connection broke */
	char error_text[CURL_ERROR_SIZE];
	long verify_result; /* of TLS: X509_V_ERR_... */
	struct answer_headers headers;
	struct buf body; /* of all answers but blobs */
	struct sending sending; /* for the caller to fill between exchange_init() and _begin() */
	bool may_pass; /* with sending.once: it failed, and may be tried after not_before_ns */

	/* A blob goes to a file or a pipe as it comes. */
	int fd; /* borrowed; -1: not a blob */
	bool is_blob; /* of size bytes, to a pipe; else size is the most there may be, to a file */
	int64_t size, offset; /* of the descriptor; passed on */
	int64_t at; /* where the answer's next byte belongs: before offset, it is skipped */
	bool no_range; /* the registry gave another one than was asked for */
	bool too_long, wrong_range;
	int write_errno;

	int redirects, retries;
	bool asked_token;
	int64_t begun_ns, not_before_ns; /* monotonic */
	/* To see that nothing comes (registry/connection.c). */
	int64_t moved_ns;
	curl_off_t moved_down, moved_up;
	bool answered;
};

void exchange_init(
	struct exchange *exchange, struct repository *repository, char *url_taken, size_t body_max);
/* Anything's, of at most max bytes. */
void exchange_to_file(struct exchange *exchange, int fd, int64_t max);
/* A blob's, from offset on: what is before that, somebody has. */
void exchange_to_pipe(struct exchange *exchange, int fd, int64_t offset, int64_t size);
int exchange_begin(struct exchange *exchange, struct error **err);
/* The curl handle is released. err is filled for EXCHANGE_FAILED only. */
enum exchange_outcome exchange_end(struct exchange *exchange, CURLcode code, struct error **err);
/* What was received is forgotten: from the beginning. */
void exchange_restart(struct exchange *exchange);
/* Is what it asks for below the place that is asked now? Others may have gone on to the next. */
bool exchange_is_at_base(const struct exchange *exchange);
/* After a failure that exchange_end() does not know of (no token): true when it is to be asked
 * again, of another mirror or the registry itself; *err is kept for later then. */
bool exchange_move_on(struct exchange *exchange, struct error **err);
void exchange_done(struct exchange *exchange);

static inline void exchange_done_p_(struct exchange *exchange)
{
	exchange_done(exchange);
}
#define cleanup_exchange CLEANUP(exchange_done)

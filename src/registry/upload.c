/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/upload.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define ANSWER_BYTES_MAX 65536
/* Sent whole in one request: a PATCH less. */
#define WHOLE_BYTES_MAX (INT64_C(16) << 20)
/* Of one PATCH: what a gateway that refuses larger requests lets pass. */
#define CHUNK_BYTES (INT64_C(64) << 20)
#define TRIES_MAX 12 /* the pauses that a busy registry asks for among them */
#define BLOB_TYPE "application/octet-stream"

static char *sessions_url(const struct upload *upload)
{
	return xasprintf("%s/blobs/uploads/", upload->repository->base);
}

static char *mount_url(const struct upload *upload)
{
	cleanup_free char *base = sessions_url(upload), *with_digest = NULL;
	char digest[DIGEST_TEXT_MAX];

	with_digest = url_with_query(base, "mount", digest_text(&upload->digest, digest));
	return url_with_query(with_digest, "from", upload->from);
}

static char *final_url(const struct upload *upload)
{
	char digest[DIGEST_TEXT_MAX];

	return url_with_query(upload->location, "digest", digest_text(&upload->digest, digest));
}

static bool is_sent_whole(const struct upload *upload)
{
	return upload->offset == 0 && upload->size <= WHOLE_BYTES_MAX;
}

static char *step_url(const struct upload *upload)
{
	char digest[DIGEST_TEXT_MAX];

	switch (upload->step) {
	case UPLOAD_MOUNT:
		return mount_url(upload);
	case UPLOAD_BEGIN:
		return sessions_url(upload);
	case UPLOAD_SEND:
		return is_sent_whole(upload) ? final_url(upload) : xstrdup(upload->location);
	case UPLOAD_FINISH:
		return final_url(upload);
	case UPLOAD_ASK:
		return xstrdup(upload->location);
	default:
		return xasprintf("%s/blobs/%s", upload->repository->base,
			digest_text(&upload->digest, digest));
	}
}

static void prepare_body(struct upload *upload, struct sending *sending)
{
	int64_t left = upload->size - upload->offset;

	sending->fd = upload->fd;
	sending->type = BLOB_TYPE;
	sending->offset = upload->offset;
	sending->length = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	if (is_sent_whole(upload))
		return;
	sending->method = "PATCH";
	sending->has_range = true;
}

/* The exchange of a step. Returns 1, as upload_next() does. */
static int go_to(struct upload *upload, enum upload_step step)
{
	static const char *const methods[UPLOAD_STEP_MAX_] = { [UPLOAD_HEAD] = "HEAD",
		[UPLOAD_MOUNT] = "POST",
		[UPLOAD_BEGIN] = "POST",
		[UPLOAD_SEND] = "PUT",
		[UPLOAD_FINISH] = "PUT",
		[UPLOAD_ASK] = "GET" };
	int64_t not_before_ns = upload->exchange.not_before_ns;
	struct sending *sending = &upload->exchange.sending;

	upload->step = step;
	exchange_done(&upload->exchange);
	exchange_init(&upload->exchange, upload->repository, step_url(upload), ANSWER_BYTES_MAX);
	upload->exchange.retries = upload->retries;
	upload->exchange.not_before_ns = not_before_ns;
	sending->method = methods[step];
	sending->once = step == UPLOAD_SEND || step == UPLOAD_FINISH;
	if (step == UPLOAD_SEND)
		prepare_body(upload, sending);
	return 1;
}

void upload_init(struct upload *upload, struct repository *repository, const struct digest *digest,
	int64_t size, int fd)
{
	*upload = (struct upload){ .repository = repository,
		.digest = *digest,
		.size = size,
		.fd = fd,
		.exchange = { .fd = -1 } };
	go_to(upload, UPLOAD_HEAD);
}

void upload_done(struct upload *upload)
{
	exchange_done(&upload->exchange);
	free(upload->from);
	free(upload->location);
	*upload = (struct upload){ .fd = -1, .exchange = { .fd = -1 } };
}

int64_t upload_current(const struct upload *upload)
{
	return upload->offset + (upload->step == UPLOAD_SEND ? upload->exchange.sending.sent : 0);
}

/* ---- what the answers say ---- */

/* A Location as a whole URL (RFC 3986, section 5), from the URL that was asked. */
static char *resolve(const char *base, const char *location)
{
	CURLU *url = curl_url();
	char *text = NULL, *copy = NULL;

	if (url && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
		curl_url_set(url, CURLUPART_URL, location, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
		copy = xstrdup(text);
	curl_free(text);
	curl_url_cleanup(url);
	return copy;
}

/* Follows the session; where it leads must be a place that a redirect may lead to. */
static int take_location(struct upload *upload, struct error **err)
{
	const char *base = upload->exchange.url, *location = upload->exchange.headers.location;
	cleanup_free char *url = location ? resolve(base, location) : NULL;
	struct origin from;

	if (!location && upload->location)
		return 0; /* where it was */
	if (!url)
		return error_new(err, ERROR_UNAVAILABLE,
			"%s: the registry begins an upload and does not say where", base);
	if (origin_parse(base, &from, NULL, err) < 0 || redirect_check(&from, url, err) < 0)
		return -1;
	replace_string(&upload->location, take_ptr(url));
	return 0;
}

/* "0-99": 100 bytes are there. "0-0" says none: it is what registries answer to a new session. -1
 * when it does not say. */
static int64_t bytes_there(const struct upload *upload)
{
	const char *range = upload->exchange.headers.uploaded;
	char *end = NULL;
	long long last;

	if (range && strncmp(range, "bytes=", 6) == 0)
		range += 6;
	if (!range || strncmp(range, "0-", 2) != 0 || !isdigit((unsigned char)range[2]))
		return -1;
	errno = 0;
	last = strtoll(range + 2, &end, 10);
	if (errno || *end != '\0' || last >= upload->size)
		return -1;
	return last == 0 ? 0 : last + 1;
}

static void move_to(struct upload *upload, int64_t offset)
{
	if (offset > upload->farthest) {
		upload->farthest = offset;
		upload->retries = 0;
	}
	upload->offset = offset;
}

static int finish(struct upload *upload, enum upload_end end)
{
	upload->end = end;
	upload->offset = upload->size;
	return 0;
}

/* ---- what follows ---- */

static int begin(struct upload *upload)
{
	upload->offset = 0;
	return go_to(upload, UPLOAD_BEGIN);
}

static int open_session(struct upload *upload, struct error **err)
{
	if (take_location(upload, err) < 0)
		return -1;
	upload->offset = 0;
	return go_to(upload, UPLOAD_SEND);
}

/* A PATCH was taken: all of it, unless the answer says less. */
static int go_on(struct upload *upload, struct error **err)
{
	int64_t sent = upload->offset + upload->exchange.sending.length;
	int64_t there = bytes_there(upload);

	if (take_location(upload, err) < 0)
		return -1;
	move_to(upload, there > upload->offset && there < sent ? there : sent);
	return go_to(upload, upload->offset < upload->size ? UPLOAD_SEND : UPLOAD_FINISH);
}

static int after_answer(struct upload *upload, struct error **err)
{
	int64_t there;

	switch (upload->step) {
	case UPLOAD_HEAD:
		return finish(upload, UPLOAD_EXISTS);
	case UPLOAD_MOUNT:
		if (upload->exchange.status == 201)
			return finish(upload, UPLOAD_MOUNTED);
		return open_session(upload, err);
	case UPLOAD_BEGIN:
		return open_session(upload, err);
	case UPLOAD_SEND:
		return is_sent_whole(upload) ? finish(upload, UPLOAD_PUSHED) : go_on(upload, err);
	case UPLOAD_ASK:
		there = bytes_there(upload);
		if (there < 0 || take_location(upload, err) < 0)
			break;
		move_to(upload, there);
		return go_to(upload, there < upload->size ? UPLOAD_SEND : UPLOAD_FINISH);
	default:
		return finish(upload, UPLOAD_PUSHED);
	}
	if (*err)
		return -1;
	return go_to(upload, UPLOAD_HEAD);
}

/*
 * Some registries let a repository that does not exist yet not be looked into, and some know no
 * mounting: whether we may push is said when an upload is begun.
 */
static bool is_no(long status)
{
	return status >= 400 && status < 500 && status != 429;
}

static int after_failure(struct upload *upload, struct error **err)
{
	const struct exchange *exchange = &upload->exchange;
	bool sent = upload->step == UPLOAD_SEND || upload->step == UPLOAD_FINISH;
	bool lost = sent && exchange->status == 404;

	if (exchange->may_pass || lost)
		upload->retries = exchange->retries + lost;
	else if (sent || upload->step == UPLOAD_BEGIN || !is_no(exchange->status))
		return -1;
	if (upload->retries >= TRIES_MAX)
		return -1;
	error_free(take_ptr(*err));
	if (sent && !lost)
		return go_to(upload, UPLOAD_ASK);
	if (sent || upload->step == UPLOAD_ASK)
		return go_to(upload, UPLOAD_HEAD);
	if (upload->step == UPLOAD_HEAD && upload->from && !upload->location)
		return go_to(upload, UPLOAD_MOUNT);
	return begin(upload);
}

int upload_next(struct upload *upload, enum exchange_outcome outcome, struct error **err)
{
	return outcome == EXCHANGE_DONE ? after_answer(upload, err) : after_failure(upload, err);
}

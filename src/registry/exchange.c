/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "registry/connection.h"
#include "registry/endpoint.h"
#include "registry/http.h"

#define REDIRECTS_MAX 5
#define RETRIES_MAX 5
#define BUSY_TOTAL_NS INT64_C(600000000000) /* how long "too many requests" is waited for */
#define BLOB_READ_BYTES (256L * 1024)
#define MS INT64_C(1000000)

static const struct {
	const char *name;
	size_t offset;
} known_headers[] = {
	{ "Content-Type", offsetof(struct answer_headers, type) },
	{ "WWW-Authenticate", offsetof(struct answer_headers, challenge) },
	{ "Retry-After", offsetof(struct answer_headers, retry_after) },
	{ "Content-Range", offsetof(struct answer_headers, range) },
	{ "Docker-Content-Digest", offsetof(struct answer_headers, digest) },
	{ "Link", offsetof(struct answer_headers, link) },
	{ "Location", offsetof(struct answer_headers, location) },
	{ "Range", offsetof(struct answer_headers, uploaded) },
};
#define HEADER_COUNT (sizeof(known_headers) / sizeof(*known_headers))

static char **header_at(struct answer_headers *headers, size_t i)
{
	return (char **)((char *)headers + known_headers[i].offset);
}

static void headers_done(struct answer_headers *headers)
{
	for (size_t i = 0; i < HEADER_COUNT; i++)
		replace_string(header_at(headers, i), NULL);
}

void exchange_init(
	struct exchange *exchange, struct repository *repository, char *url_taken, size_t body_max)
{
	size_t base_length = repository->base ? strlen(repository->base) : 0;
	bool at_base = base_length > 0 && strncmp(url_taken, repository->base, base_length) == 0;

	*exchange = (struct exchange){ .repository = repository,
		.first_url = url_taken,
		.url = xstrdup(url_taken),
		.shown = xstrndup(url_taken, strcspn(url_taken, "?#")),
		.base_length = at_base ? base_length : 0,
		.body = BUF_INIT(body_max + 1),
		.fd = -1,
		.sending = { .fd = -1 },
		.begun_ns = clock_monotonic_ns() };
}

/* All of it again: what was passed on is skipped or, when it may be another now, written over. */
void exchange_restart(struct exchange *exchange)
{
	if (exchange->is_blob)
		exchange->no_range = true;
	else
		exchange->offset = 0;
}

void exchange_to_file(struct exchange *exchange, int fd, int64_t max)
{
	exchange->fd = fd;
	exchange->size = max;
}

void exchange_to_pipe(struct exchange *exchange, int fd, int64_t offset, int64_t size)
{
	exchange->fd = fd;
	exchange->is_blob = true;
	exchange->offset = offset;
	exchange->size = size;
}

static void release_handle(struct exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->request_headers);
	exchange->easy = NULL;
	exchange->request_headers = NULL;
}

void exchange_done(struct exchange *exchange)
{
	release_handle(exchange);
	headers_done(&exchange->headers);
	buf_done(&exchange->body);
	free(exchange->first_url);
	free(exchange->url);
	free(exchange->shown);
	exchange->first_url = exchange->url = exchange->shown = NULL;
}

/* ---- what arrives ---- */

/* A registry may offer several ways in by a header each; a token is the best of them. */
static bool is_worse_challenge(const struct exchange *exchange, char *const *header)
{
	return header == &exchange->headers.challenge && *header &&
	       strncasecmp(*header, "Bearer ", 7) == 0;
}

static size_t take_header(const char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	size_t length = size * count;
	const char *colon = memchr(data, ':', length);

	exchange->answered = true;
	/* A new answer begins: of a proxy, or after "100 Continue". */
	if (length > 5 && memcmp(data, "HTTP/", 5) == 0)
		headers_done(&exchange->headers);
	for (size_t i = 0; colon && i < HEADER_COUNT; i++) {
		size_t name_length = strlen(known_headers[i].name);
		const char *value = colon + 1, *end = data + length;

		if ((size_t)(colon - data) != name_length ||
			strncasecmp(data, known_headers[i].name, name_length) != 0 ||
			is_worse_challenge(exchange, header_at(&exchange->headers, i)))
			continue;
		while (value < end && (*value == ' ' || *value == '\t'))
			value++;
		while (end > value && (unsigned char)end[-1] <= ' ')
			end--;
		replace_string(
			header_at(&exchange->headers, i), xstrndup(value, (size_t)(end - value)));
	}
	return length;
}

/* The first bytes of a blob: the answer must be for what was asked. */
static bool begins_right(struct exchange *exchange)
{
	if (exchange->status == 200) { /* also to a request for a range: it is all of it */
		exchange->at = 0;
		if (!exchange->is_blob)
			exchange_restart(exchange);
		return true;
	}
	exchange->at = exchange->offset;
	if (exchange->status == 206 && exchange->is_blob &&
		content_range_check(exchange->headers.range, exchange->offset, exchange->size) == 0)
		return true;
	exchange->wrong_range = true;
	return false;
}

static size_t take_blob(struct exchange *exchange, const char *data, size_t length)
{
	size_t left = length;

	if ((int64_t)length > exchange->size - exchange->at) {
		exchange->too_long = true;
		return 0;
	}
	exchange->at += (int64_t)length;
	if (exchange->at <= exchange->offset)
		return length;
	if ((int64_t)left > exchange->at - exchange->offset)
		left = (size_t)(exchange->at - exchange->offset);
	while (left > 0) {
		const char *from = data + length - left;
		ssize_t n = TEMP_FAILURE_RETRY(
			exchange->is_blob ? write(exchange->fd, from, left)
					  : pwrite(exchange->fd, from, left, exchange->offset));

		if (n < 0) {
			exchange->write_errno = errno;
			return 0;
		}
		exchange->offset += n;
		left -= (size_t)n;
	}
	return length;
}

static size_t take_body(const char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	size_t length = size * count;

	if (exchange->status == 0) {
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
		if (exchange->fd >= 0 && exchange->status / 100 == 2 && !begins_right(exchange))
			return 0;
	}
	if (exchange->fd >= 0 && exchange->status / 100 == 2)
		return take_blob(exchange, data, length);
	buf_append(&exchange->body, data, length);
	/* Of an error's text the beginning is enough; a document must be whole. */
	if (exchange->body.failed && exchange->status / 100 == 2) {
		exchange->too_long = true;
		return 0;
	}
	return exchange->body.failed ? 0 : length;
}

/* ---- a request ---- */

static void add_header(struct exchange *exchange, const char *name, const char *value)
{
	cleanup_free char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *list = curl_slist_append(exchange->request_headers, line);

	if (!list)
		abort();
	exchange->request_headers = list;
}

/*
 * To the registry itself and nobody else: not to where it redirects, nor to its realm. Plain http
 * is spoken with this host and with what was declared insecure only (see may_try_http()).
 */
static const char *authorization_for(struct exchange *exchange, const struct origin *origin)
{
	struct repository *repository = exchange->repository;

	if (exchange->authorization)
		return *exchange->authorization && strcmp(exchange->url, exchange->first_url) == 0
			       ? exchange->authorization
			       : NULL;
	if (repository->token_until_ns > 0 && clock_monotonic_ns() >= repository->token_until_ns)
		replace_string(&repository->token, NULL);
	return origin_equal(origin, &repository->origin) ? repository->token : NULL;
}

static void set_headers(struct exchange *exchange, const struct origin *origin)
{
	const char *authorization = authorization_for(exchange, origin);

	if (exchange->accept)
		add_header(exchange, "Accept", exchange->accept);
	exchange->request_headers = sending_headers(&exchange->sending, exchange->request_headers);
	if (authorization)
		add_header(exchange, "Authorization", authorization);
	exchange->token_number = exchange->repository->token_number;
	if (exchange->is_blob && exchange->offset > 0 && !exchange->no_range) {
		cleanup_free char *range = xasprintf("bytes=%lld-", (long long)exchange->offset);

		add_header(exchange, "Range", range);
	}
}

static void set_options(struct exchange *exchange)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_URL, exchange->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->request_headers);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	if (exchange->fd >= 0) /* fewer, larger reads */
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BLOB_READ_BYTES);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vessel/" VESSEL_VERSION);
	if (exchange->form)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->form);
}

int exchange_begin(struct exchange *exchange, struct error **err)
{
	struct origin origin;

	if (origin_parse(exchange->url, &origin, NULL, err) < 0)
		return -1;
	release_handle(exchange);
	headers_done(&exchange->headers);
	buf_clear(&exchange->body);
	exchange->status = 0;
	exchange->code = CURLE_OK;
	exchange->verify_result = 0;
	exchange->too_long = exchange->wrong_range = exchange->may_pass = false;
	replace_string(&exchange->shown, xstrndup(exchange->url, strcspn(exchange->url, "?#")));
	exchange->easy = curl_easy_init();
	if (!exchange->easy)
		return error_new(err, ERROR_INTERNAL, "out of memory");
	set_headers(exchange, &origin);
	set_options(exchange);
	if (connection_prepare(exchange, &origin, err) < 0)
		return -1;
	sending_set_options(&exchange->sending, exchange->easy); /* last: it is given more time */
	return 0;
}

/* ---- judging an answer ---- */

/* Another try after a pause: the error that is given goes, unless the caller is to judge. */
static enum exchange_outcome again_after(
	struct exchange *exchange, int64_t pause_ns, struct error **err)
{
	exchange->retries++;
	exchange->not_before_ns = clock_monotonic_ns() + time_scaled(pause_ns);
	/* Where a redirect led may have been good for a moment only. */
	replace_string(&exchange->url, xstrdup(exchange->first_url));
	exchange->redirects = 0;
	if (exchange->sending.once) {
		exchange->may_pass = true;
		return EXCHANGE_FAILED;
	}
	error_free(take_ptr(*err));
	return EXCHANGE_AGAIN;
}

/* Again after a pause, unless that was tried often enough: then the error that is given stays. */
static enum exchange_outcome retry(struct exchange *exchange, struct error **err)
{
	uint32_t random;

	/* Rather another place than the same again. */
	if (exchange->retries >= RETRIES_MAX ||
		(exchange->base_length > 0 && endpoint_has_next(exchange->repository)))
		return EXCHANGE_FAILED;
	random_bytes(&random, sizeof(random));
	return again_after(exchange, backoff_ms(exchange->retries, random) * MS, err);
}

/*
 * A connection that broke. A wrong name, a registry that is down, or plain http where https was
 * tried, is told at once; after the first answer the same may pass.
 */
static enum exchange_outcome judge_broken(struct exchange *exchange, struct error **err)
{
	const struct repository *repository = exchange->repository;

	connection_broken(exchange, err);
	switch (exchange->code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_OUT_OF_MEMORY:
		return EXCHANGE_FAILED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_ABORTED_BY_CALLBACK:
		return repository->reached ? retry(exchange, err) : EXCHANGE_FAILED;
	default:
		if (!repository->reached && origin_is_loopback(&repository->origin))
			return EXCHANGE_FAILED;
		return retry(exchange, err);
	}
}

/*
 * Where a redirect leads; NULL: nowhere. libcurl would say it too, but not when its text was too
 * long to be read to the end. The caller frees.
 */
static char *location_url(const struct exchange *exchange)
{
	CURLU *parts = curl_url();
	char *text = NULL, *url = NULL;

	if (!parts)
		abort();
	if (exchange->headers.location && *exchange->headers.location &&
		curl_url_set(parts, CURLUPART_URL, exchange->url, 0) == CURLUE_OK &&
		curl_url_set(parts, CURLUPART_URL, exchange->headers.location,
			CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK)
		url = xstrdup(text);
	curl_free(text);
	curl_url_cleanup(parts);
	return url;
}

static enum exchange_outcome judge_redirect(struct exchange *exchange, struct error **err)
{
	struct origin from;
	cleanup_free char *url = location_url(exchange);

	if (!sending_follows(&exchange->sending, exchange->status)) {
		error_new(err, ERROR_UNAVAILABLE, "%s: HTTP status %ld to a %s", exchange->url,
			exchange->status, exchange->sending.method);
		return EXCHANGE_FAILED;
	}
	if (!url || exchange->redirects++ >= REDIRECTS_MAX) {
		error_new(err, ERROR_UNAVAILABLE, "%s: %s", exchange->shown,
			url ? "it was redirected more than 5 times"
			    : "it was redirected to nowhere");
		return EXCHANGE_FAILED;
	}
	if (origin_parse(exchange->url, &from, NULL, err) < 0 ||
		redirect_check(&from, url, err) < 0)
		return EXCHANGE_FAILED;
	if (exchange->form) { /* it holds a secret */
		error_new(err, ERROR_DENIED, "%s: the token service is somewhere else",
			exchange->shown);
		return EXCHANGE_FAILED;
	}
	replace_string(&exchange->url, xstrdup(url));
	return EXCHANGE_AGAIN;
}

static enum exchange_outcome judge_blob(struct exchange *exchange, struct error **err)
{
	if (!exchange->is_blob) {
		if (ftruncate(exchange->fd, exchange->offset) == 0)
			return EXCHANGE_DONE;
		error_sys(err, "write a download");
		return EXCHANGE_FAILED;
	}
	if (exchange->offset == exchange->size)
		return EXCHANGE_DONE;
	error_new(err, ERROR_UNAVAILABLE, "%s: it ended after %lld of %lld bytes", exchange->shown,
		(long long)exchange->offset, (long long)exchange->size);
	return retry(exchange, err);
}

static enum exchange_outcome judge_busy(struct exchange *exchange, struct error **err)
{
	int64_t now_s = clock_now_ns() / 1000000000;
	int64_t pause_s = retry_after_s(exchange->headers.retry_after, now_s,
		1 << (exchange->retries < 5 ? exchange->retries : 5));

	if (clock_monotonic_ns() + time_scaled(pause_s * 1000 * MS) - exchange->begun_ns >
		time_scaled(BUSY_TOTAL_NS))
		return EXCHANGE_FAILED;
	return again_after(exchange, pause_s * 1000 * MS, err);
}

/* The kinds of answers that no further request would change. */
static enum error_kind kind_of(long status)
{
	switch (status) {
	case 401:
	case 403:
		return ERROR_DENIED;
	case 404:
		return ERROR_NOT_FOUND;
	default:
		return ERROR_UNAVAILABLE;
	}
}

/* A token that somebody has got in the meantime, or a new one; each exchange asks for one once. */
static enum exchange_outcome judge_unknown(struct exchange *exchange, struct error **err)
{
	const struct repository *repository = exchange->repository;
	struct origin origin;

	if (origin_parse(exchange->url, &origin, NULL, err) < 0 ||
		!origin_equal(&origin, &repository->origin) || exchange->asked_token ||
		!exchange->headers.challenge)
		return EXCHANGE_FAILED;
	error_free(take_ptr(*err));
	if (repository->token && repository->token_number != exchange->token_number)
		return EXCHANGE_AGAIN;
	exchange->asked_token = true;
	return EXCHANGE_WANTS_TOKEN;
}

static enum exchange_outcome judge_refusal(struct exchange *exchange, struct error **err)
{
	cleanup_free char *said =
		registry_error_text(buf_text(&exchange->body), exchange->body.length);

	error_new(err, kind_of(exchange->status), "%s: HTTP status %ld%s%s", exchange->shown,
		exchange->status, *said ? ": " : "", said);
	switch (exchange->status) {
	case 401:
		return judge_unknown(exchange, err);
	case 416:
		exchange_restart(exchange);
		return retry(exchange, err);
	case 429:
		return judge_busy(exchange, err);
	case 500:
	case 502:
	case 503:
	case 504:
		return retry(exchange, err);
	default:
		return EXCHANGE_FAILED;
	}
}

static enum exchange_outcome judge_transfer(
	struct exchange *exchange, CURLcode code, struct error **err)
{
	if (exchange->write_errno) {
		errno = exchange->write_errno;
		error_sys(err, "write a blob");
		return EXCHANGE_FAILED;
	}
	if (exchange->too_long) {
		error_new(err, ERROR_INVALID, "%s: it is longer than %lld bytes", exchange->shown,
			exchange->fd >= 0 ? (long long)exchange->size
					  : (long long)exchange->body.ceiling - 1);
		return EXCHANGE_FAILED;
	}
	if (exchange->wrong_range) {
		error_new(
			err, ERROR_INVALID, "%s: the answer is for another range", exchange->shown);
		exchange_restart(exchange);
		return retry(exchange, err);
	}
	if (exchange->sending.read_errno) {
		errno = exchange->sending.read_errno;
		error_sys(err, "read a blob");
		return EXCHANGE_FAILED;
	}
	/* Who refuses a body may stop reading it. */
	if (exchange->sending.method && exchange->status >= 400)
		return EXCHANGE_DONE;
	/* An error's text that was cut by us is no broken connection, nor is one that broke after
	 * the last byte. */
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && exchange->body.failed) ||
		(exchange->is_blob && exchange->size > 0 && exchange->offset == exchange->size))
		return EXCHANGE_DONE;
	exchange->code = code;
	return judge_broken(exchange, err);
}

static enum exchange_outcome judge(struct exchange *exchange, CURLcode code, struct error **err)
{
	enum exchange_outcome outcome;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
	curl_easy_getinfo(exchange->easy, CURLINFO_SSL_VERIFYRESULT, &exchange->verify_result);
	/* Not when another place is asked in the meantime: that one may speak plain http. */
	if (exchange->status > 0 && (exchange->base_length == 0 || exchange_is_at_base(exchange)))
		exchange->repository->reached = true;
	if (exchange->status / 100 == 2)
		exchange->asked_token = false; /* the next one may be of an expired token */
	outcome = judge_transfer(exchange, code, err);
	if (outcome != EXCHANGE_DONE)
		return outcome;
	if (exchange->status / 100 == 3)
		return judge_redirect(exchange, err);
	if (exchange->sending.method && exchange->status / 100 == 2)
		return EXCHANGE_DONE;
	if (exchange->status != 200 && exchange->status != 206)
		return judge_refusal(exchange, err);
	return exchange->fd >= 0 ? judge_blob(exchange, err) : EXCHANGE_DONE;
}

enum exchange_outcome exchange_end(struct exchange *exchange, CURLcode code, struct error **err)
{
	enum exchange_outcome outcome = judge(exchange, code, err);

	release_handle(exchange);
	if (outcome == EXCHANGE_FAILED && exchange_move_on(exchange, err))
		return EXCHANGE_AGAIN;
	return outcome;
}

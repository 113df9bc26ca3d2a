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
#include "registry/http.h"

#define REDIRECTS_MAX 5
#define RETRIES_MAX 5
#define BUSY_TOTAL_NS INT64_C(600000000000) /* how long "too many requests" is waited for */
#define CONNECT_TIMEOUT_S 30L
#define SLOW_BYTES_PER_S 1024L
#define SLOW_S 60L
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
	*exchange = (struct exchange){ .repository = repository,
		.first_url = url_taken,
		.url = xstrdup(url_taken),
		.body = BUF_INIT(body_max + 1),
		.fd = -1,
		.sending = { .fd = -1 },
		.begun_ns = clock_monotonic_ns() };
}

/* What an earlier answer left in the file is written over, or cut off at the end of the last. */
static void restart(struct exchange *exchange)
{
	exchange->offset = 0;
	sha256_init(&exchange->sha);
}

void exchange_to_file(
	struct exchange *exchange, int fd, const struct digest *expected, int64_t size)
{
	exchange->fd = fd;
	exchange->is_known = expected != NULL;
	if (expected)
		exchange->expected = *expected;
	exchange->size = size;
	restart(exchange);
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
	exchange->first_url = exchange->url = NULL;
}

/* ---- what arrives ---- */

static size_t take_header(const char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	size_t length = size * count;
	const char *colon = memchr(data, ':', length);

	/* A new answer begins: of a proxy, or after "100 Continue". */
	if (length > 5 && memcmp(data, "HTTP/", 5) == 0)
		headers_done(&exchange->headers);
	for (size_t i = 0; colon && i < HEADER_COUNT; i++) {
		size_t name_length = strlen(known_headers[i].name);
		const char *value = colon + 1, *end = data + length;

		if ((size_t)(colon - data) != name_length ||
			strncasecmp(data, known_headers[i].name, name_length) != 0)
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
		restart(exchange);
		return true;
	}
	if (exchange->status == 206 &&
		content_range_check(exchange->headers.range, exchange->offset, exchange->size) == 0)
		return true;
	exchange->wrong_range = true;
	return false;
}

static size_t take_blob(struct exchange *exchange, const char *data, size_t length)
{
	size_t left = length;

	if ((int64_t)length > exchange->size - exchange->offset) {
		exchange->too_long = true;
		return 0;
	}
	while (left > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(
			pwrite(exchange->fd, data + length - left, left, exchange->offset));

		if (n < 0) {
			exchange->write_errno = errno;
			return 0;
		}
		sha256_update(&exchange->sha, data + length - left, (size_t)n);
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

static void set_headers(struct exchange *exchange, const struct origin *origin)
{
	const struct repository *repository = exchange->repository;

	if (exchange->accept)
		add_header(exchange, "Accept", exchange->accept);
	exchange->request_headers = sending_headers(&exchange->sending, exchange->request_headers);
	/* To the registry itself and nobody else: not to where it redirects, nor to its realm. */
	if (repository->token && origin_equal(origin, &repository->origin)) {
		cleanup_free char *value = xasprintf("Bearer %s", repository->token);

		add_header(exchange, "Authorization", value);
	}
	if (exchange->is_known && exchange->offset > 0) {
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
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vessel/" VESSEL_VERSION);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SLOW_S);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (exchange->repository->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, exchange->repository->ca_file);
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
	exchange->too_long = exchange->wrong_range = exchange->may_pass = false;
	exchange->easy = curl_easy_init();
	if (!exchange->easy)
		return error_new(err, ERROR_INTERNAL, "out of memory");
	set_headers(exchange, &origin);
	set_options(exchange);
	sending_set_options(&exchange->sending, exchange->easy); /* last: it is given more time */
	return 0;
}

/* ---- judging an answer ---- */

/* Another try after a pause: the error that is given goes, unless the caller is to judge. */
static enum exchange_outcome again_after(
	struct exchange *exchange, int64_t pause_ns, struct error **err)
{
	exchange->retries++;
	exchange->not_before_ns = clock_monotonic_ns() + pause_ns;
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

	if (exchange->retries >= RETRIES_MAX)
		return EXCHANGE_FAILED;
	random_bytes(&random, sizeof(random));
	return again_after(exchange, backoff_ms(exchange->retries, random) * MS, err);
}

/*
 * A connection that broke. A wrong name, a registry that is down, or plain http where https was
 * tried, is told at once; after the first answer the same may pass.
 */
static enum exchange_outcome judge_broken(
	struct exchange *exchange, CURLcode code, struct error **err)
{
	const struct repository *repository = exchange->repository;

	error_new(err, ERROR_UNAVAILABLE, "%s: %s", exchange->url, curl_easy_strerror(code));
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		error_hint(err, "this machine does not trust the registry's certificate; "
				"SSL_CERT_FILE can name a file of the authorities to trust");
		return EXCHANGE_FAILED;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_OUT_OF_MEMORY:
		return EXCHANGE_FAILED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
		return repository->reached ? retry(exchange, err) : EXCHANGE_FAILED;
	default:
		if (!repository->reached && origin_is_loopback(&repository->origin))
			return EXCHANGE_FAILED;
		return retry(exchange, err);
	}
}

static enum exchange_outcome judge_redirect(struct exchange *exchange, struct error **err)
{
	struct origin from;
	char *url = NULL;

	curl_easy_getinfo(exchange->easy, CURLINFO_REDIRECT_URL, &url);
	if (!sending_follows(&exchange->sending, exchange->status)) {
		error_new(err, ERROR_UNAVAILABLE, "%s: HTTP status %ld to a %s", exchange->url,
			exchange->status, exchange->sending.method);
		return EXCHANGE_FAILED;
	}
	if (!url || exchange->redirects++ >= REDIRECTS_MAX) {
		error_new(err, ERROR_UNAVAILABLE, "%s: %s", exchange->first_url,
			url ? "it was redirected more than 5 times"
			    : "it was redirected to nowhere");
		return EXCHANGE_FAILED;
	}
	if (origin_parse(exchange->url, &from, NULL, err) < 0 ||
		redirect_check(&from, url, err) < 0)
		return EXCHANGE_FAILED;
	replace_string(&exchange->url, xstrdup(url));
	return EXCHANGE_AGAIN;
}

static enum exchange_outcome judge_blob(struct exchange *exchange, struct error **err)
{
	struct digest got;
	struct sha256 sha = exchange->sha;
	char got_text[DIGEST_TEXT_MAX], expected_text[DIGEST_TEXT_MAX];

	if (!exchange->is_known) {
		if (ftruncate(exchange->fd, exchange->offset) == 0)
			return EXCHANGE_DONE;
		error_sys(err, "write a download");
		return EXCHANGE_FAILED;
	}
	if (exchange->offset < exchange->size) {
		error_new(err, ERROR_UNAVAILABLE, "%s: it ended after %lld of %lld bytes",
			exchange->url, (long long)exchange->offset, (long long)exchange->size);
		return retry(exchange, err);
	}
	sha256_final(&sha, got.sha256);
	if (memcmp(&got, &exchange->expected, sizeof(got)) == 0)
		return EXCHANGE_DONE;
	error_new(err, ERROR_INVALID, "%s: its digest is %s, and %s was asked for", exchange->url,
		digest_text(&got, got_text), digest_text(&exchange->expected, expected_text));
	if (exchange->restarted)
		return EXCHANGE_FAILED;
	exchange->restarted = true;
	restart(exchange);
	return retry(exchange, err);
}

static enum exchange_outcome judge_busy(struct exchange *exchange, struct error **err)
{
	int64_t now_s = clock_now_ns() / 1000000000;
	int64_t pause_s = retry_after_s(exchange->headers.retry_after, now_s,
		1 << (exchange->retries < 5 ? exchange->retries : 5));

	if (clock_monotonic_ns() + pause_s * 1000 * MS - exchange->begun_ns > BUSY_TOTAL_NS)
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

static enum exchange_outcome judge_refusal(struct exchange *exchange, struct error **err)
{
	cleanup_free char *said =
		registry_error_text(buf_text(&exchange->body), exchange->body.length);
	bool ours;
	struct origin origin;

	error_new(err, kind_of(exchange->status), "%s: HTTP status %ld%s%s", exchange->url,
		exchange->status, *said ? ": " : "", said);
	switch (exchange->status) {
	case 401:
		ours = origin_parse(exchange->url, &origin, NULL, err) == 0 &&
		       origin_equal(&origin, &exchange->repository->origin);
		if (!ours || exchange->asked_token || !exchange->headers.challenge)
			return EXCHANGE_FAILED;
		exchange->asked_token = true;
		error_free(take_ptr(*err));
		return EXCHANGE_WANTS_TOKEN;
	case 416:
		restart(exchange);
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
		error_new(err, ERROR_INVALID, "%s: it is longer than %lld bytes", exchange->url,
			exchange->fd >= 0 ? (long long)exchange->size
					  : (long long)exchange->body.ceiling - 1);
		return EXCHANGE_FAILED;
	}
	if (exchange->wrong_range) {
		error_new(err, ERROR_INVALID, "%s: the answer is for another range", exchange->url);
		restart(exchange);
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
		(exchange->is_known && exchange->size > 0 && exchange->offset == exchange->size))
		return EXCHANGE_DONE;
	exchange->code = code;
	return judge_broken(exchange, code, err);
}

static enum exchange_outcome judge(struct exchange *exchange, CURLcode code, struct error **err)
{
	enum exchange_outcome outcome;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
	if (exchange->status > 0)
		exchange->repository->reached = true;
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
	return outcome;
}

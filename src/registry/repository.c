/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/repository.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "registry/http.h"
#include "registry/trust.h"

#define MANIFEST_BYTES_MAX (4UL * 1024 * 1024)
#define TOKEN_BYTES_MAX (1024UL * 1024)
#define TOKEN_MAX 65536
#define ERROR_BYTES_MAX 65536
#define SECOND INT64_C(1000000000)
#define ACCEPT OCI_INDEX ", " DOCKER_LIST ", " OCI_MANIFEST ", " DOCKER_MANIFEST

static int set_base(struct repository *repository, bool https, struct error **err)
{
	replace_string(&repository->base, registry_url(repository->ref, https));
	return origin_parse(repository->base, &repository->origin, NULL, err);
}

int repository_open(const struct reference *ref, struct repository *ret, struct error **err)
{
	cleanup_repository struct repository repository = { .ref = ref };

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot be used");
	repository.ca_file = xstrdup_null(getenv("SSL_CERT_FILE"));
	repository.ca_folder = trust_folder();
	if (set_base(&repository, true, err) < 0)
		return -1;
	*ret = repository;
	repository = (struct repository){ 0 };
	return 0;
}

void repository_close(struct repository *repository)
{
	free(repository->base);
	free(repository->token);
	free(repository->ca_file);
	*repository = (struct repository){ 0 };
}

static void sleep_until(int64_t monotonic_ns)
{
	const struct timespec until = { .tv_sec = monotonic_ns / SECOND,
		.tv_nsec = (long)(monotonic_ns % SECOND) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* An exchange that asks for a token asks for another exchange, which cannot. */
int repository_perform(struct exchange *exchange, struct error **err) // NOLINT(misc-no-recursion)
{
	for (;;) {
		if (exchange_begin(exchange, err) < 0)
			return -1;
		switch (exchange_end(exchange, curl_easy_perform(exchange->easy), err)) {
		case EXCHANGE_DONE:
			return 0;
		case EXCHANGE_FAILED:
			return -1;
		case EXCHANGE_WANTS_TOKEN:
			if (repository_authorize(
				    exchange->repository, exchange->headers.challenge, err) < 0)
				return -1;
			break;
		case EXCHANGE_AGAIN:
			sleep_until(exchange->not_before_ns);
			break;
		}
	}
}

/* ---- tokens ---- */

static char *token_url(const struct repository *repository, const struct challenge *challenge)
{
	cleanup_free char *scope = xasprintf("repository:%s:pull", repository->ref->path);
	cleanup_free char *with_service =
		challenge->service ? url_with_query(challenge->realm, "service", challenge->service)
				   : xstrdup(challenge->realm);

	/* The scope is what we need, whatever the registry would have us ask for. */
	return url_with_query(with_service, "scope", scope);
}

/* It becomes part of a header: one word of printable characters. */
static bool token_is_valid(const char *token)
{
	size_t length = 0;

	for (; token[length]; length++)
		if (token[length] <= ' ' || token[length] > '~')
			return false;
	return length > 0 && length <= TOKEN_MAX;
}

static int read_token(const struct buf *body, char **ret, struct error **err)
{
	cleanup_json struct json_object *document = NULL;
	const char *token = NULL;

	if (json_parse(buf_text(body), body->length, "the token service's answer", &document, err) <
		0)
		return -1;
	if (json_get_text(document, "token", &token, err) < 0 ||
		(!token && json_get_text(document, "access_token", &token, err) < 0))
		return error_wrap(err, "the token service's answer");
	if (!token || !token_is_valid(token))
		return error_new(
			err, ERROR_INVALID, "the token service's answer has no usable token");
	*ret = xstrdup(token);
	return 0;
}

int repository_authorize( // NOLINT(misc-no-recursion): see repository_perform()
	struct repository *repository, const char *header, struct error **err)
{
	cleanup_challenge struct challenge challenge = { 0 };
	cleanup_exchange struct exchange exchange = { .fd = -1 };
	int found = challenge_parse(header, &challenge, err);

	replace_string(&repository->token, NULL);
	if (found == 0) {
		error_new(err, ERROR_DENIED, "%s wants a login", repository->origin.host);
		return error_hint(err, "registries that need a login are not supported yet");
	}
	if (found < 0 || realm_check(&repository->origin, challenge.realm, err) < 0)
		return -1;
	exchange_init(&exchange, repository, token_url(repository, &challenge), TOKEN_BYTES_MAX);
	exchange.asked_token = true; /* a token service that wants a token has none for us */
	if (repository_perform(&exchange, err) < 0 ||
		read_token(&exchange.body, &repository->token, err) < 0)
		return error_wrap(err, "get a token");
	return 0;
}

/* ---- manifests ---- */

void manifest_document_done(struct manifest_document *document)
{
	free(document->text);
	manifest_done(&document->manifest);
	*document = (struct manifest_document){ 0 };
}

/*
 * The same bytes must not be an index to one reader and a manifest to another (CVE-2021-41190), so
 * what the header says, what the document says and what its descriptor says must agree.
 */
static int check_type(const char *content_type, const struct manifest_document *document,
	const struct descriptor *expected, struct error **err)
{
	cleanup_free char *type = media_type_of(content_type);
	const char *own = document->manifest.media_type;

	if (strcmp(type, own) != 0)
		return error_new(
			err, ERROR_INVALID, "it was sent as '%.100s' and is '%s'", type, own);
	if (expected && strcmp(expected->media_type, own) != 0)
		return error_new(err, ERROR_INVALID, "it was named as '%.100s' and is '%s'",
			expected->media_type, own);
	return 0;
}

static int check_digest(
	const char *what, const char *text, const struct digest *got, struct error **err)
{
	struct digest said;
	char got_text[DIGEST_TEXT_MAX];

	if (digest_parse(text, &said, err) < 0)
		return error_wrap(err, "%s", what);
	if (memcmp(&said, got, sizeof(said)) == 0)
		return 0;
	return error_new(err, ERROR_INVALID, "%s says %s, and its digest is %s", what, text,
		digest_text(got, got_text));
}

static int read_document(struct exchange *exchange, const char *name,
	const struct descriptor *expected, struct manifest_document *ret, struct error **err)
{
	cleanup_manifest_document struct manifest_document document = { 0 };
	char expected_text[DIGEST_TEXT_MAX];

	document.length = exchange->body.length;
	document.text = buf_take(&exchange->body);
	sha256_bytes(document.text, document.length, document.digest.sha256);
	if (strchr(name, ':') && check_digest("the reference", name, &document.digest, err) < 0)
		return -1;
	if (exchange->headers.digest &&
		check_digest("the registry's header", exchange->headers.digest, &document.digest,
			err) < 0)
		return -1;
	if (expected &&
		check_digest("its descriptor", digest_text(&expected->digest, expected_text),
			&document.digest, err) < 0)
		return -1;
	if (expected && expected->size != (int64_t)document.length)
		return error_new(err, ERROR_INVALID,
			"its descriptor says %lld bytes, and it has %zu", (long long)expected->size,
			document.length);
	if (manifest_parse(document.text, document.length, &document.manifest, err) < 0 ||
		check_type(exchange->headers.type, &document, expected, err) < 0)
		return -1;
	*ret = document;
	document = (struct manifest_document){ 0 };
	return 0;
}

/* In the words that docker's users know. */
static int explain(const struct repository *repository, const char *name, struct error **err)
{
	cleanup_free char *known = reference_familiar_repository(repository->ref);

	switch (error_kind(*err)) {
	case ERROR_NOT_FOUND:
		return error_wrap(err, "manifest for %s%s%s not found", known,
			strchr(name, ':') ? "@" : ":", name);
	case ERROR_DENIED:
		return error_wrap(err,
			"pull access denied for %s, repository does not exist or may require a "
			"login",
			known);
	default:
		return -1;
	}
}

/* A registry of this host may speak plain http, as docker has it: nobody can listen in between. */
static bool may_try_http(const struct repository *repository, const struct exchange *exchange)
{
	return repository->origin.https && !repository->reached &&
	       origin_is_loopback(&repository->origin) && exchange->code != CURLE_OK &&
	       exchange->code != CURLE_PEER_FAILED_VERIFICATION;
}

bool repository_fall_back(
	struct repository *repository, const struct exchange *exchange, struct error **err)
{
	if (!may_try_http(repository, exchange))
		return false;
	error_free(take_ptr(*err));
	return set_base(repository, false, err) == 0;
}

static void init_manifest_exchange(
	struct exchange *exchange, struct repository *repository, const char *name)
{
	exchange_done(exchange);
	exchange_init(exchange, repository, xasprintf("%s/manifests/%s", repository->base, name),
		MANIFEST_BYTES_MAX);
	exchange->accept = ACCEPT;
}

int repository_get_manifest(struct repository *repository, const char *name,
	const struct descriptor *expected, struct manifest_document *ret, struct error **err)
{
	cleanup_exchange struct exchange exchange = { .fd = -1 };
	int result;

	init_manifest_exchange(&exchange, repository, name);
	result = repository_perform(&exchange, err);
	if (result < 0 && repository_fall_back(repository, &exchange, err)) {
		init_manifest_exchange(&exchange, repository, name);
		result = repository_perform(&exchange, err);
	}
	if (result < 0)
		return explain(repository, name, err);
	if (read_document(&exchange, name, expected, ret, err) < 0)
		return error_wrap(err, "%s", exchange.url);
	return 0;
}

int repository_get_url(const char *url, int fd, int64_t max, struct error **err)
{
	cleanup_repository struct repository repository = { .ca_file = NULL };
	cleanup_exchange struct exchange exchange = { .fd = -1 };

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot be used");
	repository.ca_file = xstrdup_null(getenv("SSL_CERT_FILE"));
	repository.ca_folder = trust_folder();
	exchange_init(&exchange, &repository, xstrdup(url), ERROR_BYTES_MAX);
	exchange_to_file(&exchange, fd, max);
	return repository_perform(&exchange, err);
}

char *repository_blob_url(const struct repository *repository, const struct digest *digest)
{
	char text[DIGEST_TEXT_MAX];

	return xasprintf("%s/blobs/%s", repository->base, digest_text(digest, text));
}

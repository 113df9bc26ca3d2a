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
#include "registry/endpoint.h"
#include "registry/http.h"
#include "registry/probe.h"
#include "registry/token.h"
#include "registry/trust.h"

#define MANIFEST_BYTES_MAX (4UL * 1024 * 1024)
#define ERROR_BYTES_MAX 65536
#define SECOND INT64_C(1000000000)
#define ACCEPT OCI_INDEX ", " DOCKER_LIST ", " OCI_MANIFEST ", " DOCKER_MANIFEST

static int open_curl(struct repository *repository, struct error **err)
{
	static const curl_lock_data shared[] = { CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_SSL_SESSION,
		CURL_LOCK_DATA_CONNECT };

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot be used");
	repository->ca_file = xstrdup_null(getenv("SSL_CERT_FILE"));
	repository->ca_folder = trust_folder();
	repository->share = curl_share_init();
	for (size_t i = 0; repository->share && i < sizeof(shared) / sizeof(*shared); i++)
		curl_share_setopt(repository->share, CURLSHOPT_SHARE, shared[i]);
	return 0;
}

int repository_open(const struct reference *ref, struct repository *ret, struct error **err)
{
	struct repository repository = { .ref = ref };

	access_take(&repository.access);
	if (repository.access.count == 0) {
		repository.access.count = 1;
		repository.access.endpoints[0].location =
			xasprintf("%s%s%s", ref->domain, *ref->path ? "/" : "", ref->path);
	}
	if (open_curl(&repository, err) < 0) {
		repository_close(&repository);
		return -1;
	}
	/* Now where it stays: an endpoint's credential is pointed to. */
	*ret = repository;
	if (endpoint_use(ret, 0, true, err) == 0 &&
		(!probe_is_http(&ret->origin) || endpoint_use(ret, 0, false, err) == 0))
		return 0;
	repository_close(ret);
	return -1;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void repository_close(struct repository *repository)
{
	free(repository->base);
	wipe(repository->token);
	wipe(repository->identity_token);
	free(repository->ca_file);
	free(repository->failures);
	access_done(&repository->access);
	if (repository->share)
		curl_share_cleanup(repository->share);
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
				    exchange->repository, exchange->headers.challenge, err) < 0 &&
				!exchange_move_on(exchange, err))
				return -1;
			break;
		case EXCHANGE_AGAIN:
			sleep_until(exchange->not_before_ns);
			break;
		}
	}
}

int repository_authorize( // NOLINT(misc-no-recursion): see repository_perform()
	struct repository *repository, const char *header, struct error **err)
{
	return token_get(repository, header, err);
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
		error_hint(err, "check the name and the tag");
		return error_wrap(err, "manifest for %s%s%s not found", known,
			strchr(name, ':') ? "@" : ":", name);
	case ERROR_DENIED:
		error_hint(
			err, "check the name, or use 'vessel login %s'", repository->ref->domain);
		return error_wrap(err,
			"pull access denied for %s, repository does not exist or may require a "
			"login",
			known);
	default:
		return error_wrap(err, "pull %s", known);
	}
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

	init_manifest_exchange(&exchange, repository, name);
	for (;;) {
		if (repository_perform(&exchange, err) < 0)
			return explain(repository, name, err);
		if (read_document(&exchange, name, expected, ret, err) == 0)
			return 0;
		error_wrap(err, "%s", exchange.shown);
		/* What a mirror made up, another place may have right. */
		if (!exchange_move_on(&exchange, err))
			return -1;
	}
}

int repository_get_url(const char *url, int fd, int64_t max, struct error **err)
{
	cleanup_repository struct repository repository = { .ca_file = NULL };
	cleanup_exchange struct exchange exchange = { .fd = -1 };

	if (open_curl(&repository, err) < 0)
		return -1;
	exchange_init(&exchange, &repository, xstrdup(url), ERROR_BYTES_MAX);
	exchange_to_file(&exchange, fd, max);
	return repository_perform(&exchange, err);
}

char *repository_blob_url(const struct repository *repository, const struct digest *digest)
{
	char text[DIGEST_TEXT_MAX];

	return xasprintf("%s/blobs/%s", repository->base, digest_text(digest, text));
}

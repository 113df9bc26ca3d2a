/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "registry/exchange.h"

#define FAILURES_MAX 2048

int endpoint_use(struct repository *repository, size_t index, bool https, struct error **err)
{
	const struct endpoint *endpoint = &repository->access.endpoints[index];
	bool has_secret = endpoint->credential.secret != NULL;

	replace_string(&repository->base, api_url(endpoint->location, https));
	replace_string(&repository->token, NULL);
	repository->token_until_ns = 0;
	repository->token_number++;
	repository->credential = has_secret ? &endpoint->credential : NULL;
	repository->insecure = endpoint->insecure;
	repository->reached = false;
	repository->endpoint = index;
	return origin_parse(repository->base, &repository->origin, NULL, err);
}

bool endpoint_has_next(const struct repository *repository)
{
	return repository->endpoint + 1 < repository->access.count;
}

static void keep_failure(struct repository *repository, const struct error *err)
{
	const char *old = repository->failures;

	replace_string(&repository->failures, xasprintf("%.*s%s%s", FAILURES_MAX, old ? old : "",
						      old ? "; " : "", error_message(err)));
}

/* The last place's error, with those before it. */
static void tell_all(const struct repository *repository, struct error **err)
{
	struct error *last = take_ptr(*err);

	error_new(err, error_kind(last), "%s (mirrors failed before: %s)", error_message(last),
		repository->failures);
	if (error_hint_text(last))
		error_hint(err, "%s", error_hint_text(last));
	error_free(last);
}

int endpoint_next(struct repository *repository, struct error **err)
{
	while (endpoint_has_next(repository)) {
		struct error *unusable = NULL;

		keep_failure(repository, *err);
		error_free(*err);
		*err = NULL;
		if (endpoint_use(repository, repository->endpoint + 1, true, &unusable) == 0)
			return 1;
		*err = unusable;
	}
	if (repository->failures)
		tell_all(repository, err);
	return 0;
}

/* ---- elsewhere ---- */

/* An alert, or another version of TLS: who answered does speak it, and not as we want. */
static bool speaks_tls(const struct exchange *exchange)
{
	return strstr(exchange->error_text, "alert") || strstr(exchange->error_text, "unsupported");
}

/*
 * A registry of this host may speak plain http, as docker has it: nobody can listen in between.
 * So may one that its user declared insecure. Never after it has answered by https: then somebody
 * in between would only have to break that to see what follows.
 */
static bool may_try_http(const struct exchange *exchange)
{
	const struct repository *repository = exchange->repository;

	return repository->origin.https && !repository->reached &&
	       (repository->insecure || origin_is_loopback(&repository->origin)) &&
	       exchange->code != CURLE_OK && exchange->code != CURLE_PEER_FAILED_VERIFICATION &&
	       !speaks_tls(exchange);
}

bool exchange_is_at_base(const struct exchange *exchange)
{
	const char *base = exchange->repository->base;

	return strlen(base) == exchange->base_length &&
	       memcmp(base, exchange->first_url, exchange->base_length) == 0;
}

bool exchange_move_on(struct exchange *exchange, struct error **err)
{
	struct repository *repository = exchange->repository;
	cleanup_error struct error *unusable = NULL;
	char *url;

	if (exchange->base_length == 0 || exchange->write_errno)
		return false;
	if (exchange_is_at_base(exchange)) { /* else another exchange was here before */
		if (may_try_http(exchange)) {
			if (endpoint_use(repository, repository->endpoint, false, &unusable) < 0)
				return false;
		} else if (endpoint_next(repository, err) == 0) {
			return false;
		}
	}
	error_free(take_ptr(*err));
	url = xasprintf("%s%s", repository->base, exchange->first_url + exchange->base_length);
	replace_string(&exchange->first_url, url);
	replace_string(&exchange->url, xstrdup(url));
	exchange->base_length = strlen(repository->base);
	exchange->redirects = exchange->retries = 0;
	exchange->asked_token = exchange->no_range = false;
	exchange->not_before_ns = 0;
	/* What is whole or too long was not good; a part may be. */
	if (exchange->fd >= 0 && (exchange->too_long || exchange->offset == exchange->size))
		exchange_restart(exchange);
	return true;
}

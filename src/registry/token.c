/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/reference.h"
#include "registry/base64.h"
#include "registry/exchange.h"
#include "registry/http.h"
#include "registry/repository.h"

#define TOKEN_BYTES_MAX (1024UL * 1024)
#define TOKEN_MAX 65536
#define LIFE_DEFAULT_S 60 /* of a token that does not say how long it lives */
#define LIFE_MAX_S INT64_C(604800)
#define SECOND INT64_C(1000000000)
#define CLIENT "vessel"

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
}
#define cleanup_secret __attribute__((cleanup(wipe)))

static char *basic_authorization(const struct credential *credential)
{
	cleanup_secret char *pair = xasprintf("%s:%s", credential->user, credential->secret);
	cleanup_secret char *encoded = base64_encode(pair, strlen(pair));

	return xasprintf("Basic %s", encoded);
}

static void set_token(struct repository *repository, char *token_taken, int64_t life_s)
{
	replace_string(&repository->token, token_taken);
	repository->token_number++;
	repository->token_until_ns = life_s > 0 ? clock_monotonic_ns() + life_s * SECOND : 0;
}

/* ---- who may know the password ---- */

/* "b.example" of "a.b.example": what somebody owns, nearly (see the header: it is a restriction of
 * what the registry itself may name, and who owns a registry gets its passwords anyway). */
static const char *domain_of(const char *host)
{
	const char *dot = strrchr(host, '.');

	while (dot && dot > host && dot[-1] != '.')
		dot--;
	return dot ? dot : host;
}

static bool is_named(const char *host)
{
	const char *names = getenv("VESSEL_TOKEN_HOSTS");
	cleanup_strv strv list = names ? strv_split(names, ',') : NULL;

	return strv_contains(list, host);
}

static int realm_may_know(const struct repository *repository, const char *url, struct error **err)
{
	const struct origin *home = &repository->origin;
	struct origin realm;

	if (origin_parse(url, &realm, NULL, err) < 0)
		return -1;
	if (strcmp(home->host, realm.host) == 0 ||
		(origin_is_loopback(home) && origin_is_loopback(&realm)))
		return 0;
	if (realm.https && (is_named(realm.host) || (strchr(realm.host, '.') &&
							    strcmp(domain_of(home->host),
								    domain_of(realm.host)) == 0)))
		return 0;
	error_new(err, ERROR_DENIED,
		"%s wants its password sent to %s, which is of another domain: it was not",
		home->host, realm.host);
	return error_hint(
		err, "if that is its token service, set VESSEL_TOKEN_HOSTS=%s", realm.host);
}

/* ---- asking ---- */

static strv scopes(const struct repository *repository)
{
	strv list = strv_room(0);

	if (repository->wants_identity)
		return list;
	strv_appendf(&list, "repository:%s:pull%s", strchr(repository->base + 8, '/') + 4,
		repository->wants_push ? ",push" : "");
	if (repository->mount_from)
		strv_appendf(&list, "repository:%s:pull", repository->mount_from);
	return list;
}

static void add_query(char **url, const char *name, const char *value)
{
	if (value)
		replace_string(url, url_with_query(*url, name, value));
}

static char *query_url(const struct repository *repository, const struct challenge *challenge)
{
	char *url = xstrdup(challenge->realm);
	cleanup_strv strv list = scopes(repository);

	if (repository->credential && !repository->credential->is_identity_token)
		add_query(&url, "account", repository->credential->user);
	if (repository->wants_identity) {
		add_query(&url, "client_id", CLIENT);
		add_query(&url, "offline_token", "true");
	}
	add_query(&url, "service", challenge->service);
	for (char **scope = list; *scope; scope++)
		add_query(&url, "scope", *scope);
	return url;
}

/* With an identity token it is a form, so that no token comes into any log of URLs. */
static char *oauth_form(const struct repository *repository, const struct challenge *challenge)
{
	cleanup_strv strv list = scopes(repository);
	cleanup_free char *joined = strv_join(list, " ");
	cleanup_secret char *form = xstrdup("?"); /* as if it were a URL's query */

	add_query(&form, "grant_type", "refresh_token");
	add_query(&form, "service", challenge->service);
	add_query(&form, "client_id", CLIENT);
	if (*joined)
		add_query(&form, "scope", joined);
	add_query(&form, "refresh_token", repository->credential->secret);
	return xstrdup(form + strspn(form, "?&"));
}

/* ---- the answer ---- */

/* It becomes part of a header: one word of printable characters. */
static bool token_is_valid(const char *token)
{
	size_t length = 0;

	for (; token[length]; length++)
		if (token[length] <= ' ' || token[length] > '~')
			return false;
	return length > 0 && length <= TOKEN_MAX;
}

static int read_answer(struct repository *repository, const struct buf *body, struct error **err)
{
	cleanup_json struct json_object *document = NULL;
	const char *token = NULL, *refresh = NULL;
	int64_t life_s = LIFE_DEFAULT_S;

	if (json_parse(buf_text(body), body->length, "the token service's answer", &document, err) <
		0)
		return -1;
	if (json_get_text(document, "token", &token, err) < 0 ||
		(!token && json_get_text(document, "access_token", &token, err) < 0) ||
		json_get_text(document, "refresh_token", &refresh, err) < 0 ||
		json_get_int(document, "expires_in", &life_s, err) < 0)
		return error_wrap(err, "the token service's answer");
	if (!token || !token_is_valid(token))
		return error_new(
			err, ERROR_INVALID, "the token service's answer has no usable token");
	if (life_s <= 0)
		life_s = LIFE_DEFAULT_S;
	set_token(repository, xasprintf("Bearer %s", token),
		life_s < LIFE_MAX_S ? life_s : LIFE_MAX_S);
	if (repository->wants_identity && refresh && token_is_valid(refresh))
		replace_string(&repository->identity_token, xstrdup(refresh));
	return 0;
}

static int ask(struct repository *repository, const struct challenge *challenge, struct error **err)
{
	const struct credential *credential = repository->credential;
	bool by_form = credential && credential->is_identity_token;
	cleanup_secret char *form = by_form ? oauth_form(repository, challenge) : NULL;
	cleanup_secret char *authorization =
		credential && !by_form ? basic_authorization(credential) : NULL;
	cleanup_exchange struct exchange exchange = { .fd = -1 };
	int result;

	exchange_init(&exchange, repository,
		by_form ? xstrdup(challenge->realm) : query_url(repository, challenge),
		TOKEN_BYTES_MAX);
	exchange.base_length = 0; /* of this place alone, whatever its path */
	exchange.asked_token = true; /* a token service that wants a token has none for us */
	exchange.authorization = authorization ? authorization : "";
	exchange.form = form;
	result = repository_perform(&exchange, err);
	if (result == 0)
		result = read_answer(repository, &exchange.body, err);
	if (exchange.body.data)
		explicit_bzero(exchange.body.data, exchange.body.capacity);
	return result < 0 ? error_wrap(err, "get a token") : 0;
}

/* Plain Basic: the registry itself wants the password. */
static int use_password(struct repository *repository, const char *header, struct error **err)
{
	const struct credential *credential = repository->credential;

	if (strncasecmp(header, "Basic", 5) != 0)
		return error_new(err, ERROR_UNSUPPORTED,
			"%s wants a login of a kind that is not supported: '%.100s'",
			repository->origin.host, header);
	if (!credential || credential->is_identity_token) {
		error_new(err, ERROR_DENIED, "%s wants a login", repository->origin.host);
		return error_hint(err, "use 'vessel login %s'",
			repository->ref ? repository->ref->domain : repository->origin.host);
	}
	set_token(repository, basic_authorization(credential), 0);
	return 0;
}

int token_get(struct repository *repository, const char *header, struct error **err)
{
	cleanup_challenge struct challenge challenge = { 0 };
	int found = challenge_parse(header, &challenge, err);

	replace_string(&repository->token, NULL);
	if (found == 0)
		return use_password(repository, header, err);
	if (found < 0 || realm_check(&repository->origin, challenge.realm, err) < 0)
		return -1;
	if (repository->credential && realm_may_know(repository, challenge.realm, err) < 0)
		return -1;
	return ask(repository, &challenge, err);
}

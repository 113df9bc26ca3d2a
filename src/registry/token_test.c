/* SPDX-License-Identifier: Apache-2.0 */
/* As whom a registry is asked, and who gets to know that (R11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "registry/fixture_test.h"
#include "registry/repository.h"

#define TYPE "Content-Type: " OCI_INDEX "\r\n"
#define DOCUMENT "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[]}"
#define OK_ANSWER "HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT
#define BASIC "HTTP/1.1 401 No\r\n" CLOSE "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n"
#define BEARER "HTTP/1.1 401 No\r\n" CLOSE "WWW-Authenticate: Bearer service=\"s\",realm=\""
#define JOE "am9lOnNlY3JldA==" /* joe:secret */

static const struct credential joe = { (char *)"joe", (char *)"secret", false };
static const struct credential token_of_joe = { (char *)"<token>", (char *)"re fresh&", true };

struct client {
	struct reference ref;
	struct repository repository;
};

static void client_open(
	struct client *client, const struct server *server, const struct credential *credential)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *name = xasprintf("127.0.0.1:%d/a/b:t", server->port);

	*client = (struct client){ .ref = { 0 } };
	assert_int_equal(reference_parse(name, &client->ref, &err), 0);
	assert_int_equal(repository_open(&client->ref, &client->repository, &err), 0);
	if (credential)
		client->repository.access.endpoints[0].credential =
			(struct credential){ xstrdup(credential->user), xstrdup(credential->secret),
				credential->is_identity_token };
}

static void client_close(struct client *client)
{
	repository_close(&client->repository);
	reference_done(&client->ref);
}

static int get_manifest(struct client *client, struct error **err)
{
	cleanup_manifest_document struct manifest_document document = { 0 };

	return repository_get_manifest(&client->repository, client->ref.tag, NULL, &document, err);
}

/* Basic: to the registry, not to where it leads. */
static void a_password_stays_at_home(void **state)
{
	static const int statuses[] = { 301, 302, 303, 307, 308 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *home_log = NULL, *away_log = NULL, *go = NULL;
		struct server home, away;
		struct client client;

		server_init(&home);
		server_init(&away);
		go = xasprintf("HTTP/1.1 %d Go\r\n" CLOSE "Location: ", statuses[i]);
		home.answers[0] = xstrdup(BASIC);
		home.answers[1] = answer_with_port(go, away.port, "cdn\r\n\r\n");
		away.answers[0] = xstrdup(OK_ANSWER);
		server_start(&home);
		server_start(&away);
		client_open(&client, &home, &joe);
		if (get_manifest(&client, &err) < 0)
			fail_msg("%d: %s", statuses[i], error_message(err));
		client_close(&client);
		home_log = server_stop(&home);
		away_log = server_stop(&away);
		assert_int_equal(count(home_log, "Authorization: Basic " JOE "\r\n"), 1);
		assert_int_equal(count(away_log, "GET /cdn "), 1);
		assert_int_equal(count(away_log, "Authorization"), 0);
	}
}

/* The same when where it leads asks for it: a redirect is no registry. */
static void who_is_redirected_to_may_not_ask(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *home_log = NULL, *away_log = NULL;
	struct server home, away;
	struct client client;

	(void)state;
	server_init(&home);
	server_init(&away);
	home.answers[0] = answer_with_port(
		"HTTP/1.1 307 Go\r\n" CLOSE "Location: ", away.port, "cdn\r\n\r\n");
	away.answers[0] = xstrdup(BASIC);
	server_start(&home);
	server_start(&away);
	client_open(&client, &home, &joe);
	assert_int_equal(get_manifest(&client, &err), -1);
	client_close(&client);
	home_log = server_stop(&home);
	away_log = server_stop(&away);
	assert_int_equal(count(home_log, "Authorization") + count(away_log, "Authorization"), 0);
	assert_null(strstr(error_message(err), "secret"));
}

static const struct {
	const char *why, *realm, *says;
	const char *allowed; /* VESSEL_TOKEN_HOSTS */
} realms[] = {
	{ "another domain", "https://tokens.example/t", "of another domain", NULL },
	{ "named, but it is not there", "https://tokens.invalid/t", "get a token",
		"a,tokens.invalid" },
	{ "only by https", "http://tokens.invalid/t", "no https", "tokens.invalid" },
};

static void a_realm_must_be_the_registrys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(realms) / sizeof(*realms); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *log = NULL;
		struct server server;
		struct client client;

		if (realms[i].allowed)
			(void)setenv("VESSEL_TOKEN_HOSTS", realms[i].allowed, 1);
		else
			(void)unsetenv("VESSEL_TOKEN_HOSTS");
		server_init(&server);
		server.answers[0] = xasprintf(BEARER "%s\"\r\n\r\n", realms[i].realm);
		server_start(&server);
		client_open(&client, &server, &joe);
		assert_int_equal(get_manifest(&client, &err), -1);
		client_close(&client);
		log = server_stop(&server);
		if (!strstr(error_message(err), realms[i].says))
			fail_msg("%s: %s", realms[i].why, error_message(err));
		assert_int_equal(count(log, "Authorization"), 0);
	}
}

static const struct {
	const char *why;
	const struct credential *credential;
	bool wants_push;
	const char *mount_from, *asks;
} scopes[] = {
	{ "as nobody", NULL, false, NULL, "GET /t?service=s&scope=repository:a/b:pull HTTP" },
	{ "as somebody", &joe, false, NULL,
		"GET /t?account=joe&service=s&scope=repository:a/b:pull HTTP" },
	{ "to push", &joe, true, NULL,
		"GET /t?account=joe&service=s&scope=repository:a/b:pull,push HTTP" },
	{ "to push, and to take from elsewhere", &joe, true, "c/d",
		"&scope=repository:a/b:pull,push&scope=repository:c/d:pull HTTP" },
	{ "with an identity token, in a form", &token_of_joe, true, "c/d",
		"grant_type=refresh_token&service=s&client_id=vessel&scope="
		"repository:a/b:pull,push%20repository:c/d:pull&refresh_token=re%20fresh%26" },
};

static void asks_for_what_it_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *log = NULL;
		struct server server;
		struct client client;

		server_init(&server);
		server.answers[0] = answer_with_port(BEARER, server.port, "t\"\r\n\r\n");
		server.answers[1] = xstrdup("HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"token\":\"x\"}");
		server.answers[2] = xstrdup(OK_ANSWER);
		server_start(&server);
		client_open(&client, &server, scopes[i].credential);
		client.repository.wants_push = scopes[i].wants_push;
		client.repository.mount_from = scopes[i].mount_from;
		if (get_manifest(&client, &err) < 0)
			fail_msg("%s: %s", scopes[i].why, error_message(err));
		client_close(&client);
		log = server_stop(&server);
		if (!strstr(log, scopes[i].asks))
			fail_msg("%s: '%s'", scopes[i].why, log);
		assert_int_equal(count(log, "Bearer x\r\n"), 1);
		assert_int_equal(count(log, JOE), scopes[i].credential == &joe);
	}
}

/* A form holds the identity token: it is sent once, to where it was meant for. */
static void a_form_is_not_redirected(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *log = NULL, *away_log = NULL;
	struct server server, away;
	struct client client;

	(void)state;
	server_init(&server);
	server_init(&away);
	server.answers[0] = answer_with_port(BEARER, server.port, "t\"\r\n\r\n");
	server.answers[1] =
		answer_with_port("HTTP/1.1 307 Go\r\n" CLOSE "Location: ", away.port, "t\r\n\r\n");
	server_start(&server);
	server_start(&away);
	client_open(&client, &server, &token_of_joe);
	assert_int_equal(get_manifest(&client, &err), -1);
	client_close(&client);
	log = server_stop(&server);
	away_log = server_stop(&away);
	assert_int_equal(count(log, "POST /t "), 1);
	assert_string_equal(away_log, "");
}

static void an_old_token_is_not_sent(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *log = NULL;
	struct server server;
	struct client client;

	(void)state;
	server_init(&server);
	for (int i = 0; i < 6; i += 3) {
		server.answers[i] = answer_with_port(BEARER, server.port, "t\"\r\n\r\n");
		server.answers[i + 1] = xasprintf(
			"HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"token\":\"x%d\",\"expires_in\":1}", i);
		server.answers[i + 2] = xstrdup(OK_ANSWER);
	}
	server_start(&server);
	client_open(&client, &server, &joe);
	assert_int_equal(get_manifest(&client, &err), 0);
	usleep(1100000);
	if (get_manifest(&client, &err) < 0)
		fail_msg("%s", error_message(err));
	client_close(&client);
	log = server_stop(&server);
	assert_int_equal(count(log, "Bearer x0\r\n"), 1);
	assert_int_equal(count(log, "Bearer x3\r\n"), 1);
	assert_int_equal(count(log, "GET "), 6);
}

/* Two that were refused at once: the second one uses what the first one got. */
static void one_token_for_several(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *log = NULL;
	struct exchange two[2];
	struct server server;
	struct client client;
	CURLcode codes[2];

	(void)state;
	server_init(&server);
	for (int i = 0; i < 2; i++)
		server.answers[i] = answer_with_port(BEARER, server.port, "t\"\r\n\r\n");
	server.answers[2] = xstrdup("HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"token\":\"x\"}");
	server.answers[3] = xstrdup(OK_ANSWER);
	server.answers[4] = xstrdup(OK_ANSWER);
	server_start(&server);
	client_open(&client, &server, NULL);
	assert_int_equal(
		origin_parse(client.repository.base, &client.repository.origin, NULL, &err), 0);
	client.repository.origin.https = false;
	replace_string(
		&client.repository.base, xasprintf("http://127.0.0.1:%d/v2/a/b", server.port));
	for (int i = 0; i < 2; i++) {
		exchange_init(&two[i], &client.repository,
			xasprintf("%s/x", client.repository.base), 1000);
		assert_int_equal(exchange_begin(&two[i], &err), 0);
		codes[i] = curl_easy_perform(two[i].easy);
	}
	assert_int_equal(exchange_end(&two[0], codes[0], &err), EXCHANGE_WANTS_TOKEN);
	assert_int_equal(
		repository_authorize(&client.repository, two[0].headers.challenge, &err), 0);
	assert_int_equal(exchange_end(&two[1], codes[1], &err), EXCHANGE_AGAIN);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(repository_perform(&two[i], &err), 0);
		exchange_done(&two[i]);
	}
	client_close(&client);
	log = server_stop(&server);
	assert_int_equal(count(log, "GET /t?"), 1);
	assert_int_equal(count(log, "Bearer x\r\n"), 2);
}

/* A registry that takes connections and says nothing, by TLS and without. */
static void silence_ends(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *log = NULL;
	struct server server;
	struct client client;

	(void)state;
	server_init(&server); /* it listens, and nobody accepts */
	client_open(&client, &server, NULL);
	assert_int_equal(get_manifest(&client, &err), -1);
	if (!strstr(error_message(err), "no answer came"))
		fail_msg("%s", error_message(err));
	client_close(&client);
	log = server_stop(&server);
	assert_string_equal(log, "");
}

/* Several ways in by a header each: the token is taken, in either order. */
static void prefers_tokens(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *log = NULL, *bearer = NULL;
		struct server server;
		struct client client;

		server_init(&server);
		bearer = xasprintf("WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%d/t\"\r\n",
			server.port);
		server.answers[0] = xasprintf("HTTP/1.1 401 No\r\n" CLOSE
					      "%sWWW-Authenticate: Basic realm=\"x\"\r\n%s\r\n",
			i ? bearer : "", i ? "" : bearer);
		server.answers[1] = xstrdup("HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"token\":\"x\"}");
		server.answers[2] = xstrdup(OK_ANSWER);
		server_start(&server);
		client_open(&client, &server, NULL);
		if (get_manifest(&client, &err) < 0)
			fail_msg("%s", error_message(err));
		client_close(&client);
		log = server_stop(&server);
		assert_int_equal(count(log, "Bearer x\r\n"), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_stays_at_home),
		cmocka_unit_test(who_is_redirected_to_may_not_ask),
		cmocka_unit_test(a_realm_must_be_the_registrys),
		cmocka_unit_test(asks_for_what_it_needs),
		cmocka_unit_test(a_form_is_not_redirected),
		cmocka_unit_test(an_old_token_is_not_sent),
		cmocka_unit_test(one_token_for_several),
		cmocka_unit_test(silence_ends),
		cmocka_unit_test(prefers_tokens),
	};

	/* A proxy of the machine must not see loopback's traffic. */
	(void)setenv("no_proxy", "127.0.0.1", 1); // NOLINT(concurrency-mt-unsafe)
	(void)setenv("VESSEL_TEST_TIMEOUT_SCALE", "2", 1); // NOLINT(concurrency-mt-unsafe)
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, tokens and blobs, with all that can go wrong on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "registry/fixture_test.h"
#include "registry/repository.h"

#define BLOB "0123456789"
#define BLOB_DIGEST "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
#define OTHER_DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define DOCUMENT "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[]}"
#define TYPE "Content-Type: " OCI_INDEX "\r\n"

/* ---- manifests ---- */

static const struct {
	const char *why, *answers[ANSWERS_MAX];
	size_t filler;
	int result; /* 0, or -1 with: */
	enum error_kind kind;
	const char *says;
	int requests; /* how many there were in all */
} manifests[] = {
	{ "plain http after https failed", { "HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT }, 0,
		0, 0, NULL, 1 },
	{ "unknown, told in its words",
		{ "HTTP/1.1 404 Not Found\r\n" CLOSE
		  "\r\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"nothing\"}]}" },
		0, -1, ERROR_NOT_FOUND, "not found: ", 1 },
	{ "sent as another type (CVE-2021-41190)",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "Content-Type: " OCI_MANIFEST "\r\n\r\n" DOCUMENT },
		0, -1, ERROR_INVALID, "it was sent as", 1 },
	{ "another digest in the header",
		{ "HTTP/1.1 200 OK\r\n" CLOSE TYPE "Docker-Content-Digest: " OTHER_DIGEST
		  "\r\n\r\n" DOCUMENT },
		0, -1, ERROR_INVALID, "its digest is", 1 },
	{ "a digest that is a path",
		{ "HTTP/1.1 200 OK\r\n" CLOSE TYPE
		  "Docker-Content-Digest: sha256:../../../etc/passwd\r\n\r\n" DOCUMENT },
		0, -1, ERROR_INVALID, "the registry's header", 1 },
	{ "endless", { "HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" }, 5UL << 20, -1, ERROR_INVALID,
		"longer than", 1 },
	{ "an endless error is an error", { "HTTP/1.1 404 No\r\n" CLOSE "\r\n" }, 5UL << 20, -1,
		ERROR_NOT_FOUND, "404", 1 },
	{ "not JSON", { "HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n<html>" }, 0, -1, ERROR_INVALID,
		"not valid JSON", 1 },
	{ "a login is asked for",
		{ "HTTP/1.1 401 No\r\n" CLOSE "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n" }, 0,
		-1, ERROR_DENIED, "wants a login", 1 },
	{ "a realm that is the cloud's own address",
		{ "HTTP/1.1 401 No\r\n" CLOSE
		  "WWW-Authenticate: Bearer realm=\"http://169.254.169.254/x\"\r\n\r\n" },
		0, -1, ERROR_DENIED, "refused", 1 },
	{ "a realm that is a file",
		{ "HTTP/1.1 401 No\r\n" CLOSE
		  "WWW-Authenticate: Bearer realm=\"file:///etc/passwd\"\r\n\r\n" },
		0, -1, ERROR_DENIED, "refused", 1 },
	{ "denied without a word", { "HTTP/1.1 403 No\r\n" CLOSE "\r\n" }, 0, -1, ERROR_DENIED,
		"pull access denied", 1 },
	{ "redirected in a circle",
		{ "HTTP/1.1 302 Go\r\n" CLOSE "Location: /a\r\n\r\n",
			"HTTP/1.1 302 Go\r\n" CLOSE "Location: /b\r\n\r\n",
			"HTTP/1.1 302 Go\r\n" CLOSE "Location: /a\r\n\r\n",
			"HTTP/1.1 302 Go\r\n" CLOSE "Location: /b\r\n\r\n",
			"HTTP/1.1 302 Go\r\n" CLOSE "Location: /a\r\n\r\n",
			"HTTP/1.1 302 Go\r\n" CLOSE "Location: /b\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT },
		0, -1, ERROR_UNAVAILABLE, "redirected more than 5 times", 6 },
	{ "redirected to a file",
		{ "HTTP/1.1 302 Go\r\n" CLOSE "Location: file:///etc/passwd\r\n\r\n" }, 0, -1,
		ERROR_DENIED, "refused", 1 },
	{ "redirected to a user",
		{ "HTTP/1.1 302 Go\r\n" CLOSE "Location: http://a@127.0.0.1/\r\n\r\n" }, 0, -1,
		ERROR_DENIED, "refused", 1 },
	{ "redirected to nowhere", { "HTTP/1.1 302 Go\r\n" CLOSE "\r\n" }, 0, -1, ERROR_UNAVAILABLE,
		"nowhere", 1 },
	{ "ill, then well",
		{ "HTTP/1.1 503 Ill\r\n" CLOSE "\r\n",
			"HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT },
		0, 0, 0, NULL, 2 },
	{ "ill for ever: five more times",
		{ "HTTP/1.1 500 Ill\r\n" CLOSE "\r\n", "HTTP/1.1 502 Ill\r\n" CLOSE "\r\n",
			"HTTP/1.1 503 Ill\r\n" CLOSE "\r\n", "HTTP/1.1 504 Ill\r\n" CLOSE "\r\n",
			"HTTP/1.1 500 Ill\r\n" CLOSE "\r\n",
			"HTTP/1.1 503 Ill\r\n" CLOSE "\r\n\r\nso sorry",
			"HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT },
		0, -1, ERROR_UNAVAILABLE, "HTTP status 503", 6 },
	{ "a status that nobody knows is not asked for again",
		{ "HTTP/1.1 418 Tea\r\n" CLOSE "\r\n" }, 0, -1, ERROR_UNAVAILABLE,
		"HTTP status 418", 1 },
	{ "an escape sequence of a registry is not ours",
		{ "HTTP/1.1 403 No\r\n" CLOSE "\r\n\033[2Jgone" }, 0, -1, ERROR_DENIED, "?[2Jgone",
		1 },
	{ "a signature in a URL is not shown",
		{ "HTTP/1.1 307 Go\r\n" CLOSE "Location: /x?X-Signature=hush\r\n\r\n",
			"HTTP/1.1 404 No\r\n" CLOSE "\r\n" },
		0, -1, ERROR_NOT_FOUND, "/x: HTTP status 404", 2 },
	{ "too many requests, for a second",
		{ "HTTP/1.1 429 Slow\r\n" CLOSE "Retry-After: 1\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT },
		0, 0, 0, NULL, 2 },
};

static int get_manifest(const struct server *server, struct error **err)
{
	cleanup_free char *name = xasprintf("127.0.0.1:%d/a/b:t", server->port);
	cleanup_reference struct reference ref = { 0 };
	cleanup_repository struct repository repository = { 0 };
	cleanup_manifest_document struct manifest_document document = { 0 };

	if (reference_parse(name, &ref, err) < 0 || repository_open(&ref, &repository, err) < 0 ||
		repository_get_manifest(&repository, ref.tag, NULL, &document, err) < 0)
		return -1;
	assert_string_equal(document.text, DOCUMENT);
	assert_true(document.manifest.is_index);
	return 0;
}

static void gets_manifests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *log = NULL;
		struct server server;
		int result;

		server_init(&server);
		for (size_t k = 0; k < ANSWERS_MAX; k++)
			server.answers[k] = xstrdup_null(manifests[i].answers[k]);
		server.filler = manifests[i].filler;
		server_start(&server);
		result = get_manifest(&server, &err);
		log = server_stop(&server);
		if (result != manifests[i].result)
			fail_msg("%s: %s", manifests[i].why, err ? error_message(err) : "got");
		if (err && (error_kind(err) != manifests[i].kind ||
				   !strstr(error_message(err), manifests[i].says)))
			fail_msg("%s: %s", manifests[i].why, error_message(err));
		if (count(log, " HTTP/1.1\r\n") != manifests[i].requests)
			fail_msg("%s: asked '%s'", manifests[i].why, log);
	}
}

/* ---- tokens ---- */

/* The token goes to the registry that asked for it, and nowhere else. */
static void a_token_stays_at_home(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *home_log = NULL, *away_log = NULL;
	struct server home, away;

	(void)state;
	server_init(&home);
	server_init(&away);
	home.answers[0] = answer_with_port("HTTP/1.1 401 No\r\n" CLOSE
					   "WWW-Authenticate: Bearer service=\"s t\",realm=\"",
		away.port, "token\"\r\n\r\n");
	away.answers[0] = xstrdup("HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"token\":\"sesame\"}");
	home.answers[1] = answer_with_port(
		"HTTP/1.1 307 Go\r\n" CLOSE "Location: ", away.port, "cdn\r\n\r\n");
	away.answers[1] = xstrdup("HTTP/1.1 200 OK\r\n" CLOSE TYPE "\r\n" DOCUMENT);
	server_start(&home);
	server_start(&away);
	if (get_manifest(&home, &err) < 0)
		fail_msg("%s", error_message(err));
	home_log = server_stop(&home);
	away_log = server_stop(&away);
	assert_int_equal(count(home_log, "Authorization: Bearer sesame\r\n"), 1);
	assert_int_equal(count(away_log, "GET /cdn "), 1);
	assert_int_equal(count(away_log, "Authorization"), 0);
	assert_int_equal(count(away_log, "GET /token?service=s%20t&scope=repository:a/b:pull "), 1);
}

static const struct {
	const char *why, *answer, *says;
} tokens[] = {
	{ "a header inside", "{\"token\":\"a\\r\\nX: y\"}", "no usable token" },
	{ "empty", "{\"token\":\"\"}", "no usable token" },
	{ "none", "{}", "no usable token" },
	{ "a number", "{\"token\":1}", "not a string" },
	{ "a page", "<html>", "not valid JSON" },
};

static void refuses_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *log = NULL;
		struct server server;

		server_init(&server);
		server.answers[0] = answer_with_port("HTTP/1.1 401 No\r\n" CLOSE
						     "WWW-Authenticate: Bearer realm=\"",
			server.port, "token\"\r\n\r\n");
		server.answers[1] =
			xasprintf("HTTP/1.1 200 OK\r\n" CLOSE "\r\n%s", tokens[i].answer);
		server_start(&server);
		if (get_manifest(&server, &err) == 0 || !strstr(error_message(err), tokens[i].says))
			fail_msg("%s: %s", tokens[i].why, err ? error_message(err) : "taken");
		log = server_stop(&server);
		assert_int_equal(count(log, "Authorization"), 0);
	}
}

/* A token that does not help is asked for once, not forever. */
static void a_useless_token_ends_it(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *log = NULL;
	struct server server;

	(void)state;
	server_init(&server);
	for (int i = 0; i < 6; i += 2) {
		server.answers[i] = answer_with_port("HTTP/1.1 401 No\r\n" CLOSE
						     "WWW-Authenticate: Bearer realm=\"",
			server.port, "token\"\r\n\r\n");
		server.answers[i + 1] =
			xstrdup("HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"access_token\":\"t\"}");
	}
	server_start(&server);
	assert_int_equal(get_manifest(&server, &err), -1);
	assert_int_equal(error_kind(err), ERROR_DENIED);
	log = server_stop(&server);
	assert_int_equal(count(log, "GET "), 3);
}

/* ---- blobs ---- */

static const struct {
	const char *why, *answers[ANSWERS_MAX];
	int64_t offset; /* what is there already */
	int result, requests;
	const char *asks; /* must be in some request */
} blobs[] = {
	{ "whole", { "HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB }, 0, 0, 1,
		"GET /v2/a/blobs/sha256:84d" },
	{ "goes on where it broke off",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 10\r\n\r\n0123",
			"HTTP/1.1 206 Part\r\n" CLOSE "Content-Range: bytes 4-9/10\r\n\r\n456789" },
		0, 0, 2, "Range: bytes=4-\r\n" },
	{ "an end without a length is not the end",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "\r\n0123",
			"HTTP/1.1 206 Part\r\n" CLOSE "Content-Range: bytes 4-9/10\r\n\r\n456789" },
		0, 0, 2, "Range: bytes=4-\r\n" },
	{ "all of it to a request for the rest",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 10\r\n\r\n0123",
			"HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB },
		0, 0, 2, "Range: bytes=4-\r\n" },
	{ "another part than asked for: all of it, and the rest is taken",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 10\r\n\r\n0123",
			"HTTP/1.1 206 Part\r\n" CLOSE "Content-Range: bytes 5-9/10\r\n\r\n56789",
			"HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB },
		0, 0, 3, "Range: bytes=4-\r\n" },
	{ "range refused: all of it",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 10\r\n\r\n0123",
			"HTTP/1.1 416 No\r\n" CLOSE "\r\n",
			"HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB },
		0, 0, 3, "Range: bytes=4-\r\n" },
	{ "longer than its descriptor: not asked for again",
		{ "HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB "x" }, 0, -1, 1, "GET " },
	{ "goes on behind what is there",
		{ "HTTP/1.1 206 Part\r\n" CLOSE "Content-Range: bytes 7-9/10\r\n\r\n789" }, 7, 0, 1,
		"Range: bytes=7-\r\n" },
	{ "a registry that knows no ranges", { "HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB }, 7, 0, 1,
		"Range: bytes=7-\r\n" },
	{ "another size than the descriptor's",
		{ "HTTP/1.1 206 Part\r\n" CLOSE "Content-Range: bytes 7-10/11\r\n\r\n789x",
			"HTTP/1.1 200 OK\r\n" CLOSE "\r\n" BLOB "x" },
		7, -1, 2, "Range: bytes=7-\r\n" },
	{ "gone", { "HTTP/1.1 404 No\r\n" CLOSE "\r\n" }, 0, -1, 1, "GET " },
	{ "after a redirect broke, from where it began",
		{ "HTTP/1.1 307 Go\r\n" CLOSE "Location: /elsewhere\r\n\r\n",
			"HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 10\r\n\r\n01234",
			"HTTP/1.1 307 Go\r\n" CLOSE "Location: /elsewhere\r\n\r\n",
			"HTTP/1.1 206 Part\r\n" CLOSE "Content-Range: bytes 5-9/10\r\n\r\n56789" },
		0, 0, 4, "GET /elsewhere " },
};

static int get_blob(const struct server *server, int64_t offset, int fd, struct error **err)
{
	cleanup_free char *base = xasprintf("http://127.0.0.1:%d/v2/a", server->port);
	struct repository repository = { .base = base };
	cleanup_exchange struct exchange exchange = { .fd = -1 };
	struct digest digest;

	assert_int_equal(origin_parse(base, &repository.origin, NULL, err), 0);
	assert_int_equal(digest_parse(BLOB_DIGEST, &digest, err), 0);
	repository.reached = true;
	exchange_init(&exchange, &repository, repository_blob_url(&repository, &digest), 1000);
	exchange_to_pipe(&exchange, fd, offset, (int64_t)strlen(BLOB));
	return repository_perform(&exchange, err);
}

static void gets_blobs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(blobs) / sizeof(*blobs); i++) {
		cleanup_error struct error *err = NULL, *read_err = NULL;
		cleanup_free char *log = NULL, *got = NULL;
		cleanup_close int fd = memfd_create("blob", MFD_CLOEXEC);
		struct server server;
		int result;

		server_init(&server);
		for (size_t k = 0; k < ANSWERS_MAX; k++)
			server.answers[k] = xstrdup_null(blobs[i].answers[k]);
		server_start(&server);
		result = get_blob(&server, blobs[i].offset, fd, &err);
		log = server_stop(&server);
		if (result != blobs[i].result)
			fail_msg("%s: %s", blobs[i].why, err ? error_message(err) : "got");
		if (!strstr(log, blobs[i].asks) || count(log, " HTTP/1.1\r\n") != blobs[i].requests)
			fail_msg("%s: asked '%s'", blobs[i].why, log);
		if (result < 0)
			continue;
		(void)lseek(fd, 0, SEEK_SET);
		assert_true(file_read_fd(fd, "blob", 100, &got, &read_err) >= 0);
		if (strcmp(got, BLOB + blobs[i].offset) != 0)
			fail_msg("%s: got '%s'", blobs[i].why, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_manifests),
		cmocka_unit_test(a_token_stays_at_home),
		cmocka_unit_test(refuses_tokens),
		cmocka_unit_test(a_useless_token_ends_it),
		cmocka_unit_test(gets_blobs),
	};

	/* A proxy of the machine must not see loopback's traffic. */
	(void)setenv("no_proxy", "127.0.0.1", 1); // NOLINT(concurrency-mt-unsafe)
	(void)setenv("VESSEL_TEST_TIMEOUT_SCALE", "2", 1); // NOLINT(concurrency-mt-unsafe)
	return cmocka_run_group_tests(tests, NULL, NULL);
}

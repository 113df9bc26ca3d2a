/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "oci/reference.h"

#define A31 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A32 A31 "a"
#define A128 A32 A32 A32 A32
#define HEX63 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX64 "0" HEX63
#define A247 A128 A32 A32 A32 "aaaaaaaaaaaaaaaaaaaaaaa" /* with "library/": 255 */

static const struct {
	const char *why, *text, *domain, *path, *tag, *digest, *familiar;
} accepted[] = {
	{ "official image", "debian", "docker.io", "library/debian", "latest", NULL,
		"debian:latest" },
	{ "tag", "debian:12", "docker.io", "library/debian", "12", NULL, "debian:12" },
	{ "user's image", "me/app:v1", "docker.io", "me/app", "v1", NULL, "me/app:v1" },
	{ "default domain spelt out", "docker.io/debian", "docker.io", "library/debian", "latest",
		NULL, "debian:latest" },
	{ "its old name", "index.docker.io/me/app", "docker.io", "me/app", "latest", NULL,
		"me/app:latest" },
	{ "the lesson's name: no dot, so no host", "registry/httpd:v1", "docker.io",
		"registry/httpd", "v1", NULL, "registry/httpd:v1" },
	{ "localhost is a host", "localhost/x", "localhost", "x", "latest", NULL,
		"localhost/x:latest" },
	{ "port, not tag", "localhost:5000/x", "localhost:5000", "x", "latest", NULL,
		"localhost:5000/x:latest" },
	{ "port and tag", "r.example:5000/a/b:t", "r.example:5000", "a/b", "t", NULL,
		"r.example:5000/a/b:t" },
	{ "a host may have upper case", "R.example/a", "R.example", "a", "latest", NULL,
		"R.example/a:latest" },
	{ "IPv6", "[::1]:5000/a:t", "[::1]:5000", "a", "t", NULL, "[::1]:5000/a:t" },
	{ "digest alone has no tag", "debian@sha256:" HEX64, "docker.io", "library/debian", NULL,
		"sha256:" HEX64, "debian@sha256:" HEX64 },
	{ "tag and digest", "debian:12@sha256:" HEX64, "docker.io", "library/debian", "12",
		"sha256:" HEX64, "debian:12@sha256:" HEX64 },
	{ "dots in a path of the default registry keep the domain", "docker.io/a.b/c", "docker.io",
		"a.b/c", "latest", NULL, "docker.io/a.b/c:latest" },
	{ "separators", "me/b_c__d---e.f", "docker.io", "me/b_c__d---e.f", "latest", NULL,
		"me/b_c__d---e.f:latest" },
	{ "longest tag", "a:" A128, "docker.io", "library/a", A128, NULL, "a:" A128 },
	{ "longest path", A247, "docker.io", "library/" A247, "latest", NULL, A247 ":latest" },
	{ "longest port", "h:65535/a", "h:65535", "a", "latest", NULL, "h:65535/a:latest" },
};

static const struct {
	const char *why, *text, *says;
} rejected[] = {
	{ "empty", "", "empty" },
	{ "upper case, in docker's words", "Debian", "repository name must be lowercase" },
	{ "upper case first part is no host", "UPPER/x", "repository name must be lowercase" },
	{ "upper case below a host", "r.example/A", "repository name must be lowercase" },
	{ "a scheme is no part of a name", "http://x/y", "invalid reference format" },
	{ "userinfo", "a@b/c", "invalid reference format" },
	{ "two tags", "x:tag:tag", "invalid reference format" },
	{ "empty tag", "x:", "tag" },
	{ "tag begins with a dot", "x:.a", "tag" },
	{ "tag begins with a hyphen: an option", "x:-a", "tag" },
	{ "tag one too long", "a:a" A128, "tag" },
	{ "climbing", "../etc", "repository" },
	{ "climbing below a host", "r.example/../x", "repository" },
	{ "empty component", "a//b", "repository" },
	{ "trailing slash", "a/", "repository" },
	{ "leading slash", "/a", "repository" },
	{ "leading separator", "-a", "repository" },
	{ "trailing separator", "a-", "repository" },
	{ "three underscores", "a___b", "repository" },
	{ "two dots", "a..b", "repository" },
	{ "control character", "a\nb", "repository" },
	{ "space", "a b", "repository" },
	{ "not ASCII",
		"d\xc3\xa9"
		"bian",
		"repository" },
	{ "host ends with a hyphen", "a-.b/c", "host name" },
	{ "port beyond the last", "h:65536/a", "host name" },
	{ "empty port", "h:/a", "host name" },
	{ "open bracket", "[::1/a", "host name" },
	{ "underscore in a host", "a_b.c/d", "host name" },
	{ "another algorithm", "a@md5:" HEX64, "digest" },
	{ "digest one digit short", "a@sha256:" HEX63, "digest" },
	{ "two digests", "a@sha256:" HEX64 "@sha256:" HEX64, "digest" },
	{ "an id", HEX64, "id" },
	{ "path one too long", "a" A247, "255" },
	{ "longer than any", A128 A128 A128 A128 A128 A128 A128 A128 "a", "1024" },
};

static void check_text(const char *why, const char *what, const char *got, const char *expected)
{
	if ((!got) != (!expected) || (got && strcmp(got, expected) != 0))
		fail_msg("%s: %s is '%s', not '%s'", why, what, got ? got : "(null)",
			expected ? expected : "(null)");
}

static void parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *familiar = NULL;

		if (reference_parse(accepted[i].text, &ref, &err) < 0)
			fail_msg("%s: %s", accepted[i].why, error_message(err));
		check_text(accepted[i].why, "domain", ref.domain, accepted[i].domain);
		check_text(accepted[i].why, "path", ref.path, accepted[i].path);
		check_text(accepted[i].why, "tag", ref.tag, accepted[i].tag);
		check_text(accepted[i].why, "digest", ref.digest, accepted[i].digest);
		familiar = reference_familiar(&ref);
		check_text(accepted[i].why, "familiar", familiar, accepted[i].familiar);
	}
}

/* What people see must mean the same when they type it. */
static void familiar_parses_to_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_reference struct reference ref = { 0 }, again = { 0 };
		cleanup_free char *familiar = NULL, *text = NULL, *text_again = NULL;

		assert_int_equal(reference_parse(accepted[i].text, &ref, &err), 0);
		familiar = reference_familiar(&ref);
		text = reference_text(&ref);
		assert_int_equal(reference_parse(familiar, &again, &err), 0);
		text_again = reference_text(&again);
		check_text(accepted[i].why, "text", text_again, text);
	}
}

static void rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rejected) / sizeof(*rejected); i++) {
		cleanup_error struct error *err = NULL;
		struct reference ref = { .tag = (char *)"untouched" };

		if (reference_parse(rejected[i].text, &ref, &err) == 0)
			fail_msg("%s: accepted", rejected[i].why);
		assert_int_equal(error_kind(err), ERROR_INVALID);
		if (!strstr(error_message(err), rejected[i].says))
			fail_msg("%s: says '%s'", rejected[i].why, error_message(err));
		assert_string_equal(ref.tag, "untouched");
	}
}

static void repositories(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *full = NULL, *familiar = NULL;

	(void)state;
	assert_int_equal(reference_parse("debian:12", &ref, &err), 0);
	full = reference_repository(&ref);
	familiar = reference_familiar_repository(&ref);
	assert_string_equal(full, "docker.io/library/debian");
	assert_string_equal(familiar, "debian");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(familiar_parses_to_the_same),
		cmocka_unit_test(rejects),
		cmocka_unit_test(repositories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "registry/origin.h"

static const struct {
	const char *why, *url, *host, *path;
	bool https;
	int port;
} parsed[] = {
	{ "default port", "https://a.example/x", "a.example", "/x", true, 443 },
	{ "plain, with a port", "http://a.example:5000", "a.example", "", false, 5000 },
	{ "one host has one name", "HTTPS://A.Example:443/X", "a.example", "/X", true, 443 },
	{ "IPv6", "http://[::1]:80/", "::1", "/", false, 80 },
	{ "a query alone", "https://a?b@c", "a", "?b@c", true, 443 },
};

static const struct {
	const char *why, *url;
} refused[] = {
	{ "a file", "file:///etc/passwd" },
	{ "no scheme", "a.example/x" },
	{ "user, which other parsers take for the host", "https://good.example@evil.example/" },
	{ "backslash, which some take for a slash", "https://good.example\\@evil.example/" },
	{ "line break: another header", "https://a.example/\r\nX: y" },
	{ "space", "https://a.example/ b" },
	{ "control character", "https://a.example/\x7f" },
	{ "not ASCII", "https://\xc3\xa9.example/" },
	{ "percent in a host", "https://a%2eexample/" },
	{ "no host", "https:///x" },
	{ "no port after the colon", "https://a:/x" },
	{ "port too large", "https://a:65536/" },
	{ "port 0", "https://a:0/" },
	{ "letters in a port", "https://a:80a/" },
	{ "open bracket", "https://[::1/" },
	{ "more after the bracket", "https://[::1]x/" },
	{ "zone", "https://[fe80::1%25eth0]/" },
};

static void parses_what_it_knows_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parsed) / sizeof(*parsed); i++) {
		cleanup_error struct error *err = NULL;
		const char *path = NULL;
		struct origin origin = { .port = -1 };

		if (origin_parse(parsed[i].url, &origin, &path, &err) < 0)
			fail_msg("%s: %s", parsed[i].why, error_message(err));
		assert_string_equal(origin.host, parsed[i].host);
		assert_string_equal(path, parsed[i].path);
		assert_int_equal(origin.https, parsed[i].https);
		assert_int_equal(origin.port, parsed[i].port);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		cleanup_error struct error *err = NULL;
		struct origin origin = { .port = -1 };

		if (origin_parse(refused[i].url, &origin, NULL, &err) == 0)
			fail_msg("%s: taken", refused[i].why);
		assert_int_equal(origin.port, -1);
	}
}

static const struct {
	const char *host;
	bool loopback, address;
} hosts[] = {
	{ "localhost", true, false },
	{ "a.localhost", true, false },
	{ "notlocalhost", false, false },
	{ "localhost.example", false, false },
	{ "127.0.0.1", true, true },
	{ "127.255.0.9", true, true },
	{ "128.0.0.1", false, true },
	{ "::1", true, true },
	{ "::2", false, true },
	{ "2130706433", false, true }, /* 127.0.0.1 to a resolver: an address, and so refused */
	{ "0x7f.1", false, true },
	{ "127.example", false, false },
	{ "a.example", false, false },
};

static void knows_this_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct origin origin = { .port = 1 };

		strcpy(origin.host, hosts[i].host); // NOLINT: a constant that fits
		if (origin_is_loopback(&origin) != hosts[i].loopback ||
			origin_is_address(&origin) != hosts[i].address)
			fail_msg("%s", hosts[i].host);
	}
}

static const struct {
	const char *why, *from, *to;
	bool redirect, realm;
} ways[] = {
	{ "the common case", "https://r.example", "https://auth.example/token", true, true },
	{ "itself", "https://r.example", "https://r.example/token", true, true },
	{ "itself, but in the clear", "https://r.example", "http://r.example/token", false, false },
	{ "the clear", "https://r.example", "http://auth.example/", false, false },
	{ "the cloud's own address", "https://r.example", "https://169.254.169.254/", false,
		false },
	{ "in another form", "https://r.example", "https://2852039166/", false, false },
	{ "in its newer one", "https://r.example", "https://[fe80::a9fe:a9fe]/", false, false },
	{ "who is there already", "https://169.254.1.1", "https://169.254.1.1:1/", true, true },
	{ "this host", "https://r.example", "https://127.0.0.1:1/", false, false },
	{ "this host by name", "https://r.example", "https://localhost/", false, false },
	{ "an address in another form", "https://r.example", "https://3221225985/", true, false },
	{ "a file", "https://r.example", "file:///etc/passwd", false, false },
	{ "this host's registry to its other service", "http://localhost:5000",
		"http://127.0.0.1:5001/", true, true },
	{ "this host's registry to the network in the clear", "http://localhost:5000",
		"http://10.0.0.1/", true, false },
	{ "upwards", "http://r.example", "https://auth.example/", true, true },
	{ "a registry that is an address may be its own realm", "https://10.0.0.1",
		"https://10.0.0.1:5001/", true, true },
};

static void knows_where_not_to_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		cleanup_error struct error *err = NULL, *redirect_err = NULL, *realm_err = NULL;
		struct origin from;

		assert_int_equal(origin_parse(ways[i].from, &from, NULL, &err), 0);
		if ((redirect_check(&from, ways[i].to, &redirect_err) == 0) != ways[i].redirect)
			fail_msg("%s: redirect", ways[i].why);
		if ((realm_check(&from, ways[i].to, &realm_err) == 0) != ways[i].realm)
			fail_msg("%s: realm", ways[i].why);
	}
}

static void an_origin_is_all_three(void **state)
{
	const struct origin a = { true, "a", 443 }, other_port = { true, "a", 444 },
			    plain = { false, "a", 443 }, other = { true, "b", 443 };

	(void)state;
	assert_true(origin_equal(&a, &a));
	assert_false(origin_equal(&a, &other_port));
	assert_false(origin_equal(&a, &plain));
	assert_false(origin_equal(&a, &other));
}

static const struct {
	const char *reference, *url;
} registries[] = {
	{ "debian:12", "https://registry-1.docker.io/v2/library/debian" },
	{ "localhost:5000/a/b", "https://localhost:5000/v2/a/b" },
	{ "[::1]:5000/a", "https://[::1]:5000/v2/a" },
};

static void makes_urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(registries) / sizeof(*registries); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *url = NULL;

		assert_int_equal(reference_parse(registries[i].reference, &ref, &err), 0);
		url = registry_url(&ref, true);
		assert_string_equal(url, registries[i].url);
	}
	{
		cleanup_free char *first = url_with_query("https://a/t", "service", "a b&c=d#\xc3");
		cleanup_free char *second = url_with_query(first, "scope", "repository:x/y:pull");

		assert_string_equal(first, "https://a/t?service=a%20b%26c%3Dd%23%C3");
		assert_string_equal(second, "https://a/t?service=a%20b%26c%3Dd%23%C3"
					    "&scope=repository:x/y:pull");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_it_knows_and_nothing_else),
		cmocka_unit_test(knows_this_host),
		cmocka_unit_test(knows_where_not_to_go),
		cmocka_unit_test(an_origin_is_all_three),
		cmocka_unit_test(makes_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

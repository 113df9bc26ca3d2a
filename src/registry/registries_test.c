/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "registry/registries.h"

static const char conf[] = "unqualified-search-registries = ['evil.example']\n"
			   "short-name-mode = 'enforcing'\n"
			   "[[registry]]\n"
			   "prefix = 'example.com/a'\n"
			   "location = 'inner:5000/copy'\n"
			   "[[registry.mirror]]\n"
			   "location = 'mirror.example/m'\n"
			   "insecure = true\n"
			   "pull-from-mirror = 'digest-only'\n"
			   "[[registry]]\n"
			   "location = 'example.com'\n"
			   "insecure = true\n"
			   "[[registry]]\n"
			   "prefix = '*.example.org'\n"
			   "blocked = true\n"
			   "[aliases]\n"
			   "'x' = 'y/x'\n";

static const struct {
	const char *why, *repository, *prefix, *becomes;
} matches[] = {
	{ "the longest prefix", "example.com/a/b", "example.com/a", "inner:5000/copy/b" },
	{ "exactly the prefix", "example.com/a", "example.com/a", "inner:5000/copy" },
	{ "half a name is no prefix", "example.com/ab", "example.com", "example.com/ab" },
	{ "another port is another registry", "example.com:80/a", NULL, NULL },
	{ "a longer host is another registry", "example.com.evil/a", NULL, NULL },
	{ "below a domain, of any depth", "x.y.example.org/a", "*.example.org", NULL },
	{ "not the domain itself", "example.org/a", NULL, NULL },
	{ "not in the path", "evil/x.example.org/a", NULL, NULL },
};

static void finds_by_prefix(void **state)
{
	cleanup_registries struct registries registries = { 0 };
	cleanup_error struct error *err = NULL;

	(void)state;
	if (registries_parse(&registries, "f", conf, &err) < 0)
		fail_msg("%s", error_message(err));
	assert_int_equal(registries.count, 3);
	assert_true(registries.entries[0].mirrors[0].insecure);
	assert_int_equal(registries.entries[0].mirrors[0].use, MIRROR_DIGEST_ONLY);
	assert_false(registries.entries[0].insecure);
	assert_true(registries.entries[1].insecure);
	assert_true(registries.entries[2].blocked);
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		const struct registry_entry *entry =
			registries_match(&registries, matches[i].repository);
		cleanup_free char *becomes = NULL;

		if (!entry != !matches[i].prefix ||
			(entry && strcmp(entry->prefix, matches[i].prefix) != 0))
			fail_msg("%s: %s", matches[i].why, entry ? entry->prefix : "none");
		if (!entry || !matches[i].becomes)
			continue;
		becomes = registries_rewrite(entry, entry->location, matches[i].repository);
		assert_string_equal(becomes, matches[i].becomes);
	}
}

static void a_later_file_replaces_an_entry(void **state)
{
	cleanup_registries struct registries registries = { 0 };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(registries_parse(&registries, "f", conf, &err), 0);
	assert_int_equal(registries_parse(&registries, "g",
				 "[[registry]]\nlocation='example.com'\nblocked=true", &err),
		0);
	assert_int_equal(registries.count, 3);
	assert_true(registries.entries[1].blocked);
	assert_false(registries.entries[1].insecure);
}

static const struct {
	const char *why, *text, *says;
} rejected[] = {
	{ "version 1 would be silently without effect", "[registries.insecure]\nregistries=['a']",
		"version 1" },
	{ "one bracket", "[registry]\nlocation='a'", "two brackets" },
	{ "a mirror of nothing", "[[registry.mirror]]\nlocation='a'", "before the first" },
	{ "no name", "[[registry]]\ninsecure=true", "neither a prefix nor a location" },
	{ "a mirror without a place", "[[registry]]\nlocation='a'\n[[registry.mirror]]",
		"has no location" },
	{ "a URL", "[[registry]]\nlocation='https://a'", "f:2: \"host[:port][/path]\"" },
	{ "a user", "[[registry]]\nlocation='u@a'", "was expected" },
	{ "a way up", "[[registry]]\nlocation='a/../b'", "was expected" },
	{ "a location for all", "[[registry]]\nlocation='*.a'", "was expected" },
	{ "a word for a flag", "[[registry]]\nlocation='a'\nblocked='true'", "true or false" },
	{ "an unknown use",
		"[[registry]]\nlocation='a'\n[[registry.mirror]]\npull-from-mirror='never'",
		"digest-only" },
	{ "mirrors as a list", "[[registry]]\nlocation='a'\nmirror=[]", "[[registry.mirror]]" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rejected) / sizeof(*rejected); i++) {
		cleanup_registries struct registries registries = { 0 };
		cleanup_error struct error *err = NULL;

		if (registries_parse(&registries, "f", rejected[i].text, &err) == 0)
			fail_msg("%s: taken", rejected[i].why);
		if (!strstr(error_message(err), rejected[i].says))
			fail_msg("%s: %s", rejected[i].why, error_message(err));
		assert_int_equal(registries.count, 0); /* nothing of it is half taken */
	}
}

static void reads_daemon_json(void **state)
{
	static const char text[] =
		"{\"registry-mirrors\":[\"https://m.example/\",\"http://n:5000\"],"
		"\"insecure-registries\":[\"r:5000\",\"10.0.0.0/8\",\"fd00::/8\"],"
		"\"debug\":true}";
	cleanup_registries struct registries registries = { 0 };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(registries_parse_daemon(&registries, "f", text, &err), 0);
	assert_int_equal(registries.hub_mirror_count, 2);
	assert_string_equal(registries.hub_mirrors[0].location, "m.example");
	assert_false(registries.hub_mirrors[0].insecure);
	assert_true(registries.hub_mirrors[1].insecure);
	assert_true(registries_is_insecure(&registries, "r:5000"));
	assert_false(registries_is_insecure(&registries, "r"));
	assert_true(registries_is_insecure(&registries, "10.1.2.3:80"));
	assert_false(registries_is_insecure(&registries, "11.1.2.3"));
	assert_true(registries_is_insecure(&registries, "[fd00::1]:80"));
	assert_int_equal(registries_parse_daemon(
				 &registries, "f", "{\"registry-mirrors\":[\"ftp://x y\"]}", &err),
		-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_prefix),
		cmocka_unit_test(a_later_file_replaces_an_entry),
		cmocka_unit_test(refuses),
		cmocka_unit_test(reads_daemon_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

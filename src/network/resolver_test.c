/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "network/resolver.h"

static const struct {
	const char *why, *text, *kept;
	bool usable;
} filtered[] = {
	{ "plain", "nameserver 192.0.2.53\n", "nameserver 192.0.2.53\n", true },
	{ "search and options stay",
		"search a.example b.example\noptions ndots:2 edns0\n"
		"nameserver 192.0.2.53\n",
		"search a.example b.example\noptions ndots:2 edns0\nnameserver 192.0.2.53\n",
		true },
	{ "systemd-resolved's own", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n",
		"options edns0 trust-ad\nsearch .\n", false },
	{ "all of 127.0.0.0/8", "nameserver 127.1.2.3\nnameserver 128.0.0.1\n",
		"nameserver 128.0.0.1\n", true },
	{ "this host by its other name", "nameserver 0.0.0.0\n", "", false },
	{ "IPv6 is out of reach", "nameserver ::1\nnameserver 2001:db8::1\n", "", false },
	{ "link-local with a zone", "nameserver fe80::1%eth0\n", "", false },
	{ "tabs and blanks", "nameserver\t 192.0.2.53 \t# ours\n",
		"nameserver\t 192.0.2.53 \t# ours\n", true },
	{ "carriage return", "nameserver 192.0.2.53\r\n", "nameserver 192.0.2.53\r\n", true },
	{ "no newline at the end", "nameserver 192.0.2.53", "nameserver 192.0.2.53\n", true },
	{ "comments stay", "# nameserver 127.0.0.1\n;x\n", "# nameserver 127.0.0.1\n;x\n", false },
	{ "another keyword", "nameservers 127.0.0.1\n", "nameservers 127.0.0.1\n", false },
	{ "no address", "nameserver\nnameserver \n", "nameserver\n", false },
	{ "a word that is too long to be an address",
		"nameserver 192.0.2.53.192.0.2.53.192.0.2.53.192.0.2.53.192.0.2.53.192.0.2.53\n",
		"", false },
	{ "empty", "", "", false },
	{ "empty lines go", "\n\nnameserver 192.0.2.53\n\n", "nameserver 192.0.2.53\n", true },
};

static void filter_keeps_what_is_reachable(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(filtered) / sizeof(*filtered); i++) {
		bool usable = !filtered[i].usable;
		cleanup_free char *kept = resolver_filter(filtered[i].text, &usable);

		print_message("%s\n", filtered[i].why);
		assert_string_equal(kept, filtered[i].kept);
		assert_int_equal(usable, filtered[i].usable);
	}
}

/* Whatever this host has, a container gets at least one server that is not loopback. */
static void text_always_has_a_server(void **state)
{
	bool usable = false;
	cleanup_free char *text = resolver_text(false);
	cleanup_free char *same = resolver_filter(text, &usable);

	(void)state;
	assert_string_equal(same, text);
	assert_true(usable);
	assert_non_null(strstr(text, "nameserver "));
}

#define FIXED \
	"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n" \
	"ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

static void hosts_file(void **state)
{
	char *extra[] = { (char *)"db:10.0.0.5", (char *)"six:2001:db8::1", (char *)"is=10.0.0.6",
		NULL };
	cleanup_free char *all = hosts_text("172.17.0.2", "c5a9ff78d9c1", extra);
	cleanup_free char *none = hosts_text(NULL, NULL, NULL);

	(void)state;
	assert_string_equal(all, FIXED "10.0.0.5\tdb\n2001:db8::1\tsix\n10.0.0.6\tis\n"
				       "172.17.0.2\tc5a9ff78d9c1\n");
	assert_string_equal(none, FIXED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_keeps_what_is_reachable),
		cmocka_unit_test(text_always_has_a_server),
		cmocka_unit_test(hosts_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

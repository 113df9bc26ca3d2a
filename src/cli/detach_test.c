/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/detach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define P "\x10"
#define Q "\x11"
#define WAIT "\xff" /* stands for: nothing was typed for a while */

static const struct {
	const char *why, *keys, *typed, *want;
	bool detached;
} cases[] = {
	{ "plain text passes", NULL, "ls\n", "ls\n", false },
	{ "the default sequence", NULL, "ls" P Q, "ls", true },
	{ "what follows it is dropped", NULL, P Q "rm -rf", "", true },
	{ "a lone first key waits", NULL, P, "", false },
	{ "and is sent after a while", NULL, P WAIT, P, false },
	{ "then the second key is only itself", NULL, P WAIT Q, P Q, false },
	{ "another key sends it at once", NULL, P "x", P "x", false },
	{ "the first key twice: the second one may begin it", NULL, P P Q, P, true },
	{ "the second key alone", NULL, Q, Q, false },
	{ "own keys", "ctrl-x,x", "a\x18x", "a", true },
	{ "own keys: the default ones pass", "ctrl-x,x", P Q, P Q, false },
	{ "one key", "q", "abq", "ab", true },
	{ "three keys, broken off at the third", "a,b,c", "abd", "abd", false },
	{ "three keys", "a,b,c", "xabc", "x", true },
	{ "ctrl-@ is NUL, and does not end texts", "ctrl-@,x", "ab", "ab", false },
	{ "no keys at all", "", P Q, P Q, false },
};

/* Feeds byte by byte or at once: the state must not depend on how reads fell. */
static void feed(
	const char *keys, const char *typed, bool bytewise, char *out, size_t *used, bool *detached)
{
	cleanup_error struct error *err = NULL;
	struct detach detach;

	assert_int_equal(detach_init(&detach, keys, &err), 0);
	*used = 0;
	*detached = false;
	while (*typed && !*detached) {
		size_t part = bytewise ? 1 : strcspn(typed, WAIT);

		if (*typed == WAIT[0]) {
			*used += detach_flush(&detach, out + *used);
			typed++;
			continue;
		}
		*used += detach_feed(&detach, typed, part, out + *used, detached);
		typed += part;
	}
}

static void finds_the_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		size_t n = i / 2, used;
		char out[128];
		bool detached;

		feed(cases[n].keys, cases[n].typed, i % 2, out, &used, &detached);
		if (detached != cases[n].detached || used != strlen(cases[n].want) ||
			memcmp(out, cases[n].want, used) != 0)
			fail_msg("%s (%s): %zu bytes, detached %d", cases[n].why,
				i % 2 ? "byte by byte" : "at once", used, detached);
	}
}

static void refuses_what_is_no_key(void **state)
{
	static const char *const bad[] = { "ctrl-", "ctrl-ab", "ctrl-1", "ab", "a,,b", ",",
		"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_error struct error *err = NULL;
		struct detach detach;

		if (detach_init(&detach, bad[i], &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_keys),
		cmocka_unit_test(refuses_what_is_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

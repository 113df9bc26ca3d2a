/* SPDX-License-Identifier: Apache-2.0 */
#include "build/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

static char *const env[] = { (char *)"HOME=/root", (char *)"EMPTY=", (char *)"TWO=a  b",
	(char *)"FILE=/src/app.tar.gz", (char *)"STARS=a*b*c", (char *)"WIDE=\xc3\xa4x\xc3\xa4",
	NULL };

static const struct {
	const char *why, *text, *result; /* NULL: an error */
} expansions[] = {
	{ "nothing to do", "plain", "plain" },
	{ "a variable", "$HOME/x", "/root/x" },
	{ "in braces", "${HOME}x", "/rootx" },
	{ "unset is empty", "a${NOPE}b$NOPE", "ab" },
	{ "a name ends at what is no letter, digit or _", "$HOME.d", "/root.d" },
	{ "no name: a dollar", "$.", "$." },
	{ "a dollar at the end", "a$", "a$" },
	{ "positional and special parameters are empty", "[$1$@$#${0}]", "[]" },
	{ "a positional one is its digits", "$12x", "x" },
	{ "default for unset", "${NOPE:-d}${NOPE-d}", "dd" },
	{ "default for empty only with a colon", "${EMPTY:-d}${EMPTY-e}", "d" },
	{ "alternate for set", "${HOME:+s}${EMPTY:+t}${EMPTY+u}${NOPE+v}", "su" },
	{ "nested", "${NOPE:-${EMPTY:-${HOME}}}", "/root" },
	{ "demanded and there", "${HOME?}${HOME:?x}${EMPTY?}", "/root/root" },
	{ "demanded and unset", "${NOPE?say why}", NULL },
	{ "demanded and empty", "${EMPTY:?}", NULL },
	{ "single quotes are literal", "'$HOME \\'", "$HOME \\" },
	{ "double quotes expand", "\"$HOME '$HOME'\"", "/root '/root'" },
	{ "in them the escape is for \" $ \\ only", "\"\\$\\\"\\\\\\n\"", "$\"\\\\n" },
	{ "outside it takes any character", "\\$HOME\\n", "$HOMEn" },
	{ "at the end it goes", "a\\", "a" },
	{ "open single quote", "it's", NULL },
	{ "open double quote", "\"x", NULL },
	{ "empty braces", "${}", NULL },
	{ "double braces", "${{HOME}}", NULL },
	{ "unknown operator", "${HOME:=x}", NULL },
	{ "open braces", "${HOME", NULL },
	{ "open braces with a word", "${HOME:-x", NULL },
	{ "shortest prefix", "${FILE#*/}", "src/app.tar.gz" },
	{ "longest prefix", "${FILE##*/}", "app.tar.gz" },
	{ "shortest suffix", "${FILE%.*}", "/src/app.tar" },
	{ "longest suffix", "${FILE%%.*}", "/src/app" },
	{ "no match, no cut", "${FILE#x}${FILE%x}", "/src/app.tar.gz/src/app.tar.gz" },
	{ "escaped wildcard", "${STARS%%\\**}", "a" },
	{ "one character is one of UTF-8", "${WIDE#?}${WIDE%?}", "x\xc3\xa4\xc3\xa4x" },
	{ "replace the first", "${FILE/a/A}", "/src/App.tar.gz" },
	{ "replace all", "${FILE//a/A}", "/src/App.tAr.gz" },
	{ "replace a slash", "${FILE//\\//:}", ":src:app.tar.gz" },
	{ "replace by nothing", "${FILE/.tar/}", "/src/app.gz" },
	{ "a star is found once", "${FILE//*/x}", "x" },
	{ "pattern and replacement are expanded", "${FILE/$HOME/}${HOME/$HOME/$EMPTY.}",
		"/src/app.tar.gz." },
	{ "a pattern without its end", "${FILE/x}", NULL },
	{ "a bad escape in a pattern", "${FILE#\\x}", NULL },
	{ "not UTF-8 passes", "\xff$HOME\xc3", "\xff/root\xc3" },
};

static void expand(void **state)
{
	struct lexicon lexicon = { .env = env, .escape = '\\' };

	(void)state;
	for (size_t i = 0; i < sizeof(expansions) / sizeof(expansions[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *result = NULL;
		int failed = words_expand(&lexicon, expansions[i].text, &result, &err);

		const char *wanted = expansions[i].result ? expansions[i].result : "an error";

		if (strcmp(failed < 0 || !result ? "an error" : result, wanted) != 0)
			fail_msg("%s: '%s' gave '%s', not '%s'", expansions[i].why,
				expansions[i].text, result ? result : error_message(err), wanted);
	}
}

static void other_escape(void **state)
{
	struct lexicon lexicon = { .env = env, .escape = '`' };
	cleanup_error struct error *err = NULL;
	cleanup_free char *result = NULL;

	(void)state;
	assert_int_equal(words_expand(&lexicon, "c:\\dir`$HOME$HOME", &result, &err), 0);
	assert_string_equal(result, "c:\\dir$HOME/root");
}

static void keeping(void **state)
{
	struct lexicon lexicon = { .env = env,
		.escape = '\\',
		.raw_quotes = true,
		.raw_escapes = true,
		.keep_unset = true };
	cleanup_error struct error *err = NULL;
	cleanup_free char *result = NULL;

	(void)state;
	assert_int_equal(words_expand(&lexicon, "\"$A\" ${B:-c} 'd' \\e $HOME", &result, &err), 0);
	assert_string_equal(result, "\"$A\" ${B:-c} 'd' \\e /root");
}

static const struct {
	const char *why, *text, *words; /* joined by '|' */
} splits[] = {
	{ "blanks part", "  a b\tc ", "a|b|c" },
	{ "a value's blanks part", "x${TWO}y", "xa|by" },
	{ "quoted they do not", "\"$TWO\" 'c d'", "a  b|c d" },
	{ "escaped neither", "a\\ b", "a b" },
	{ "nothing", "$EMPTY", "" },
	{ "a heredoc's blanks stay", "cat << EOF", "cat|<< EOF" },
};

static void split(void **state)
{
	struct lexicon lexicon = { .env = env, .escape = '\\' };

	(void)state;
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv words = NULL;
		cleanup_free char *joined = NULL;

		assert_int_equal(words_split(&lexicon, splits[i].text, &words, &err), 0);
		joined = strv_join(words, "|");
		if (strcmp(joined, splits[i].words) != 0)
			fail_msg("%s: '%s' gave '%s'", splits[i].why, splits[i].text, joined);
	}
}

/* A value that doubles with each use, and braces in braces, end in an error and not in memory. */
static void ceilings(void **state)
{
	cleanup_strv strv own = NULL;
	cleanup_buf struct buf deep = BUF_INIT(BUF_SMALL);
	cleanup_free char *text = NULL;
	struct lexicon lexicon = { .escape = '\\' };
	cleanup_error struct error *nested = NULL;
	int64_t start = clock_monotonic_ns();
	int doublings = 0;

	(void)state;
	env_set(&own, "V", "xxxxxxxxxxxxxxxx");
	for (; doublings < 40; doublings++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *value = NULL;

		lexicon.env = own;
		if (words_expand(&lexicon, "$V${V:+$V}", &value, &err) < 0)
			break;
		env_set(&own, "V", value);
	}
	assert_int_equal(doublings, 16); /* 16 bytes to 1 MiB */
	for (int i = 0; i < 100; i++)
		buf_puts(&deep, "${a-");
	for (int i = 0; i < 100; i++)
		buf_putc(&deep, '}');
	assert_int_equal(words_expand(&lexicon, buf_text(&deep), &text, &nested), -1);
	assert_non_null(strstr(error_message(nested), "nested"));
	assert_true(clock_monotonic_ns() - start < INT64_C(1000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expand),
		cmocka_unit_test(other_escape),
		cmocka_unit_test(keeping),
		cmocka_unit_test(split),
		cmocka_unit_test(ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Words of instructions, with values of variables: the first line is a value, the rest the word. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size), *result = NULL;
	cleanup_error struct error *err = NULL, *unsplit = NULL;
	cleanup_strv strv env = NULL, words = NULL;
	char *word = strchr(text, '\n');
	struct lexicon lexicon = { .escape = '\\' };

	if (word)
		*word++ = '\0';
	env_set(&env, "A", text);
	env_set(&env, "B", "x/y*z");
	lexicon.env = env;
	lexicon.raw_quotes = size & 1;
	lexicon.keep_unset = size & 2;
	(void)words_expand(&lexicon, word ? word : text, &result, &err);
	(void)words_split(&lexicon, word ? word : text, &words, &unsplit);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/heredoc.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/split.h"
#include "build/words.h"

static size_t quotes_in(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\'' || *text == '"';
	return count;
}

/* digits "<<" ["-"] blanks name, where the name has no '<'. */
int heredoc_word(const char *word, struct heredoc *ret, struct error **err)
{
	struct lexicon plain = { .escape = '\\', .keep_unset = true };
	struct lexicon raw = { .escape = '\\', .keep_unset = true, .raw_quotes = true };
	cleanup_strv strv names = NULL, quoted = NULL;
	const char *at = word + strspn(word, "0123456789");

	if (at[0] != '<' || at[1] != '<')
		return 0;
	at += 2;
	*ret = (struct heredoc){ .chomp = *at == '-' };
	at = skip_blanks(at + (ret->chomp ? 1 : 0));
	if (!*at || strchr(at, '<'))
		return 0;
	if (words_split(&plain, at, &names, err) < 0 || words_split(&raw, at, &quoted, err) < 0)
		return -1;
	if (strv_length(names) != 1 || strv_length(quoted) != 1)
		return 0;
	/* A quote anywhere in the word means: take the content as it is. */
	ret->expand = quotes_in(names[0]) == quotes_in(quoted[0]);
	ret->name = xstrdup(names[0]);
	return 1;
}

int heredocs_find(struct instruction *instruction, struct error **err)
{
	struct lexicon raw = {
		.escape = '\\', .keep_unset = true, .raw_quotes = true, .raw_escapes = true
	};
	cleanup_strv strv words = NULL;
	cleanup_error struct error *unreadable = NULL;

	if (!strstr(instruction->text, "<<"))
		return 0;
	/* A shell's line may well have quotes that this lexer cannot read: then it has none. */
	if (words_split(&raw, instruction->text, &words, &unreadable) < 0)
		return 0;
	for (size_t i = 0; words && words[i]; i++) {
		struct heredoc heredoc = { .name = NULL };
		int found = heredoc_word(words[i], &heredoc, err);

		if (found < 0)
			return -1;
		if (found == 0)
			continue;
		if (instruction->heredoc_count == HEREDOCS_MAX) {
			free(heredoc.name);
			return error_new(err, ERROR_INVALID, "more than %d heredocs", HEREDOCS_MAX);
		}
		instruction->heredocs = xrealloc(
			instruction->heredocs, instruction->heredoc_count + 1, sizeof(heredoc));
		instruction->heredocs[instruction->heredoc_count++] = heredoc;
	}
	return 0;
}

static char *chomped_content(const char *content)
{
	char *chomped = xcalloc(1, strlen(content) + 1), *out = chomped;
	bool line_start = true;

	for (; *content; content++) {
		if (line_start && *content == '\t')
			continue;
		line_start = *content == '\n';
		*out++ = *content;
	}
	return chomped;
}

char *heredoc_content(const struct heredoc *heredoc)
{
	return heredoc->chomp ? chomped_content(heredoc->content) : xstrdup(heredoc->content);
}

const struct heredoc *heredoc_of(const struct instruction *instruction, const char *word)
{
	struct heredoc named = { .name = NULL };
	cleanup_error struct error *unreadable = NULL;
	const struct heredoc *found = NULL;

	if (instruction->json || heredoc_word(word, &named, &unreadable) <= 0)
		return NULL;
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		if (strcmp(instruction->heredocs[i].name, named.name) == 0)
			found = &instruction->heredocs[i];
	free(named.name);
	return found;
}

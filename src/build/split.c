/* SPDX-License-Identifier: Apache-2.0 */
#include "build/split.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "build/list.h"

const char *skip_blanks(const char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

char *trimmed(const char *text)
{
	size_t length;

	text = skip_blanks(text);
	length = strlen(text);
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	return xstrndup(text, length);
}

/* A word that is being read. */
struct word {
	char escape;
	bool keep; /* quotes and escapes stay in it */
	bool quoted; /* there were quotes, so it counts also when it is empty */
	char quote; /* the open one, or NUL */
	struct buf text;
};

/* Takes one character, with the one it escapes; returns what follows. */
static const char *take_char(struct word *word, const char *at)
{
	bool is_quote = word->quote ? *at == word->quote : *at == '\'' || *at == '"';

	if (is_quote) {
		if (word->quote)
			word->quote = 0;
		else
			word->quote = *at;
		word->quoted = true;
		if (word->keep)
			buf_putc(&word->text, *at);
		return at + 1;
	}
	/* Words keep a single quote's content whole, flags do not: BuildKit's ways. */
	if (*at == word->escape && !(word->keep && word->quote == '\'')) {
		if (!at[1])
			return at + 1;
		if (word->keep)
			buf_putc(&word->text, *at);
		at++;
	}
	buf_putc(&word->text, *at);
	return at + 1;
}

/* One word from *at on, to the first blank that is neither quoted nor escaped. NULL: an empty one
 * that does not count. */
static char *read_word(const char **at, char escape, bool keep)
{
	struct word word = { .escape = escape, .keep = keep, .text = BUF_INIT(BUF_LARGE) };
	const char *p = *at;

	while (*p && (word.quote || !is_blank(*p)))
		p = take_char(&word, p);
	*at = p;
	if (!word.quoted && word.text.length == 0) {
		buf_done(&word.text);
		return NULL;
	}
	return buf_take(&word.text);
}

const char *split_flags(const char *text, char escape, strv *ret_flags)
{
	struct list flags = { .items = NULL };
	const char *at = skip_blanks(text);

	while (at[0] == '-' && at[1] == '-') {
		cleanup_free char *word = read_word(&at, escape, false);

		at = skip_blanks(at);
		if (!word || strcmp(word, "--") == 0)
			break;
		list_take(&flags, take_ptr(word));
	}
	*ret_flags = flags.items;
	return at;
}

strv split_quoted(const char *text, char escape)
{
	struct list words = { .items = NULL };

	for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
		char *word = read_word(&at, escape, true);

		if (word)
			list_take(&words, word);
	}
	return words.items;
}

strv split_plain(const char *text)
{
	struct list words = { .items = NULL };

	for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
		const char *end = at;

		while (*end && !is_blank(*end))
			end++;
		list_take(&words, xstrndup(at, (size_t)(end - at)));
		at = end;
	}
	return words.items;
}

int split_json(const char *text, strv *ret, struct error **err)
{
	cleanup_json struct json_object *value = NULL;
	cleanup_error struct error *not_json = NULL;
	cleanup_list struct list items = { .items = NULL };

	text = skip_blanks(text);
	if (*text != '[' || json_parse(text, strlen(text), "the array", &value, &not_json) < 0)
		return 0;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);

		if (!json_object_is_type(item, json_type_string))
			return error_new(
				err, ERROR_INVALID, "the JSON array may contain strings only");
		if (strlen(json_object_get_string(item)) !=
			(size_t)json_object_get_string_len(item))
			return error_new(err, ERROR_INVALID, "a string contains a NUL byte");
		list_take(&items, xstrdup(json_object_get_string(item)));
	}
	*ret = take_ptr(items.items);
	return 1;
}

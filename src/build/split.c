/* SPDX-License-Identifier: Apache-2.0 */
#include "build/split.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

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

/*
 * One word from *at on: to the first blank that is neither quoted nor escaped. With keep, quotes
 * and escapes stay in it. *ret_quoted: there were quotes, so an empty word counts.
 */
static char *read_word(const char **at, char escape, bool keep, bool *ret_quoted)
{
	cleanup_buf struct buf word = BUF_INIT(BUF_LARGE);
	const char *p = *at;
	char quote = 0;

	*ret_quoted = false;
	for (; *p && (quote || !is_blank(*p)); p++) {
		bool is_quote = quote ? *p == quote : *p == '\'' || *p == '"';

		if (is_quote) {
			quote = quote ? 0 : *p;
			*ret_quoted = true;
			if (keep)
				buf_putc(&word, *p);
			continue;
		}
		/* Words keep a single quote's content whole, flags do not: BuildKit's ways. */
		if (*p == escape && !(keep && quote == '\'')) {
			if (!p[1])
				continue;
			if (keep)
				buf_putc(&word, *p);
			p++;
		}
		buf_putc(&word, *p);
	}
	*at = p;
	return buf_take(&word);
}

const char *split_flags(const char *text, char escape, strv *ret_flags)
{
	const char *at = skip_blanks(text);

	while (at[0] == '-' && at[1] == '-') {
		bool quoted;
		cleanup_free char *word = read_word(&at, escape, false, &quoted);

		at = *at ? skip_blanks(at) : at;
		if (strcmp(word, "--") == 0)
			break;
		strv_take(ret_flags, take_ptr(word));
	}
	return at;
}

strv split_quoted(const char *text, char escape)
{
	strv words = NULL;

	for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
		bool quoted;
		cleanup_free char *word = read_word(&at, escape, true, &quoted);

		if (quoted || *word)
			strv_take(&words, take_ptr(word));
	}
	return words;
}

strv split_plain(const char *text)
{
	strv words = NULL;

	for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
		const char *end = at;

		while (*end && !is_blank(*end))
			end++;
		strv_take(&words, xstrndup(at, (size_t)(end - at)));
		at = end;
	}
	return words;
}

int split_json(const char *text, strv *ret, struct error **err)
{
	cleanup_json struct json_object *value = NULL;
	cleanup_error struct error *not_json = NULL;
	cleanup_strv strv items = NULL;

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
		strv_append(&items, json_object_get_string(item));
	}
	*ret = take_ptr(items);
	return 1;
}

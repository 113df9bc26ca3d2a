/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quote.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/template_value.h"

/* By the first byte; 0: it begins none. */
static size_t sequence_length(unsigned char first)
{
	static const struct {
		unsigned char below;
		size_t length;
	} ranges[] = { { 0x80, 1 }, { 0xc2, 0 }, { 0xe0, 2 }, { 0xf0, 3 }, { 0xf5, 4 } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (first < ranges[i].below)
			return ranges[i].length;
	return 0;
}

/* Not a longer form than needed, not half of a UTF-16 pair. */
static bool is_rune(long rune, size_t length)
{
	static const long lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return rune >= lowest[length] && rune <= 0x10ffff && (rune < 0xd800 || rune > 0xdfff);
}

size_t quote_rune(const char *text, size_t length, long *ret)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t n = sequence_length(bytes[0]);
	long rune = n == 1 ? bytes[0] : bytes[0] & (0x7f >> n);

	*ret = -1;
	if (n == 0 || n > length)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 1;
		rune = rune << 6 | (bytes[i] & 0x3f);
	}
	if (!is_rune(rune, n))
		return 1;
	*ret = rune;
	return n;
}

static const char *short_escape(long c)
{
	static const char *const names[] = { ['\a'] = "\\a",
		['\b'] = "\\b",
		['\t'] = "\\t",
		['\n'] = "\\n",
		['\v'] = "\\v",
		['\f'] = "\\f",
		['\r'] = "\\r",
		['"'] = "\\\"",
		['\\'] = "\\\\" };

	return c >= 0 && c < (long)(sizeof(names) / sizeof(*names)) ? names[c] : NULL;
}

void quote_go(struct buf *out, const char *text, size_t length)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < length;) {
		long rune;
		size_t n = quote_rune(text + i, length - i, &rune);

		if (short_escape(rune))
			buf_puts(out, short_escape(rune));
		else if (rune < ' ' || rune == 0x7f) /* also what is no character */
			buf_printf(out, "\\x%02x", (unsigned char)text[i]);
		else if (rune >= 0x80 && rune < 0xa0)
			buf_printf(out, "\\u%04lx", (unsigned long)rune);
		else
			buf_append(out, text + i, n);
		i += n;
	}
	buf_putc(out, '"');
}

static void json_text(struct buf *out, const char *text, size_t length)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < length;) {
		long rune;
		size_t n = quote_rune(text + i, length - i, &rune);

		if (rune < 0)
			buf_puts(out, "\\ufffd");
		else if (rune == '"' || rune == '\\')
			buf_printf(out, "\\%c", (int)rune);
		else if (rune > 0 && rune < ' ' && strchr("\b\f\n\r\t", (int)rune))
			buf_puts(out, short_escape(rune));
		else if (rune < ' ' || rune == 0x2028 || rune == 0x2029)
			buf_printf(out, "\\u%04lx", (unsigned long)rune);
		else
			buf_append(out, text + i, n);
		i += n;
	}
	buf_putc(out, '"');
}

static void json_object_text(struct buf *out, struct json_object *value)
{
	size_t count;
	cleanup_free const char **keys = value_keys(value, &count);

	buf_putc(out, '{');
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i ? "," : "");
		json_text(out, keys[i], strlen(keys[i]));
		buf_putc(out, ':');
		quote_json(out, json_object_object_get(value, keys[i]));
	}
	buf_putc(out, '}');
}

/* The depth is that of the value, which json_parse() bounds. */
void quote_json(struct buf *out, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_object:
		if (value_mark(value) == TEMPLATE_NIL)
			buf_puts(out, "null");
		else
			json_object_text(out, value);
		return;
	case json_type_array:
		if (value_mark(value) == TEMPLATE_NIL) {
			buf_puts(out, "null");
			return;
		}
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			buf_putc(out, i ? ',' : '[');
			quote_json(out, json_object_array_get_idx(value, i));
		}
		buf_puts(out, json_object_array_length(value) ? "]" : "[]");
		return;
	case json_type_string:
		json_text(out, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		return;
	default:
		buf_puts(out, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	}
}

char *quote_ellipsis(const char *text, size_t width)
{
	size_t length = strlen(text), used = 0, cut = 0;
	long rune;

	for (size_t i = 0; i < length; used++) {
		if (used + 1 == width)
			cut = i;
		i += quote_rune(text + i, length - i, &rune);
	}
	if (used <= width)
		return xstrdup(text);
	return xasprintf("%.*s\xe2\x80\xa6", (int)cut, text);
}

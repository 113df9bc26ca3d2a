/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/log_json.h"

#include <stdint.h>
#include <string.h>

#include "monitor/log.h"

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))
#define HIGH_BITS EACH_BYTE(0x80)

/* The classic test whether one of eight bytes is zero; false alarms only above a real one. */
static uint64_t zero_byte(uint64_t word)
{
	return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

static uint64_t quote_or_backslash(uint64_t word)
{
	return zero_byte(word ^ EACH_BYTE('"')) | zero_byte(word ^ EACH_BYTE('\\'));
}

/* Whether a byte of the eight needs care: control, quote, backslash, or not ASCII. */
static uint64_t needs_care(uint64_t word)
{
	uint64_t control = (word - EACH_BYTE(0x20)) & ~word & HIGH_BITS;

	return control | (word & HIGH_BITS) | quote_or_backslash(word);
}

static uint64_t load(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Bytes that a character announces by its first one; 0: it cannot start one. */
static size_t announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool continues(const char *data, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (((unsigned char)data[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Length of the valid UTF-8 character at data; 0 when there is none (RFC 3629, table 3-7 of
 * Unicode). */
static size_t character_length(const char *data, size_t available)
{
	unsigned char first = (unsigned char)data[0];
	size_t length = announced(first);
	unsigned char second;

	if (length == 0 || length > available || !continues(data + 1, length - 1))
		return 0;
	if (length < 3)
		return length;
	second = (unsigned char)data[1];
	/* Too long forms, surrogates, beyond U+10FFFF. */
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
		(first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
		return 0;
	return length;
}

static char *put(char *out, const char *text, size_t length)
{
	memcpy(out, text, length);
	return out + length;
}

static char *escape_ascii(char *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	switch (c) {
	case '"':
		return put(out, "\\\"", 2);
	case '\\':
		return put(out, "\\\\", 2);
	case '\n':
		return put(out, "\\n", 2);
	case '\r':
		return put(out, "\\r", 2);
	case '\t':
		return put(out, "\\t", 2);
	default:
		break;
	}
	if (c >= 0x20) {
		*out = (char)c;
		return out + 1;
	}
	out = put(out, "\\u00", 4);
	*out++ = hex[c >> 4];
	*out++ = hex[c & 15];
	return out;
}

char *log_escape(char *out, const char *data, size_t length)
{
	const char *end = data + length;

	while (data < end) {
		size_t width;

		while (end - data >= 8 && !needs_care(load(data))) {
			memcpy(out, data, 8);
			data += 8;
			out += 8;
		}
		if (data == end)
			break;
		if ((unsigned char)*data < 0x80) {
			out = escape_ascii(out, (unsigned char)*data++);
			continue;
		}
		width = character_length(data, (size_t)(end - data));
		out = width ? put(out, data, width) : put(out, "\\ufffd", 6);
		data += width ? width : 1;
	}
	return out;
}

size_t log_whole_characters(const char *data, size_t length)
{
	for (size_t back = 1; back <= 3 && back < length; back++) {
		size_t width = announced((unsigned char)data[length - back]);

		if (width == 1)
			break;
		if (width > back && continues(data + length - back + 1, back - 1))
			return length - back;
	}
	return length;
}

/* ---- reading ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four digits at data, or -1. */
static int32_t code_unit(const char *data, const char *end)
{
	int32_t value = 0;

	if (end - data < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(data[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static char *put_character(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | c >> 12);
		} else {
			*out++ = (char)(0xf0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* What follows \u, with the second half of a surrogate pair; a lone half becomes U+FFFD. */
static const char *unescape_unit(const char *at, const char *end, char **out)
{
	int32_t unit = code_unit(at, end), low;
	uint32_t character;

	if (unit < 0)
		return NULL;
	at += 4;
	character = (uint32_t)unit;
	if (unit >= 0xd800 && unit < 0xe000) {
		low = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u'
			      ? code_unit(at + 2, end)
			      : -1;
		character = 0xfffd;
		if (low >= 0xdc00 && low < 0xe000) {
			character = 0x10000 + (((uint32_t)unit - 0xd800) << 10) +
				    ((uint32_t)low - 0xdc00);
			at += 6;
		}
	}
	*out = put_character(*out, character);
	return at;
}

/* at is behind a backslash. An escape is never shorter than what it means: in place is safe. */
static const char *unescape(const char *at, const char *end, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which;

	if (at >= end)
		return NULL;
	if (*at == 'u')
		return unescape_unit(at + 1, end, out);
	which = *at ? strchr(from, *at) : NULL;
	if (!which)
		return NULL;
	*(*out)++ = to[which - from];
	return at + 1;
}

static const char *plain_end(const char *at, const char *end)
{
	while (end - at >= 8 && !quote_or_backslash(load(at)))
		at += 8;
	while (at < end && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* A string whose opening quote was at line[-1]; returns what follows its closing quote. */
static char *parse_string(char *line, char *end, size_t *ret_length)
{
	const char *at = line;
	char *out = line;

	for (;;) {
		const char *run = plain_end(at, end);

		if (out != at)
			memmove(out, at, (size_t)(run - at));
		out += run - at;
		if (run == end)
			return NULL;
		at = run + 1;
		if (*run == '"')
			break;
		at = unescape(at, end, &out);
		if (!at)
			return NULL;
	}
	*out = '\0'; /* on the closing quote at the latest */
	*ret_length = (size_t)(out - line);
	return line + (at - line);
}

static char *expect(char *at, const char *end, const char *text)
{
	size_t length = strlen(text);

	if (!at || (size_t)(end - at) < length || memcmp(at, text, length) != 0)
		return NULL;
	return at + length;
}

bool log_parse_line(char *line, size_t length, struct log_line *ret)
{
	char *end = line + length, *at = expect(line, end, "{\"log\":\"");
	struct log_line parsed = { 0 };
	const char *stream;
	size_t unused;

	parsed.data = at;
	at = at ? parse_string(at, end, &parsed.length) : NULL;
	at = expect(at, end, ",\"stream\":\"");
	stream = at;
	at = at ? parse_string(at, end, &unused) : NULL;
	at = expect(at, end, ",\"time\":\"");
	parsed.time_text = at;
	at = at ? parse_string(at, end, &unused) : NULL;
	if (!expect(at, end, "}"))
		return false;
	parsed.stream = strcmp(stream, "stderr") == 0 ? 2 : 1;
	*ret = parsed;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern is segments between stars. Where a segment is to be found "anywhere after here", the
 * first place is always as good as a later one, so nothing is ever tried again:
 *   - the shortest match ends where the last segment is found first;
 *   - the longest one ends where the last segment is found last, or at the end after a final star;
 *   - when a later segment is not found, no other place of the first one helps.
 */
#include "build/substitute.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/utf8.h"

#define ANY_ONE UINT32_C(0x80000000)
#define ANY_TEXT UINT32_C(0x80000001)
#define NOT_FOUND SIZE_MAX
#define PATTERN_MAX 1024 /* bytes: the time is value times pattern */

struct runes {
	uint32_t *at;
	size_t count;
};

static void runes_done_p_(struct runes *runes)
{
	free(runes->at);
}
#define cleanup_runes CLEANUP(runes_done)

static struct runes runes_of(const char *text)
{
	struct runes runes = { .at = xcalloc(strlen(text) + 1, sizeof(uint32_t)) };

	for (size_t n; *text; text += n) {
		n = utf8_length(text);
		runes.at[runes.count++] = utf8_rune(text);
	}
	return runes;
}

static int parse_pattern(const char *text, struct runes *ret, struct error **err)
{
	cleanup_runes struct runes runes = { .at = xcalloc(strlen(text) + 1, sizeof(uint32_t)) };
	const char *whole = text;

	if (strlen(text) > PATTERN_MAX)
		return error_new(
			err, ERROR_INVALID, "a pattern is longer than %d bytes", PATTERN_MAX);
	for (size_t n; *text; text += n) {
		bool escaped = *text == '\\';

		if (escaped && !(text[1] && strchr("*?\\}/", text[1])))
			return error_new(err, ERROR_INVALID,
				"the pattern '%.200s' has '\\' before something other than '*', "
				"'?' "
				"or '\\'",
				whole);
		text += escaped ? 1 : 0;
		n = utf8_length(text);
		runes.at[runes.count++] = !escaped && *text == '*'   ? ANY_TEXT
					  : !escaped && *text == '?' ? ANY_ONE
								     : utf8_rune(text);
	}
	*ret = runes;
	runes.at = NULL;
	return 0;
}

static void reverse(struct runes *runes)
{
	for (size_t i = 0; i < runes->count / 2; i++) {
		uint32_t kept = runes->at[i];

		runes->at[i] = runes->at[runes->count - 1 - i];
		runes->at[runes->count - 1 - i] = kept;
	}
}

/* Does the segment stand at place? */
static bool stands(const struct runes *value, size_t place, const uint32_t *segment, size_t length)
{
	if (place + length > value->count)
		return false;
	for (size_t i = 0; i < length; i++)
		if (segment[i] != ANY_ONE && segment[i] != value->at[place + i])
			return false;
	return true;
}

/* First place at or after from, or NOT_FOUND. */
static size_t find(const struct runes *value, size_t from, const uint32_t *segment, size_t length)
{
	for (size_t place = from; place + length <= value->count; place++)
		if (stands(value, place, segment, length))
			return place;
	return NOT_FOUND;
}

static size_t find_last(
	const struct runes *value, size_t from, const uint32_t *segment, size_t length)
{
	if (length > value->count)
		return NOT_FOUND;
	for (size_t place = value->count - length + 1; place-- > from;)
		if (stands(value, place, segment, length))
			return place;
	return NOT_FOUND;
}

static size_t segment_length(const struct runes *pattern, size_t from)
{
	size_t length = 0;

	while (from + length < pattern->count && pattern->at[from + length] != ANY_TEXT)
		length++;
	return length;
}

/* Where a match that begins at start ends, or NOT_FOUND. */
static size_t match_end(
	const struct runes *value, size_t start, const struct runes *pattern, bool longest)
{
	size_t length = segment_length(pattern, 0), at = length, end = start + length;

	if (!stands(value, start, pattern->at, length))
		return NOT_FOUND;
	while (at < pattern->count) { /* at a star */
		const uint32_t *segment = pattern->at + at + 1;
		bool last;
		size_t place;

		length = segment_length(pattern, at + 1);
		at += 1 + length;
		last = at >= pattern->count;
		place = last && longest ? find_last(value, end, segment, length)
					: find(value, end, segment, length);
		if (place == NOT_FOUND)
			return NOT_FOUND;
		end = place + length;
	}
	return end;
}

/* The bytes that the first count characters take. */
static size_t bytes_of(const char *text, size_t count)
{
	const char *at = text;

	while (count-- > 0)
		at += utf8_length(at);
	return (size_t)(at - text);
}

int substitute_strip(const char *value, const char *pattern, struct strip how, struct buf *out,
	struct error **err)
{
	cleanup_runes struct runes runes = runes_of(value), parsed = { NULL, 0 };
	size_t end;

	if (parse_pattern(pattern, &parsed, err) < 0)
		return -1;
	if (how.suffix) { /* a suffix is a prefix seen from behind */
		reverse(&runes);
		reverse(&parsed);
	}
	end = match_end(&runes, 0, &parsed, how.longest);
	if (end == NOT_FOUND)
		buf_puts(out, value);
	else if (how.suffix)
		buf_append(out, value, bytes_of(value, runes.count - end));
	else
		buf_puts(out, value + bytes_of(value, end));
	return 0;
}

int substitute_replace(const char *value, const char *pattern, const char *replacement, bool all,
	struct buf *out, struct error **err)
{
	cleanup_runes struct runes runes = runes_of(value), parsed = { NULL, 0 };
	size_t at = 0, first, last_end = NOT_FOUND;

	if (parse_pattern(pattern, &parsed, err) < 0)
		return -1;
	first = segment_length(&parsed, 0);
	while (!out->failed) {
		size_t start = find(&runes, at, parsed.at, first), end;

		end = start == NOT_FOUND ? NOT_FOUND : match_end(&runes, start, &parsed, true);
		if (end == NOT_FOUND)
			break;
		buf_append(out, value, bytes_of(value, start - at));
		value += bytes_of(value, start - at);
		/* No empty match just behind a match: '*' is found once in "abc". */
		if (end > start || start != last_end)
			buf_puts(out, replacement);
		value += bytes_of(value, end - start);
		at = last_end = end;
		if (!all || at == runes.count)
			break;
		if (end == start) {
			buf_append(out, value, utf8_length(value));
			value += utf8_length(value);
			at++;
		}
	}
	buf_puts(out, value);
	return 0;
}

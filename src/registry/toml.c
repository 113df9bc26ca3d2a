/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/toml.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#define KEY_MAX 1024
#define BARE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

void toml_begin(struct toml_reader *reader, const char *name, const char *text)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors begin a file with it */

	*reader = (struct toml_reader){ .name = name, .at = text, .line = 1 };
	if (strncmp(text, mark, 3) == 0)
		reader->at += 3;
}

void toml_entry_done(struct toml_entry *entry)
{
	free(entry->key);
	free(entry->text);
	strv_free(entry->list);
	*entry = (struct toml_entry){ 0 };
}

static int fail(const struct toml_reader *reader, const char *why, struct error **err)
{
	return error_new(err, ERROR_INVALID, "%s:%d: %s", reader->name, reader->line, why);
}

static void skip_blanks(struct toml_reader *reader)
{
	reader->at += strspn(reader->at, " \t");
}

/* Blanks, comments and ends of lines. */
static void skip_lines(struct toml_reader *reader)
{
	for (;;) {
		reader->at += strspn(reader->at, " \t\r");
		if (*reader->at == '#')
			reader->at += strcspn(reader->at, "\n");
		if (*reader->at != '\n')
			return;
		reader->at++;
		reader->line++;
	}
}

static int end_line(struct toml_reader *reader, struct error **err)
{
	skip_blanks(reader);
	if (*reader->at == '#')
		reader->at += strcspn(reader->at, "\n");
	reader->at += *reader->at == '\r';
	if (*reader->at && *reader->at != '\n')
		return fail(reader, "nothing may follow on this line", err);
	return 0;
}

/* ---- strings ---- */

static void put_utf8(struct buf *out, uint32_t code)
{
	if (code >= 0x10000) {
		buf_putc(out, (char)(0xf0 | code >> 18));
		buf_putc(out, (char)(0x80 | (code >> 12 & 63)));
	} else if (code >= 0x800) {
		buf_putc(out, (char)(0xe0 | code >> 12));
	}
	if (code >= 0x800)
		buf_putc(out, (char)(0x80 | (code >> 6 & 63)));
	else if (code >= 0x80)
		buf_putc(out, (char)(0xc0 | code >> 6));
	buf_putc(out, (char)(code >= 0x80 ? 0x80 | (code & 63) : code));
}

/* "u00e9" and "U0001f600": a code point as UTF-8. */
static int put_code_point(struct toml_reader *reader, struct buf *out, struct error **err)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	int digits = *reader->at == 'u' ? 4 : 8;
	uint32_t code = 0;

	for (int i = 1; i <= digits; i++) {
		char c = reader->at[i];
		const char *digit = c ? strchr(hex, c) : NULL;

		if (!digit)
			return fail(reader, "an escape with too few digits", err);
		code = code << 4 | (uint32_t)(digit - hex < 16 ? digit - hex : digit - hex - 6);
	}
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return fail(reader, "an escape for no character", err);
	reader->at += digits;
	put_utf8(out, code);
	return 0;
}

static int put_escape(struct toml_reader *reader, struct buf *out, struct error **err)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	const char *found = *reader->at ? strchr(names, *reader->at) : NULL;

	if (found) {
		buf_putc(out, values[found - names]);
		return 0;
	}
	if (*reader->at == 'u' || *reader->at == 'U')
		return put_code_point(reader, out, err);
	return fail(reader, "an unknown escape", err);
}

/* One character of a string, or its escape. */
static int read_character(
	struct toml_reader *reader, bool literal, struct buf *out, struct error **err)
{
	unsigned char c = (unsigned char)*reader->at;

	if (c == '\0' || c == '\n')
		return fail(reader, "a string without its end", err);
	if ((c < ' ' && c != '\t') || c == 0x7f)
		return fail(reader, "a control character in a string", err);
	if (c == '\\' && !literal) {
		reader->at++;
		return put_escape(reader, out, err);
	}
	buf_putc(out, (char)c);
	return 0;
}

/* 'literal' or "basic"; the caller frees. */
static int read_string(struct toml_reader *reader, char **ret, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);
	char quote = *reader->at;

	if (reader->at[1] == quote && reader->at[2] == quote)
		return fail(reader, "strings of several lines are not supported here", err);
	for (reader->at++; *reader->at != quote; reader->at++)
		if (read_character(reader, quote == '\'', &out, err) < 0)
			return -1;
	reader->at++;
	if (out.failed)
		return fail(reader, "a string that is too long", err);
	*ret = out.length > 0 ? buf_take(&out) : xstrdup("");
	return 0;
}

/* ---- keys ---- */

static int read_key_part(struct toml_reader *reader, struct buf *key, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t length = strspn(reader->at, BARE);

	if (*reader->at == '"' || *reader->at == '\'') {
		if (read_string(reader, &text, err) < 0)
			return -1;
		buf_puts(key, text);
		return 0;
	}
	if (length == 0)
		return fail(reader, "a key was expected", err);
	buf_append(key, reader->at, length);
	reader->at += length;
	return 0;
}

static int read_key(struct toml_reader *reader, char **ret, struct error **err)
{
	cleanup_buf struct buf key = BUF_INIT(KEY_MAX);

	for (;;) {
		skip_blanks(reader);
		if (read_key_part(reader, &key, err) < 0)
			return -1;
		skip_blanks(reader);
		if (*reader->at != '.')
			break;
		reader->at++;
		buf_putc(&key, '.');
	}
	if (key.failed)
		return fail(reader, "a key that is too long", err);
	*ret = buf_take(&key);
	return 0;
}

/* ---- values ---- */

static int read_list(struct toml_reader *reader, struct toml_entry *entry, struct error **err)
{
	entry->kind = TOML_LIST;
	entry->list = strv_room(0);
	reader->at++;
	for (size_t count = 0;; count++) {
		char *text = NULL;

		skip_lines(reader);
		if (*reader->at == ']')
			break;
		if (*reader->at != '"' && *reader->at != '\'')
			return fail(reader, "only strings are supported in an array", err);
		if (count >= TOML_LIST_MAX)
			return fail(reader, "an array that is too long", err);
		if (read_string(reader, &text, err) < 0)
			return -1;
		strv_take(&entry->list, text);
		skip_lines(reader);
		if (*reader->at != ',' && *reader->at != ']')
			return fail(reader, "',' or ']' was expected in an array", err);
		reader->at += *reader->at == ',';
	}
	reader->at++;
	return 0;
}

static int read_word(struct toml_reader *reader, struct toml_entry *entry, struct error **err)
{
	size_t length = strspn(reader->at, BARE "+.:");

	if (length == 4 && strncmp(reader->at, "true", 4) == 0)
		*entry = (struct toml_entry){ TOML_BOOL, entry->key, .flag = true };
	else if (length == 5 && strncmp(reader->at, "false", 5) == 0)
		*entry = (struct toml_entry){ TOML_BOOL, entry->key, .flag = false };
	else if (length > 0 && strchr("+-0123456789", *reader->at))
		entry->kind = TOML_OTHER;
	else
		return fail(reader, "a value was expected: \"text\", true, false or [list]", err);
	reader->at += length;
	return 0;
}

static int read_value(struct toml_reader *reader, struct toml_entry *entry, struct error **err)
{
	switch (*reader->at) {
	case '"':
	case '\'':
		entry->kind = TOML_TEXT;
		return read_string(reader, &entry->text, err);
	case '[':
		return read_list(reader, entry, err);
	case '{':
		return fail(reader, "inline tables are not supported: write a [table]", err);
	default:
		return read_word(reader, entry, err);
	}
}

static int read_table(struct toml_reader *reader, struct toml_entry *entry, struct error **err)
{
	bool is_array = reader->at[1] == '[';

	entry->kind = is_array ? TOML_TABLE_ARRAY : TOML_TABLE;
	reader->at += is_array ? 2 : 1;
	if (read_key(reader, &entry->key, err) < 0)
		return -1;
	if (strncmp(reader->at, "]]", is_array ? 2 : 1) != 0)
		return fail(reader, "']' was expected", err);
	reader->at += is_array ? 2 : 1;
	return 0;
}

static int read_setting(struct toml_reader *reader, struct toml_entry *entry, struct error **err)
{
	if (read_key(reader, &entry->key, err) < 0)
		return -1;
	if (*reader->at != '=')
		return fail(reader, "'=' was expected", err);
	reader->at++;
	skip_blanks(reader);
	return read_value(reader, entry, err);
}

int toml_next(struct toml_reader *reader, struct toml_entry *ret, struct error **err)
{
	cleanup_toml_entry struct toml_entry entry = { .kind = TOML_END };
	int result = 0;

	skip_lines(reader);
	if (*reader->at)
		result = *reader->at == '[' ? read_table(reader, &entry, err)
					    : read_setting(reader, &entry, err);
	if (result < 0 || (*reader->at && end_line(reader, err) < 0))
		return -1;
	*ret = entry;
	entry = (struct toml_entry){ 0 };
	return 0;
}

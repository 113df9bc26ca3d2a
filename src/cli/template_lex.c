/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a template's actions, by the rules of Go's text/template/parse. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "cli/quote.h"
#include "cli/template_node.h"
#include "cli/template_value.h"

int lexer_error(const struct lexer *lexer, size_t at, struct error **err, const char *fmt, ...)
{
	cleanup_free char *what = NULL;
	size_t line = 1;
	va_list ap;

	for (size_t i = 0; i < at && i < lexer->length; i++)
		line += lexer->text[i] == '\n';
	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		abort();
	va_end(ap);
	return error_new(err, ERROR_INVALID, "template: :%zu: %s", line, what);
}

static char at(const struct lexer *lexer, size_t offset)
{
	if (lexer->at + offset >= lexer->length)
		return '\0';
	return lexer->text[lexer->at + offset];
}

static bool starts(const struct lexer *lexer, const char *text)
{
	return strncmp(lexer->text + lexer->at, text, strlen(text)) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 128;
}

int lexer_comment(struct lexer *lexer, bool *ret_trim, struct error **err)
{
	const char *end;

	if (!starts(lexer, "/*"))
		return 0;
	end = strstr(lexer->text + lexer->at, "*/");
	if (!end)
		return lexer_error(lexer, lexer->at, err, "unclosed comment");
	lexer->at = (size_t)(end - lexer->text) + 2;
	*ret_trim = is_space(at(lexer, 0)) && at(lexer, 1) == '-';
	lexer->at += *ret_trim ? 2 : 0;
	if (!starts(lexer, "}}"))
		return lexer_error(lexer, lexer->at, err, "comment ends before closing delimiter");
	lexer->at += 2;
	return 1;
}

static size_t word_length(const struct lexer *lexer, size_t offset)
{
	size_t length = 0;

	while (is_word(at(lexer, offset + length)))
		length++;
	return length;
}

/* What may follow a name: anything else would run into it. */
static int check_terminator(const struct lexer *lexer, struct error **err)
{
	char c = at(lexer, 0);
	long rune;

	if (!c || is_space(c) || strchr(".,|:=)(", c) || starts(lexer, "}}"))
		return 0;
	(void)quote_rune(lexer->text + lexer->at, lexer->length - lexer->at, &rune);
	return lexer_error(lexer, lexer->at, err, "bad character U+%04lX '%c'",
		rune < 0 ? 0xfffdUL : (unsigned long)rune, c);
}

/* A quoted text ends at its quote, which a backslash hides (not in a raw one). */
static int lex_quoted(struct lexer *lexer, char quote, struct error **err)
{
	const char *what = quote == '"'   ? "quoted string"
			   : quote == '`' ? "raw quoted string"
					  : "character constant";
	size_t i = 1;

	for (; at(lexer, i) && at(lexer, i) != quote; i++) {
		if (quote != '`' && at(lexer, i) == '\n')
			break;
		if (quote != '`' && at(lexer, i) == '\\' && at(lexer, i + 1) &&
			at(lexer, i + 1) != '\n')
			i++;
	}
	if (at(lexer, i) != quote)
		return lexer_error(lexer, lexer->at, err, "unterminated %s", what);
	lexer->at += i + 1;
	return 0;
}

static int lex_number(struct lexer *lexer, struct error **err)
{
	size_t start = lexer->at, length = 1;
	char last = at(lexer, 0);

	while (isalnum((unsigned char)at(lexer, length)) || at(lexer, length) == '.' ||
		at(lexer, length) == '_' ||
		((at(lexer, length) == '-' || at(lexer, length) == '+') &&
			(last == 'e' || last == 'E')))
		last = at(lexer, length++);
	lexer->at += length;
	if (is_word(at(lexer, 0)))
		return lexer_error(lexer, start, err, "bad number syntax: \"%.*s\"",
			(int)length + 1, lexer->text + start);
	return 0;
}

static bool lex_punctuation(struct lexer *lexer, struct token *token)
{
	static const struct {
		const char *text;
		enum token_type type;
	} marks[] = {
		{ ":=", TOKEN_DECLARE },
		{ "=", TOKEN_ASSIGN },
		{ "|", TOKEN_PIPE },
		{ ",", TOKEN_COMMA },
		{ "(", TOKEN_OPEN },
		{ ")", TOKEN_SHUT },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		if (starts(lexer, marks[i].text)) {
			token->type = marks[i].type;
			lexer->at += strlen(marks[i].text);
			return true;
		}
	}
	return false;
}

static int lex_name(struct lexer *lexer, struct token *token, struct error **err)
{
	char c = at(lexer, 0);
	bool marked = c == '.' || c == '$';

	token->type = c == '$'                    ? TOKEN_VARIABLE
		      : c != '.'                  ? TOKEN_WORD
		      : word_length(lexer, 1) > 0 ? TOKEN_FIELD
						  : TOKEN_DOT;
	lexer->at += (marked ? 1 : 0) + word_length(lexer, marked ? 1 : 0);
	return check_terminator(lexer, err);
}

static int lex_value(struct lexer *lexer, struct token *token, struct error **err)
{
	char c = at(lexer, 0);

	if (c == '"' || c == '`' || c == '\'') {
		token->type = c == '"' ? TOKEN_STRING : c == '`' ? TOKEN_RAW : TOKEN_CHAR;
		return lex_quoted(lexer, c, err);
	}
	if (isdigit((unsigned char)c) || c == '+' || c == '-' ||
		(c == '.' && isdigit((unsigned char)at(lexer, 1)))) {
		token->type = TOKEN_NUMBER;
		return lex_number(lexer, err);
	}
	if (c == '.' || c == '$' || is_word(c))
		return lex_name(lexer, token, err);
	if (c == ':')
		return lexer_error(lexer, lexer->at, err, "expected :=");
	if (c < ' ' || c == 0x7f)
		return lexer_error(lexer, lexer->at, err,
			"unrecognized character in action: U+%04X", (unsigned char)c);
	token->type = TOKEN_OTHER;
	lexer->at++;
	return 0;
}

int lexer_next(struct lexer *lexer, struct token *ret, struct error **err)
{
	struct token token = { 0 };
	size_t blank = lexer->at;

	while (is_space(at(lexer, 0)))
		lexer->at++;
	token.space = lexer->at > blank;
	token.trim = token.space && starts(lexer, "-}}");
	token.start = lexer->at;
	if (token.trim || starts(lexer, "}}")) {
		token.type = TOKEN_CLOSE;
		lexer->at += token.trim ? 3 : 2;
	} else if (lexer->at >= lexer->length) {
		return lexer_error(lexer, lexer->opened, err, "unclosed action");
	} else if (!lex_punctuation(lexer, &token)) {
		if (lex_value(lexer, &token, err) < 0)
			return -1;
	}
	token.end = lexer->at;
	*ret = token;
	return 0;
}

/* ---- values of tokens ---- */

static void put_rune(struct buf *out, unsigned long rune)
{
	if (rune < 0x80) {
		buf_putc(out, (char)rune);
	} else if (rune < 0x800) {
		buf_putc(out, (char)(0xc0 | rune >> 6));
		buf_putc(out, (char)(0x80 | (rune & 0x3f)));
	} else if (rune < 0x10000) {
		buf_putc(out, (char)(0xe0 | rune >> 12));
		buf_putc(out, (char)(0x80 | (rune >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (rune & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | rune >> 18));
		buf_putc(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (rune >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (rune & 0x3f)));
	}
}

/* \x41, \u00e9, \U0001f600, \101: digits of a base, exactly count of them. */
static bool read_digits(const char **text, int base, size_t count, unsigned long *ret)
{
	char digits[9] = { 0 };
	char *end;

	memcpy(digits, *text, strnlen(*text, count));
	*ret = strtoul(digits, &end, base);
	*text += count;
	return isxdigit((unsigned char)digits[0]) && end == digits + count;
}

/* Behind a backslash. */
static bool read_escape(const char **text, struct buf *out)
{
	static const char names[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
	const char *name = **text ? strchr(names, **text) : NULL;
	unsigned long value = 0;
	size_t digits;

	if (name) {
		(*text)++;
		buf_putc(out, values[name - names]);
		return true;
	}
	switch (**text) {
	case 'x':
		(*text)++;
		if (!read_digits(text, 16, 2, &value))
			return false;
		buf_putc(out, (char)value);
		return true;
	case 'u':
	case 'U':
		digits = **text == 'u' ? 4 : 8;
		(*text)++;
		if (!read_digits(text, 16, digits, &value) || value > 0x10ffff)
			return false;
		put_rune(out, value);
		return true;
	default:
		if (!read_digits(text, 8, 3, &value) || value > 255)
			return false;
		buf_putc(out, (char)value);
		return true;
	}
}

static bool unquote(const char *text, size_t length, struct buf *out)
{
	cleanup_free char *copy = xstrndup(text, length);
	const char *c = copy;

	while (*c) {
		if (*c != '\\')
			buf_putc(out, *c++);
		else if (c++, !read_escape(&c, out))
			return false;
	}
	return !out->failed;
}

/* 1_000_000 */
static void drop_underscores(char *text)
{
	char *out = text;

	for (; *text; text++)
		if (*text != '_')
			*out++ = *text;
	*out = '\0';
}

static struct json_object *number_value(const char *text)
{
	char *end;
	long long whole;
	double number;
	/* Go: 010 and 0o10 are octal, 0b1 binary; C knows all but the prefix letters. */
	const char *digits = text + strspn(text, "+-");
	int base = strncasecmp(digits, "0b", 2) == 0   ? 2
		   : strncasecmp(digits, "0o", 2) == 0 ? 8
						       : 0;

	errno = 0;
	whole = strtoll(base ? digits + 2 : text, &end, base);
	if (!*end && errno == 0 && end != text)
		return json_object_new_int64(base && *text == '-' ? -whole : whole);
	errno = 0;
	number = strtod(text, &end);
	return !*end && errno == 0 && end != text ? json_object_new_double(number) : NULL;
}

int lexer_value(const struct lexer *lexer, const struct token *token, struct json_object **ret,
	struct error **err)
{
	cleanup_free char *text = xstrndup(lexer->text + token->start, token->end - token->start);
	size_t length = strlen(text);
	cleanup_buf struct buf out = BUF_INIT(TEMPLATE_MAX + 1);
	long rune;

	if (token->type == TOKEN_NUMBER) {
		drop_underscores(text);
		*ret = number_value(text);
		return *ret ? 0
			    : lexer_error(
				      lexer, token->start, err, "bad number syntax: \"%s\"", text);
	}
	if (token->type == TOKEN_RAW) {
		*ret = value_text(text + 1, length - 2);
		return 0;
	}
	if (!unquote(text + 1, length - 2, &out))
		return lexer_error(lexer, token->start, err, "invalid syntax in %s", text);
	if (token->type == TOKEN_STRING) {
		*ret = value_text(buf_text(&out), out.length);
		return 0;
	}
	if (out.length == 0 || quote_rune(buf_text(&out), out.length, &rune) != out.length)
		return lexer_error(
			lexer, token->start, err, "malformed character constant: %s", text);
	*ret = json_object_new_int64(rune);
	return 0;
}

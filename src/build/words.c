/* SPDX-License-Identifier: Apache-2.0 */
#include "build/words.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/list.h"
#include "build/split.h"
#include "build/substitute.h"

#define DEPTH_MAX 64 /* of ${a:-${b:-…}} */

struct lexer {
	const struct lexicon *lexicon;
	const char *at;
	int depth;
	bool raw_escapes;
	struct list *words; /* NULL when nobody wants them */
	struct buf word; /* the one that is growing */
};

static int expand_until(struct lexer *lexer, char stop, struct buf *out, struct error **err);

/* ---- words ---- */

static void end_word(struct lexer *lexer)
{
	if (lexer->word.length > 0)
		list_take(lexer->words, xstrdup(buf_text(&lexer->word)));
	buf_clear(&lexer->word);
}

/* What was quoted or escaped is part of a word even when it is blank; words are only those of the
 * outermost level. */
static void put(struct lexer *lexer, struct buf *out, const char *text, size_t length, bool parts)
{
	buf_append(out, text, length);
	if (!lexer->words || lexer->depth > 0)
		return;
	for (size_t i = 0; i < length; i++)
		if (parts && is_blank(text[i]))
			end_word(lexer);
		else
			buf_putc(&lexer->word, text[i]);
}

/* ---- quotes ---- */

static int single_quote(struct lexer *lexer, struct buf *out, struct error **err)
{
	const char *end = strchr(lexer->at + 1, '\'');
	size_t raw = lexer->lexicon->raw_quotes ? 1 : 0;

	if (!end)
		return error_new(err, ERROR_INVALID, "a single quote is not closed");
	put(lexer, out, lexer->at + 1 - raw, (size_t)(end - lexer->at - 1) + 2 * raw, false);
	lexer->at = end + 1;
	return 0;
}

static int expand_dollar(struct lexer *lexer, struct buf *out, struct error **err);

/* An escape inside double quotes: it escapes only '"', '$' and itself. */
static void quoted_escape(struct lexer *lexer, struct buf *out)
{
	char next = lexer->at[1];
	bool special = next == '"' || next == '$' || next == lexer->lexicon->escape;

	if (!special || lexer->raw_escapes)
		buf_putc(out, *lexer->at);
	lexer->at++;
	if (special && next)
		buf_putc(out, *lexer->at++);
}

static int double_quote(struct lexer *lexer, struct buf *out, struct error **err)
{
	cleanup_buf struct buf quoted = BUF_INIT(out->ceiling);

	if (lexer->lexicon->raw_quotes)
		buf_putc(&quoted, '"');
	lexer->at++;
	while (*lexer->at != '"') {
		if (!*lexer->at)
			return error_new(err, ERROR_INVALID, "a double quote is not closed");
		if (*lexer->at == '$') {
			lexer->depth++; /* inside quotes nothing parts words */
			if (expand_dollar(lexer, &quoted, err) < 0)
				return -1;
			lexer->depth--;
		} else if (*lexer->at == lexer->lexicon->escape) {
			quoted_escape(lexer, &quoted);
		} else {
			buf_putc(&quoted, *lexer->at++);
		}
	}
	lexer->at++;
	if (lexer->lexicon->raw_quotes)
		buf_putc(&quoted, '"');
	if (buf_check(&quoted, "the expanded text", err) < 0)
		return -1;
	put(lexer, out, buf_text(&quoted), quoted.length, false);
	return 0;
}

/* ---- variables ---- */

static const char *value_of(const struct lexer *lexer, const char *name)
{
	return env_get(lexer->lexicon->env, name);
}

/* A name, a positional number or one special character; may be empty. */
static char *read_name(struct lexer *lexer)
{
	const char *start = lexer->at;

	if (isdigit((unsigned char)*lexer->at))
		while (isdigit((unsigned char)*lexer->at))
			lexer->at++;
	else if (*lexer->at && strchr("@*#?-$!", *lexer->at))
		lexer->at++;
	else
		while (isalnum((unsigned char)*lexer->at) || *lexer->at == '_')
			lexer->at++;
	return xstrndup(start, (size_t)(lexer->at - start));
}

/* The text up to stop, expanded, one level deeper. */
static int expand_inner(
	struct lexer *lexer, char stop, bool raw_escapes, char **ret, struct error **err)
{
	size_t max = lexer->lexicon->max ? lexer->lexicon->max : WORD_MAX;
	cleanup_buf struct buf inner = BUF_INIT(max + 1);
	bool outer_raw = lexer->raw_escapes;

	if (lexer->depth >= DEPTH_MAX)
		return error_new(err, ERROR_INVALID, "${…} is nested more than %d deep", DEPTH_MAX);
	lexer->raw_escapes = raw_escapes;
	lexer->depth++;
	if (expand_until(lexer, stop, &inner, err) < 0)
		return -1;
	lexer->depth--;
	lexer->raw_escapes = outer_raw;
	if (buf_check(&inner, "the expanded text", err) < 0)
		return -1;
	*ret = buf_take(&inner);
	return 0;
}

/* One ${name…}: what stands between the braces. */
struct braces {
	char *name;
	const char *value; /* NULL when unset */
	bool colon; /* an empty value counts as unset */
	char op; /* of "-+?#%/" */
	struct buf *out;
};

static int demand(const struct braces *braces, const char *message, struct error **err)
{
	bool empty = braces->value && !*braces->value;

	if (braces->value && !(braces->colon && empty)) {
		buf_puts(braces->out, braces->value);
		return 0;
	}
	if (*message)
		return error_new(err, ERROR_INVALID, "%.200s: %.500s", braces->name, message);
	return error_new(err, ERROR_INVALID, "%.200s must not be %s", braces->name,
		empty ? "empty" : "unset");
}

/* ${v#p} and ${v%p}; a doubled operator means the longest match. */
static int strip(const struct braces *braces, const char *word, struct error **err)
{
	bool longest = *word == braces->op;
	struct strip how = { .suffix = braces->op == '%', .longest = longest };

	return substitute_strip(braces->value ? braces->value : "", word + (longest ? 1 : 0), how,
		braces->out, err);
}

/* ${v-w}, ${v+w}, ${v?w}, ${v#p}, ${v%p}, after the operator. */
static int expand_modifier(struct lexer *lexer, const struct braces *braces, struct error **err)
{
	bool strips = braces->op == '#' || braces->op == '%';
	bool has = braces->value && !(braces->colon && !*braces->value);
	cleanup_free char *word = NULL;

	if (expand_inner(lexer, '}', strips || lexer->raw_escapes, &word, err) < 0 || !word)
		return -1;
	if (!braces->value && lexer->lexicon->keep_unset)
		buf_printf(braces->out, "${%s%s%c%s}", braces->name, braces->colon ? ":" : "",
			braces->op, word);
	else if (braces->op == '?')
		return demand(braces, word, err);
	else if (strips)
		return strip(braces, word, err);
	else if (braces->op == '-')
		buf_puts(braces->out, has ? braces->value : word);
	else if (has)
		buf_puts(braces->out, word);
	return 0;
}

/* ${v/p/r} and ${v//p/r}, after the first slash. */
static int expand_replacement(struct lexer *lexer, const struct braces *braces, struct error **err)
{
	cleanup_free char *pattern = NULL, *replacement = NULL;
	bool all = *lexer->at == '/';

	lexer->at += all ? 1 : 0;
	if (expand_inner(lexer, '/', true, &pattern, err) < 0 ||
		expand_inner(lexer, '}', true, &replacement, err) < 0 || !pattern || !replacement)
		return -1;
	if (!braces->value && lexer->lexicon->keep_unset) {
		buf_printf(braces->out, "${%s/%s%s/%s}", braces->name, all ? "/" : "", pattern,
			replacement);
		return 0;
	}
	return substitute_replace(
		braces->value ? braces->value : "", pattern, replacement, all, braces->out, err);
}

static int expand_braces(struct lexer *lexer, struct buf *out, struct error **err)
{
	cleanup_free char *name = NULL;
	struct braces braces = { .out = out };

	if (*lexer->at && strchr("{}:", *lexer->at))
		return error_new(err, ERROR_INVALID, "${%c: a name is missing", *lexer->at);
	name = braces.name = read_name(lexer);
	braces.value = value_of(lexer, name);
	if (*lexer->at == '}') {
		lexer->at++;
		if (braces.value)
			buf_puts(out, braces.value);
		else if (lexer->lexicon->keep_unset)
			buf_printf(out, "${%s}", name);
		return 0;
	}
	if (*lexer->at == ':') {
		braces.colon = true;
		lexer->at++;
	}
	if (!*lexer->at)
		return error_new(err, ERROR_INVALID, "${%.200s: the closing '}' is missing", name);
	braces.op = *lexer->at++;
	if (braces.op == '/' && !braces.colon)
		return expand_replacement(lexer, &braces, err);
	if (!strchr(braces.colon ? "-+?" : "-+?#%", braces.op))
		return error_new(err, ERROR_INVALID, "${%.200s%s%c is not a known substitution",
			name, braces.colon ? ":" : "", braces.op);
	return expand_modifier(lexer, &braces, err);
}

static int expand_dollar(struct lexer *lexer, struct buf *out, struct error **err)
{
	cleanup_buf struct buf found = BUF_INIT(out->ceiling);
	cleanup_free char *name = NULL;
	const char *value;

	lexer->at++;
	if (*lexer->at == '{') {
		lexer->at++;
		if (expand_braces(lexer, &found, err) < 0)
			return -1;
	} else {
		name = read_name(lexer);
		value = *name ? value_of(lexer, name) : NULL;
		if (value)
			buf_puts(&found, value);
		else if (!*name || lexer->lexicon->keep_unset)
			buf_printf(&found, "$%s", name);
	}
	if (buf_check(&found, "the expanded text", err) < 0)
		return -1;
	put(lexer, out, buf_text(&found), found.length, true);
	return 0;
}

/* ---- the rest ---- */

/* "<<" and blanks after it stay together with the word that follows: a heredoc. */
static void expand_heredoc(struct lexer *lexer, struct buf *out)
{
	size_t length = 1;

	if (lexer->at[1] == '<')
		length = 2 + strspn(lexer->at + 2, " \t\r");
	put(lexer, out, lexer->at, length, false);
	lexer->at += length;
}

static void expand_escape(struct lexer *lexer, struct buf *out)
{
	if (lexer->raw_escapes)
		put(lexer, out, lexer->at, 1, false);
	lexer->at++;
	if (*lexer->at)
		put(lexer, out, lexer->at++, 1, false);
}

static int expand_next(struct lexer *lexer, struct buf *out, struct error **err)
{
	char c = *lexer->at;

	if (c == '$')
		return expand_dollar(lexer, out, err);
	if (c == '\'' && !lexer->lexicon->plain_quotes)
		return single_quote(lexer, out, err);
	if (c == '"' && !lexer->lexicon->plain_quotes)
		return double_quote(lexer, out, err);
	if (c == '<')
		expand_heredoc(lexer, out);
	else if (c == lexer->lexicon->escape)
		expand_escape(lexer, out);
	else
		put(lexer, out, lexer->at++, 1, true);
	return 0;
}

/* Up to the character stop, which is taken too; up to the end when stop is NUL. */
static int expand_until(struct lexer *lexer, char stop, struct buf *out, struct error **err)
{
	while (*lexer->at && *lexer->at != stop) {
		if (expand_next(lexer, out, err) < 0)
			return -1;
		if (out->failed)
			return buf_check(out, "the expanded text", err);
	}
	if (!stop)
		return 0;
	if (!*lexer->at)
		return error_new(err, ERROR_INVALID, "${…: the closing '%c' is missing", stop);
	lexer->at++;
	return 0;
}

static int expand(const struct lexicon *lexicon, const char *text, char **ret, struct list *words,
	struct error **err)
{
	size_t max = lexicon->max ? lexicon->max : WORD_MAX;
	cleanup_buf struct buf out = BUF_INIT(max + 1);
	struct lexer lexer = { .lexicon = lexicon,
		.at = text,
		.raw_escapes = lexicon->raw_escapes,
		.words = words,
		.word = BUF_INIT(max + 1) };
	int failed = expand_until(&lexer, '\0', &out, err);

	if (failed == 0 && words)
		end_word(&lexer);
	buf_done(&lexer.word);
	if (failed < 0)
		return error_wrap(err, "cannot expand '%.200s'", text);
	*ret = buf_take(&out);
	return 0;
}

int words_expand(const struct lexicon *lexicon, const char *text, char **ret, struct error **err)
{
	return expand(lexicon, text, ret, NULL, err);
}

int words_split(const struct lexicon *lexicon, const char *text, strv *ret, struct error **err)
{
	cleanup_free char *whole = NULL;
	cleanup_list struct list words = { .items = NULL };

	if (expand(lexicon, text, &whole, &words, err) < 0)
		return -1;
	*ret = take_ptr(words.items);
	return 0;
}

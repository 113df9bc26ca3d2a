/* SPDX-License-Identifier: Apache-2.0 */
/* Flags by a command's table; see command.h. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci-runtime/command.h"

struct parser {
	const struct command *command;
	struct parsed *out;
	char *const *next; /* words not looked at yet */
};

static int set_bool(const char *text, void *field, struct error **err)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False", NULL };

	if (!strv_contains((char *const *)yes, text) && !strv_contains((char *const *)no, text))
		return error_new(err, ERROR_INVALID, "'%s' is neither true nor false", text);
	*(bool *)field = strv_contains((char *const *)yes, text);
	return 0;
}

static int set_int(const char *text, void *field, struct error **err)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return error_new(err, ERROR_INVALID, "'%s' is not a number", text);
	*(int64_t *)field = value;
	return 0;
}

static int set_flag(
	struct parser *parser, const struct flag *flag, const char *text, struct error **err)
{
	void *field = (char *)parser->out->opts + flag->offset;
	int result = 0;

	switch (flag->type) {
	case FLAG_BOOL:
		result = set_bool(text, field, err);
		break;
	case FLAG_INT:
		result = set_int(text, field, err);
		break;
	case FLAG_TEXT:
		*(const char **)field = text;
		break;
	case FLAG_LIST:
		strv_append((strv *)field, text);
		break;
	}
	return result < 0 ? error_wrap(err, "--%s", flag->name) : 0;
}

static const struct flag *find_name(const struct command *command, const char *name, size_t length)
{
	for (const struct flag *flag = command->flags; flag && flag->name; flag++)
		if (strncmp(flag->name, name, length) == 0 && flag->name[length] == '\0')
			return flag;
	return NULL;
}

static const struct flag *find_letter(const struct command *command, char letter)
{
	for (const struct flag *flag = command->flags; flag && flag->name; flag++)
		if (flag->letter == letter)
			return flag;
	return NULL;
}

static bool asks_for_help(const char *name, size_t length)
{
	return (length == 4 && strncmp(name, "help", 4) == 0) || (length == 1 && *name == 'h') ||
	       (length == 1 && *name == '?');
}

/* 1 when the word was a flag by its name, 0 when there is none of it. */
static int parse_name(struct parser *parser, const char *name, struct error **err)
{
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct flag *flag = find_name(parser->command, name, length);

	if (!flag && asks_for_help(name, length)) {
		parser->out->help = true;
		return 1;
	}
	if (!flag)
		return 0;
	if (equals)
		return set_flag(parser, flag, equals + 1, err) < 0 ? -1 : 1;
	if (flag->type == FLAG_BOOL)
		return set_flag(parser, flag, "true", err) < 0 ? -1 : 1;
	if (!*parser->next)
		return error_new(err, ERROR_INVALID, "flag needs an argument: --%s", name);
	return set_flag(parser, flag, *parser->next++, err) < 0 ? -1 : 1;
}

/* The rest of its word is the letter's value, or the next word. */
static int parse_value(
	struct parser *parser, const struct flag *flag, const char *rest, struct error **err)
{
	if (*rest == '=')
		rest++;
	if (!*rest && !*parser->next)
		return error_new(err, ERROR_INVALID, "flag needs an argument: -%c", flag->letter);
	return set_flag(parser, flag, *rest ? rest : *parser->next++, err);
}

/* "-dt", "-p3", "-p 3", "-p=3". */
static int parse_letters(struct parser *parser, const char *word, struct error **err)
{
	for (const char *at = word + 1; *at; at++) {
		const struct flag *flag = find_letter(parser->command, *at);

		if (!flag)
			return error_new(err, ERROR_INVALID,
				"flag provided but not defined: '%c' in %s", *at, word);
		if (flag->type != FLAG_BOOL || at[1] == '=')
			return parse_value(parser, flag, at + 1, err);
		if (set_flag(parser, flag, "true", err) < 0)
			return -1;
	}
	return 0;
}

static int parse_flag(struct parser *parser, const char *word, struct error **err)
{
	bool is_long = word[1] == '-';
	int found = parse_name(parser, word + 1 + is_long, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (is_long)
		return error_new(err, ERROR_INVALID, "flag provided but not defined: %s", word);
	return parse_letters(parser, word, err);
}

static void keep_args(struct parser *parser, char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		parser->out->args[parser->out->arg_count++] = words[i];
}

static int parse_words(struct parser *parser, struct error **err)
{
	while (*parser->next && !parser->out->help) {
		char *const *word = parser->next++;

		if (strcmp(*word, "--") == 0) {
			keep_args(parser, parser->next, strv_length(parser->next));
			return 0;
		}
		if ((*word)[0] == '-' && (*word)[1]) {
			if (parse_flag(parser, *word, err) < 0)
				return -1;
			continue;
		}
		if (parser->command->options_first) {
			keep_args(parser, word, strv_length(word));
			return 0;
		}
		keep_args(parser, word, 1);
	}
	return 0;
}

static int check_count(const struct command *command, int count, struct error **err)
{
	bool too_few = count < command->min_args;
	int limit = too_few ? command->min_args : command->max_args;
	const char *how = too_few ? "at least " : "at most ";

	if (!too_few && (command->max_args < 0 || count <= command->max_args))
		return 0;
	if (command->min_args == command->max_args)
		how = "exactly ";
	return error_new(err, ERROR_INVALID, "%s takes %s%d argument%s: %s", command->name, how,
		limit, limit == 1 ? "" : "s", command->args);
}

int command_parse(
	const struct command *command, char *const *words, struct parsed *ret, struct error **err)
{
	struct parsed out = { 0 };
	struct parser parser = { .command = command, .out = &out, .next = words };

	out.opts = xcalloc(1, command->opts_size ? command->opts_size : 1);
	out.args = xcalloc(strv_length(words) + 1, sizeof(char *));
	if (parse_words(&parser, err) < 0)
		goto failed;
	if (!out.help && check_count(command, (int)out.arg_count, err) < 0)
		goto failed;
	*ret = out;
	return 0;
failed:
	command_parsed_done(command, &out);
	return -1;
}

void command_parsed_done(const struct command *command, struct parsed *parsed)
{
	for (const struct flag *flag = command->flags; flag && flag->name && parsed->opts; flag++) {
		strv *list = (strv *)((char *)parsed->opts + flag->offset);

		if (flag->type == FLAG_LIST) {
			strv_free(*list);
			*list = NULL; /* another name of it shares the field */
		}
	}
	free(parsed->opts);
	free(parsed->args);
	*parsed = (struct parsed){ 0 };
}

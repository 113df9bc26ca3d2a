/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parse.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

struct parser {
	const struct cli_command *command;
	struct cli_parsed *out;
	char *const *next; /* words not looked at yet */
};

static int set_bool(const char *text, void *field, struct error **err)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False", NULL };

	if (strv_contains((char *const *)yes, text))
		*(bool *)field = true;
	else if (strv_contains((char *const *)no, text))
		*(bool *)field = false;
	else
		return error_new(err, ERROR_INVALID,
			"strconv.ParseBool: parsing \"%s\": invalid syntax", text);
	return 0;
}

static int set_int(const char *text, void *field, struct error **err)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 0);
	if (end == text || *end || text[0] == ' ' || text[0] == '\t')
		return error_new(err, ERROR_INVALID,
			"strconv.ParseInt: parsing \"%s\": invalid syntax", text);
	if (errno == ERANGE)
		return error_new(err, ERROR_INVALID,
			"strconv.ParseInt: parsing \"%s\": value out of range", text);
	*(int64_t *)field = value;
	return 0;
}

static int set_text(const char *text, void *field, struct error **err)
{
	(void)err;
	*(const char **)field = text;
	return 0;
}

static int set_list(const char *text, void *field, struct error **err)
{
	(void)err;
	strv_append((strv *)field, text);
	return 0;
}

static int set_size(const char *text, void *field, struct error **err)
{
	cleanup_error struct error *why = NULL;

	if (size_parse(text, field, &why) < 0)
		return error_new(err, ERROR_INVALID, "invalid size: '%s'", text);
	return 0;
}

static int set_swap(const char *text, void *field, struct error **err)
{
	if (strcmp(text, "-1") == 0) {
		*(int64_t *)field = -1;
		return 0;
	}
	return set_size(text, field, err);
}

static int set_cpus(const char *text, void *field, struct error **err)
{
	return decimal_parse(text, field, err);
}

static int set_duration(const char *text, void *field, struct error **err)
{
	return duration_parse(text, field, err);
}

static int (*const setters[])(const char *text, void *field, struct error **err) = {
	[CLI_BOOL] = set_bool,
	[CLI_INT] = set_int,
	[CLI_STRING] = set_text,
	[CLI_LIST] = set_list,
	[CLI_SIZE] = set_size,
	[CLI_SWAP] = set_swap,
	[CLI_CPUS] = set_cpus,
	[CLI_DURATION] = set_duration,
};
_Static_assert(sizeof(setters) / sizeof(*setters) == CLI_DURATION + 1, "one setter for each type");

static int set_flag(
	struct parser *parser, const struct cli_flag *flag, const char *text, struct error **err)
{
	void *field = (char *)parser->out->opts + flag->offset;

	if (setters[flag->type](text, field, err) == 0)
		return 0;
	if (flag->short_name)
		return error_wrap(err, "invalid argument \"%s\" for \"-%c, --%s\" flag", text,
			flag->short_name, flag->name);
	return error_wrap(err, "invalid argument \"%s\" for \"--%s\" flag", text, flag->name);
}

static const struct cli_flag *find_long(
	const struct cli_command *command, const char *name, size_t length)
{
	for (const struct cli_flag *flag = command->flags; flag && flag->name; flag++)
		if (strncmp(flag->name, name, length) == 0 && flag->name[length] == '\0')
			return flag;
	return NULL;
}

static const struct cli_flag *find_short(const struct cli_command *command, char name)
{
	for (const struct cli_flag *flag = command->flags; flag && flag->name; flag++)
		if (flag->short_name == name)
			return flag;
	return NULL;
}

static int parse_long(struct parser *parser, const char *word, struct error **err)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct cli_flag *flag = find_long(parser->command, name, length);

	if (length == 0 || name[0] == '-')
		return error_new(err, ERROR_INVALID, "bad flag syntax: %s", word);
	if (!flag && length == 4 && strncmp(name, "help", 4) == 0) {
		parser->out->help = true;
		return 0;
	}
	if (!flag)
		return error_new(err, ERROR_INVALID, "unknown flag: --%.*s", (int)length, name);
	if (equals)
		return set_flag(parser, flag, equals + 1, err);
	if (flag->type == CLI_BOOL)
		return set_flag(parser, flag, "true", err);
	if (!*parser->next)
		return error_new(err, ERROR_INVALID, "flag needs an argument: --%s", name);
	return set_flag(parser, flag, *parser->next++, err);
}

/* "-it", "-m512m", "-m=512m", "-d=false": letters is what is left of the word. Returns how many
 * letters it used. */
static ssize_t parse_short(struct parser *parser, const char *letters, struct error **err)
{
	const struct cli_flag *flag = find_short(parser->command, letters[0]);
	int result;

	if (!flag && letters[0] == 'h') {
		parser->out->help = true;
		return 1;
	}
	if (!flag)
		return error_new(err, ERROR_INVALID, "unknown shorthand flag: '%c' in -%s",
			letters[0], letters);
	if (letters[1] == '=' && letters[2]) {
		result = set_flag(parser, flag, letters + 2, err);
	} else if (flag->type == CLI_BOOL) {
		return set_flag(parser, flag, "true", err) < 0 ? -1 : 1;
	} else if (letters[1]) {
		result = set_flag(parser, flag, letters + 1, err);
	} else if (*parser->next) {
		result = set_flag(parser, flag, *parser->next++, err);
	} else {
		return error_new(err, ERROR_INVALID, "flag needs an argument: '%c' in -%s",
			letters[0], letters);
	}
	return result < 0 ? -1 : (ssize_t)strlen(letters);
}

static int parse_shorts(struct parser *parser, const char *word, struct error **err)
{
	for (const char *letters = word + 1; *letters && !parser->out->help;) {
		ssize_t used = parse_short(parser, letters, err);

		if (used < 0)
			return -1;
		letters += used;
	}
	return 0;
}

static void keep_args(struct parser *parser, char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		parser->out->args[parser->out->arg_count++] = words[i];
}

static bool is_flag(const char *word)
{
	return word[0] == '-' && word[1]; /* "-" alone is stdin, an argument */
}

static int parse_flag(struct parser *parser, const char *word, struct error **err)
{
	return word[1] == '-' ? parse_long(parser, word, err) : parse_shorts(parser, word, err);
}

static int parse_words(struct parser *parser, struct error **err)
{
	while (*parser->next && !parser->out->help) {
		char *const *word = parser->next++;

		if (strcmp(*word, "--") == 0) {
			keep_args(parser, parser->next, strv_length(parser->next));
			return 0;
		}
		if (is_flag(*word)) {
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

int cli_parse(const struct cli_command *command, char *const *words, struct cli_parsed *ret,
	struct error **err)
{
	struct cli_parsed out = { 0 };
	struct parser parser = { .command = command, .out = &out, .next = words };

	out.opts = xcalloc(1, command->opts_size);
	out.args = xcalloc(strv_length(words) + 1, sizeof(char *));
	if (command->defaults)
		memcpy(out.opts, command->defaults, command->opts_size);
	if (parse_words(&parser, err) < 0) {
		cli_parsed_done(command, &out);
		return -1;
	}
	*ret = out;
	return 0;
}

int cli_check_args(
	const struct cli_command *command, const char *path, size_t count, struct error **err)
{
	int min = command->min_args, max = command->max_args;
	const char *plural = (max < 0 || count < (size_t)min ? min : max) == 1 ? "" : "s";

	if (count >= (size_t)min && (max < 0 || count <= (size_t)max))
		return 0;
	if (max == 0)
		return error_new(err, ERROR_INVALID, "\"%s\" accepts no arguments.", path);
	if (min == max)
		return error_new(err, ERROR_INVALID, "\"%s\" requires exactly %d argument%s.", path,
			min, plural);
	if (count < (size_t)min)
		return error_new(err, ERROR_INVALID, "\"%s\" requires at least %d argument%s.",
			path, min, plural);
	return error_new(
		err, ERROR_INVALID, "\"%s\" requires at most %d argument%s.", path, max, plural);
}

void cli_parsed_done(const struct cli_command *command, struct cli_parsed *parsed)
{
	for (const struct cli_flag *flag = command->flags; flag && flag->name && parsed->opts;
		flag++) {
		strv *list = (strv *)((char *)parsed->opts + flag->offset);

		if (flag->type == CLI_LIST) {
			strv_free(*list);
			*list = NULL; /* a hidden alias shares the field */
		}
	}
	free(parsed->opts);
	free(parsed->args);
	*parsed = (struct cli_parsed){ 0 };
}

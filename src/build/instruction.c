/* SPDX-License-Identifier: Apache-2.0 */
#include "build/instruction.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/health.h"
#include "build/list.h"
#include "build/split.h"
#include "build/suggest.h"

enum form {
	FORM_LINE, /* the rest of the line is one argument */
	FORM_WORDS, /* parted at blanks */
	FORM_JSON_OR_WORDS,
	FORM_COMMAND, /* JSON, else one line for the shell */
	FORM_PAIRS, /* key=value…, or the old "key value" */
	FORM_QUOTED, /* words that may have quotes */
	FORM_HEALTH, /* a type, then a command */
	FORM_TRIGGER, /* an instruction */
};

enum flag_type { FLAG_TEXT, FLAG_LIST, FLAG_SWITCH };

struct flag_rule {
	const char *name;
	enum flag_type type;
};

static const struct flag_rule add_flags[] = { { "chown", FLAG_TEXT }, { "chmod", FLAG_TEXT },
	{ "link", FLAG_SWITCH }, { "keep-git-dir", FLAG_SWITCH }, { "checksum", FLAG_TEXT },
	{ "unpack", FLAG_SWITCH }, { "exclude", FLAG_LIST }, { NULL, FLAG_TEXT } };
static const struct flag_rule copy_flags[] = { { "chown", FLAG_TEXT }, { "chmod", FLAG_TEXT },
	{ "from", FLAG_TEXT }, { "link", FLAG_SWITCH }, { "parents", FLAG_SWITCH },
	{ "exclude", FLAG_LIST }, { NULL, FLAG_TEXT } };
static const struct flag_rule from_flags[] = { { "platform", FLAG_TEXT }, { NULL, FLAG_TEXT } };
static const struct flag_rule health_flags[] = { { "interval", FLAG_TEXT },
	{ "timeout", FLAG_TEXT }, { "start-period", FLAG_TEXT }, { "start-interval", FLAG_TEXT },
	{ "retries", FLAG_TEXT }, { NULL, FLAG_TEXT } };
static const struct flag_rule run_flags[] = { { "mount", FLAG_LIST }, { "network", FLAG_TEXT },
	{ "security", FLAG_TEXT }, { "device", FLAG_LIST }, { NULL, FLAG_TEXT } };
static const struct flag_rule no_flags[] = { { NULL, FLAG_TEXT } };

static const struct rule {
	const char *name;
	size_t min_args, max_args;
	const char *wants; /* for the error when there are fewer or more */
	const struct flag_rule *flags;
	enum form form;
	bool heredocs;
} rules[] = {
#define MANY SIZE_MAX
	[INSTRUCTION_ADD] = { "ADD", 2, MANY, "at least one source and a destination", add_flags,
		FORM_JSON_OR_WORDS, true },
	[INSTRUCTION_ARG] = { "ARG", 1, MANY, "a name", no_flags, FORM_QUOTED, false },
	[INSTRUCTION_CMD] = { "CMD", 0, MANY, "a command", no_flags, FORM_COMMAND, false },
	[INSTRUCTION_COPY] = { "COPY", 2, MANY, "at least one source and a destination", copy_flags,
		FORM_JSON_OR_WORDS, true },
	[INSTRUCTION_ENTRYPOINT] = { "ENTRYPOINT", 0, MANY, "a command", no_flags, FORM_COMMAND,
		false },
	[INSTRUCTION_ENV] = { "ENV", 2, MANY, "name=value", no_flags, FORM_PAIRS, false },
	[INSTRUCTION_EXPOSE] = { "EXPOSE", 1, MANY, "a port", no_flags, FORM_WORDS, false },
	[INSTRUCTION_FROM] = { "FROM", 1, 3, "IMAGE or IMAGE AS NAME", from_flags, FORM_WORDS,
		false },
	[INSTRUCTION_HEALTHCHECK] = { "HEALTHCHECK", 1, MANY, "NONE or CMD", health_flags,
		FORM_HEALTH, false },
	[INSTRUCTION_LABEL] = { "LABEL", 2, MANY, "name=value", no_flags, FORM_PAIRS, false },
	[INSTRUCTION_MAINTAINER] = { "MAINTAINER", 1, 1, "a name", no_flags, FORM_LINE, false },
	[INSTRUCTION_ONBUILD] = { "ONBUILD", 1, 1, "an instruction", no_flags, FORM_TRIGGER,
		false },
	[INSTRUCTION_RUN] = { "RUN", 1, MANY, "a command", run_flags, FORM_COMMAND, true },
	[INSTRUCTION_SHELL] = { "SHELL", 1, MANY, "a JSON array of strings", no_flags, FORM_COMMAND,
		false },
	[INSTRUCTION_STOPSIGNAL] = { "STOPSIGNAL", 1, 1, "a signal", no_flags, FORM_LINE, false },
	[INSTRUCTION_USER] = { "USER", 1, 1, "a user", no_flags, FORM_LINE, false },
	[INSTRUCTION_VOLUME] = { "VOLUME", 1, MANY, "a path", no_flags, FORM_JSON_OR_WORDS, false },
	[INSTRUCTION_WORKDIR] = { "WORKDIR", 1, 1, "a path", no_flags, FORM_LINE, false },
#undef MANY
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == INSTRUCTION_KIND_MAX_, "a rule for each kind");

const char *instruction_name(enum instruction_kind kind)
{
	return rules[kind].name;
}

static int find_kind(const char *word, enum instruction_kind *ret, struct error **err)
{
	const char *names[INSTRUCTION_KIND_MAX_ + 1] = { NULL };
	const char *near;

	for (int i = 0; i < INSTRUCTION_KIND_MAX_; i++) {
		names[i] = rules[i].name;
		if (strcasecmp(word, rules[i].name) == 0) {
			*ret = (enum instruction_kind)i;
			return 0;
		}
	}
	near = suggest(word, names);
	if (near)
		return error_new(err, ERROR_INVALID,
			"unknown instruction: %.40s (did you mean %s?)", word, near);
	return error_new(err, ERROR_INVALID, "unknown instruction: %.40s", word);
}

/* "ENV key value with blanks": the value is the rest of the line, as it is. */
static int parse_old_pair(const char *rest, const char *name, strv *ret, struct error **err)
{
	const char *end = rest;

	while (*end && !is_blank(*end))
		end++;
	if (!*end)
		return error_new(
			err, ERROR_INVALID, "%s needs name=value: '%.200s' has no '='", name, rest);
	strv_take(ret, xstrndup(rest, (size_t)(end - rest)));
	strv_append(ret, skip_blanks(end));
	return 0;
}

static int parse_pairs(
	const char *rest, char escape, const char *name, strv *ret, struct error **err)
{
	cleanup_strv strv words = split_quoted(rest, escape);
	cleanup_list struct list pairs = { .items = NULL };

	if (words && !strchr(words[0], '='))
		return parse_old_pair(rest, name, ret, err);
	for (size_t i = 0; words && words[i]; i++) {
		const char *equals = strchr(words[i], '=');

		if (!equals)
			return error_new(err, ERROR_INVALID,
				"%s needs name=value: '%.200s' has no '='", name, words[i]);
		if (equals == words[i])
			return error_new(err, ERROR_INVALID,
				"%s: a name is missing before '%.200s'", name, words[i]);
		list_take(&pairs, xstrndup(words[i], (size_t)(equals - words[i])));
		list_take(&pairs, xstrdup(equals + 1));
	}
	*ret = take_ptr(pairs.items);
	return 0;
}

/* JSON when it is, else by_line: the whole line, or words. */
static int parse_json_or(
	const char *rest, bool by_line, struct instruction *instruction, struct error **err)
{
	int json = split_json(rest, &instruction->args, err);

	if (json < 0)
		return -1;
	instruction->json = json > 0;
	if (json > 0 || !*rest)
		return 0;
	if (by_line)
		strv_append(&instruction->args, rest);
	else
		instruction->args = split_plain(rest);
	return 0;
}

static int parse_health(const char *rest, struct instruction *instruction, struct error **err)
{
	cleanup_strv strv command = NULL;
	const char *end = rest;
	struct instruction part = { .json = false };

	while (*end && !is_blank(*end))
		end++;
	if (end == rest)
		return 0;
	if (parse_json_or(skip_blanks(end), true, &part, err) < 0)
		return -1;
	command = part.args;
	strv_take(&instruction->args, xstrndup(rest, (size_t)(end - rest)));
	strv_concat(&instruction->args, command);
	instruction->json = part.json;
	return 0;
}

static int parse_trigger(
	const char *rest, char escape, struct instruction *instruction, struct error **err)
{
	struct instruction *trigger;

	if (!*rest)
		return 0;
	if (strncasecmp(rest, "ONBUILD", 7) == 0 && (!rest[7] || is_blank(rest[7])))
		return error_new(err, ERROR_INVALID, "ONBUILD cannot trigger ONBUILD");
	trigger = xcalloc(1, sizeof(*trigger));
	instruction->trigger = trigger;
	if (instruction_parse(rest, escape, trigger, err) < 0)
		return -1;
	if (trigger->kind == INSTRUCTION_FROM || trigger->kind == INSTRUCTION_MAINTAINER)
		return error_new(
			err, ERROR_INVALID, "ONBUILD cannot trigger %s", rules[trigger->kind].name);
	strv_append(&instruction->args, rest);
	return 0;
}

static int parse_args(
	const char *rest, char escape, struct instruction *instruction, struct error **err)
{
	const struct rule *rule = &rules[instruction->kind];

	switch (rule->form) {
	case FORM_LINE:
		if (*rest)
			strv_append(&instruction->args, rest);
		return 0;
	case FORM_WORDS:
		instruction->args = split_plain(rest);
		return 0;
	case FORM_QUOTED:
		instruction->args = split_quoted(rest, escape);
		return 0;
	case FORM_JSON_OR_WORDS:
	case FORM_COMMAND:
		return parse_json_or(rest, rule->form == FORM_COMMAND, instruction, err);
	case FORM_PAIRS:
		return parse_pairs(rest, escape, rule->name, &instruction->args, err);
	case FORM_HEALTH:
		return parse_health(rest, instruction, err);
	case FORM_TRIGGER:
		return parse_trigger(rest, escape, instruction, err);
	}
	return 0;
}

int instruction_parse(const char *text, char escape, struct instruction *ret, struct error **err)
{
	cleanup_instruction struct instruction made = { .text = trimmed(text) };
	const char *end = made.text;
	cleanup_free char *word = NULL, *rest = NULL;

	while (*end && !is_blank(*end))
		end++;
	word = xstrndup(made.text, (size_t)(end - made.text));
	if (find_kind(word, &made.kind, err) < 0)
		return -1;
	rest = trimmed(split_flags(end, escape, &made.flags));
	if (parse_args(rest, escape, &made, err) < 0)
		return -1;
	*ret = made;
	made = (struct instruction){ .text = NULL };
	return 0;
}

/* ---- checks ---- */

static int check_value(const char *text, const char *value, enum flag_type type, struct error **err)
{
	if (type != FLAG_SWITCH)
		return value ? 0 : error_new(err, ERROR_INVALID, "%s needs a value", text);
	if (!value || strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0)
		return 0;
	return error_new(err, ERROR_INVALID, "%.200s: the value must be true or false", text);
}

static const struct flag_rule *find_flag(
	const struct rule *rule, const char *name, struct error **err)
{
	const char *names[16] = { NULL }, *near;
	size_t n = 0;

	for (const struct flag_rule *flag = rule->flags; flag->name; flag++) {
		names[n++] = flag->name;
		if (strcmp(flag->name, name) == 0)
			return flag;
	}
	near = suggest(name, names);
	if (near)
		error_new(err, ERROR_INVALID, "%s has no flag --%.40s (did you mean --%s?)",
			rule->name, name, near);
	else
		error_new(err, ERROR_INVALID, "%s has no flag --%.40s", rule->name, name);
	return NULL;
}

/* Is one of the first count flags named so (length bytes, with the dashes)? */
static bool is_given(char *const *flags, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(flags[i], name, length) == 0 &&
			(!flags[i][length] || flags[i][length] == '='))
			return true;
	return false;
}

static int check_flag(const struct rule *rule, char *const *flags, size_t i, struct error **err)
{
	size_t length = strcspn(flags[i], "=");
	const char *value = flags[i][length] ? flags[i] + length + 1 : NULL;
	cleanup_free char *name = NULL;
	const struct flag_rule *flag;

	if (length < 2) /* "--=x" has two; a flag always starts with them */
		return error_new(err, ERROR_INVALID, "not a flag: %.200s", flags[i]);
	name = xstrndup(flags[i] + 2, length - 2);
	flag = find_flag(rule, name, err);
	if (!flag)
		return -1;
	if (flag->type != FLAG_LIST && is_given(flags, i, flags[i], length))
		return error_new(err, ERROR_INVALID, "--%s is given twice", name);
	return check_value(flags[i], value, flag->type, err);
}

static int check_from(const struct instruction *instruction, struct error **err)
{
	const char *name;

	if (strv_length(instruction->args) == 1)
		return 0;
	if (strv_length(instruction->args) != 3 || strcasecmp(instruction->args[1], "AS") != 0)
		return error_new(err, ERROR_INVALID, "FROM needs IMAGE or IMAGE AS NAME");
	name = instruction->args[2];
	for (const char *c = name; *c; c++)
		if (!isalpha((unsigned char)*c) &&
			(c == name || (!isdigit((unsigned char)*c) && !strchr("-_.", *c))))
			return error_new(err, ERROR_INVALID,
				"'%.200s' cannot name a stage: a letter, then letters, digits, "
				"'-', "
				"'_', '.'",
				name);
	return 0;
}

static int check_kind(const struct instruction *instruction, struct error **err)
{
	switch (instruction->kind) {
	case INSTRUCTION_FROM:
		return check_from(instruction, err);
	case INSTRUCTION_SHELL:
		if (!instruction->json)
			return error_new(err, ERROR_INVALID,
				"SHELL needs a JSON array of strings: SHELL [\"/bin/sh\", \"-c\"]");
		return 0;
	case INSTRUCTION_CMD:
	case INSTRUCTION_ENTRYPOINT:
		if (!instruction->json && !instruction->args)
			return error_new(err, ERROR_INVALID, "%s needs a command",
				rules[instruction->kind].name);
		return 0;
	case INSTRUCTION_ARG:
		for (size_t i = 0; instruction->args[i]; i++)
			if (instruction->args[i][0] == '=')
				return error_new(err, ERROR_INVALID,
					"ARG: a name is missing before '%.200s'",
					instruction->args[i]);
		return 0;
	case INSTRUCTION_HEALTHCHECK: {
		cleanup_json struct json_object *unused = NULL;

		return health_parse(instruction, &unused, err);
	}
	default:
		return 0;
	}
}

int instruction_check(const struct instruction *instruction, struct error **err)
{
	const struct rule *rule = &rules[instruction->kind];
	size_t count = strv_length(instruction->args);

	if (count > INSTRUCTION_ARGS_MAX || strv_length(instruction->flags) > INSTRUCTION_ARGS_MAX)
		return error_new(err, ERROR_INVALID, "%s has more than %d arguments", rule->name,
			INSTRUCTION_ARGS_MAX);
	for (size_t i = 0; instruction->flags && instruction->flags[i]; i++)
		if (check_flag(rule, instruction->flags, i, err) < 0)
			return -1;
	if (count < rule->min_args || count > rule->max_args)
		return error_new(err, ERROR_INVALID, "%s needs %s", rule->name, rule->wants);
	if (check_kind(instruction, err) < 0)
		return -1;
	return instruction->trigger ? instruction_check(instruction->trigger, err) : 0;
}

/* ---- looking ---- */

bool instruction_takes_heredocs(const struct instruction *instruction)
{
	if (instruction->trigger)
		instruction = instruction->trigger;
	return rules[instruction->kind].heredocs && !instruction->json;
}

/* The value behind "--name=", "" for a bare "--name", or NULL. */
static const char *flag_value(const char *flag, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(flag + 2, name, length) != 0)
		return NULL;
	return flag[2 + length] == '=' ? flag + 3 + length : flag[2 + length] ? NULL : "";
}

const char *instruction_flag(const struct instruction *instruction, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; instruction->flags && instruction->flags[i]; i++) {
		const char *value = flag_value(instruction->flags[i], name);

		found = value ? value : found;
	}
	return found;
}

strv instruction_flag_list(const struct instruction *instruction, const char *name)
{
	strv list = NULL;

	for (size_t i = 0; instruction->flags && instruction->flags[i]; i++) {
		const char *value = flag_value(instruction->flags[i], name);

		if (value)
			strv_append(&list, value);
	}
	return list;
}

int instruction_switch(const struct instruction *instruction, const char *name)
{
	const char *value = instruction_flag(instruction, name);

	return !value ? -1 : strcasecmp(value, "false") != 0;
}

void instruction_done(struct instruction *instruction)
{
	if (instruction->trigger) {
		instruction_done(instruction->trigger);
		free(instruction->trigger);
	}
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		free(instruction->heredocs[i].name);
		free(instruction->heredocs[i].content);
	}
	free(instruction->heredocs);
	free(instruction->text);
	strv_free(instruction->flags);
	strv_free(instruction->args);
	*instruction = (struct instruction){ .text = NULL };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: the shells' scripts, and what they ask (shell/completion_script.h). */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"
#include "shell/completion_script.h"

static int script_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	cleanup_free char *script = completion_script(args[0], "vessel-runtime");

	(void)runtime, (void)opts;
	if (!script)
		return error_new(
			err, ERROR_INVALID, "no completion for '%s': bash, zsh or fish", args[0]);
	fputs(script, stdout);
	return 0;
}

struct completion {
	struct runtime runtime; /* with the --root among the words */
	const struct command *command; /* where the words have led */
	const char *current; /* the word that is being typed, maybe "" */
	const char *wants_value; /* the flag before it */
	size_t args; /* words of the command that were no flags */
};

static void offer(const struct completion *completion, const char *name, const char *text)
{
	if (strncmp(name, completion->current, strlen(completion->current)) == 0)
		printf("%s\t%s\n", name, text);
}

static const struct flag *find_flag(const struct command *command, const char *word)
{
	const char *name = word + 1 + (word[1] == '-');

	for (const struct flag *flag = command->flags; flag && flag->name; flag++)
		/* The last letter of -dp is what takes a value. */
		if (strcmp(name, flag->name) == 0 ||
			(word[1] && word[1] != '-' && word[strlen(word) - 1] == flag->letter))
			return flag;
	return NULL;
}

static void follow_flag(struct completion *completion, const char *word)
{
	const struct flag *flag = find_flag(completion->command, word);

	if (strncmp(word, "--root=", strlen("--root=")) == 0)
		completion->runtime.root = strchr(word, '=') + 1;
	if (flag && flag->type != FLAG_BOOL)
		completion->wants_value = flag->name;
}

/* All words but the last, which is being typed. */
static void follow(struct completion *completion, char **words)
{
	for (; *words && words[1]; words++) {
		bool is_global = completion->command == &oci_global;
		const struct command *found = is_global ? command_find(*words) : NULL;

		if (completion->wants_value) {
			if (is_global && strcmp(completion->wants_value, "root") == 0)
				completion->runtime.root = *words;
			completion->wants_value = NULL;
		} else if ((*words)[0] == '-') {
			follow_flag(completion, *words);
		} else if (found) {
			completion->command = found;
		} else {
			completion->args++;
		}
	}
	completion->current = *words ? *words : "";
}

static void offer_flags(const struct completion *completion)
{
	for (const struct flag *flag = completion->command->flags; flag && flag->name; flag++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "--%s", flag->name);
		if (flag->help)
			offer(completion, name, flag->help);
	}
	offer(completion, "--help", "show this");
}

static void offer_containers(const struct completion *completion)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_strv strv ids = NULL;

	if (state_list(&completion->runtime, &ids, &ignored) < 0)
		return;
	for (char *const *id = ids; id && *id; id++)
		offer(completion, *id, "container");
}

/* Returns whether files are to be offered too. */
static bool offer_all(const struct completion *completion)
{
	const struct command *command = completion->command;
	bool inside = command->options_first && completion->args > 0;

	if (completion->wants_value || inside)
		return true;
	if (completion->current[0] == '-') {
		offer_flags(completion);
	} else if (command == &oci_global) {
		for (const struct command *const *at = oci_commands; *at; at++)
			offer(completion, (*at)->name, (*at)->summary);
	} else if (completion->args == 0 && strncmp(command->args, "CONTAINER", 9) == 0 &&
		   command != &oci_create && command != &oci_run) {
		offer_containers(completion);
	}
	return false;
}

static int complete_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	struct completion completion = {
		.runtime = *runtime, .command = &oci_global, .current = ""
	};

	(void)opts, (void)err;
	follow(&completion, args);
	puts(offer_all(&completion) ? ":files" : ":none");
	return 0;
}

const struct command oci_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "Print the completion script of a shell",
	.min_args = 1,
	.max_args = 1,
	.run = script_run,
};

const struct command oci_complete = {
	.name = "__complete",
	.args = "-- [WORD...]",
	.summary = "Answer a shell's completion",
	.max_args = -1,
	.options_first = true,
	.run = complete_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: the shells' scripts, and what they ask (shell/completion_script.h). */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "engine/container.h"
#include "oci/reference.h"
#include "shell/completion_script.h"

static const struct cli_flag no_flags[] = { {} };

static int put_script(const char *shell)
{
	cleanup_free char *script = completion_script(shell, "vessel");

	fputs(script, stdout);
	return 0;
}

/* Each has a function of its own: commands that share one are taken for names of the same. */
#define SCRIPT(shell) \
	static int shell##_run(struct cli *cli, const void *opts, char **args, struct error **err) \
	{ \
		(void)cli, (void)opts, (void)args, (void)err; \
		return put_script(#shell); \
	} \
	const struct cli_command cmd_completion_##shell = { \
		.name = #shell, \
		.args = "", \
		.summary = "Generate the autocompletion script for " #shell, \
		.flags = no_flags, \
		.complete = COMPLETE_NOTHING, \
		.run = shell##_run, \
	}

SCRIPT(bash);
SCRIPT(zsh);
SCRIPT(fish);

/* ---- candidates ---- */

struct completion {
	struct cli *cli;
	const struct cli_command *command; /* where the words have led */
	const char *current; /* the word that is being typed, maybe "" */
	bool wants_value; /* of the flag before it */
	size_t args; /* words of the command that were no flags */
};

static void offer(const struct completion *completion, const char *name, const char *text)
{
	size_t length = strlen(completion->current);

	if (strncmp(name, completion->current, length) == 0)
		printf("%s\t%s\n", name, text ? text : "");
}

static int offer_container(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	(void)status;
	offer(arg, row->name, row->image);
	return 0;
}

static int offer_image(const struct image_row *row, void *arg)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;

	if (!row->reference || reference_parse(row->reference, &ref, &ignored) < 0)
		return 0;
	familiar = reference_familiar(&ref);
	offer(arg, familiar, "image");
	return 0;
}

/* Names of things; a completion that fails offers nothing, and says nothing. */
static void offer_things(struct completion *completion, enum cli_complete what)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_error struct error *ignored = NULL;
	struct catalog *catalog;

	if (engine_open(&completion->cli->paths, &engine, &ignored) < 0)
		return;
	if (what == COMPLETE_IMAGES) {
		if (store_catalog(&engine.store, &catalog, &ignored) == 0)
			(void)catalog_each_image(catalog, offer_image, completion, &ignored);
		return;
	}
	(void)container_each(
		&engine, what == COMPLETE_CONTAINERS, offer_container, completion, &ignored);
}

static void offer_commands(const struct completion *completion)
{
	const struct cli_command *const *child = completion->command->children;

	for (; child && *child; child++)
		if (!(*child)->hidden)
			offer(completion, (*child)->name, (*child)->summary);
}

static void offer_flags(const struct completion *completion)
{
	size_t count = 0;
	cleanup_free const struct cli_flag **flags = help_flags(completion->command, &count);
	char name[64];

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "--%s", flags[i]->name);
		offer(completion, name, flags[i]->help);
	}
	offer(completion, "--help", "Print usage");
}

static const struct cli_flag *find_flag(const struct cli_command *command, const char *word)
{
	for (const struct cli_flag *flag = command->flags; flag && flag->name; flag++) {
		if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, flag->name) == 0)
			return flag;
		/* The last letter of -it is what takes a value. */
		if (word[0] == '-' && word[1] != '-' && word[1] &&
			word[strlen(word) - 1] == flag->short_name)
			return flag;
	}
	return NULL;
}

/* All words but the last, which is being typed. */
static void follow(struct completion *completion, char *const *words)
{
	for (; *words && words[1]; words++) {
		const struct cli_command *command = completion->command;
		const struct cli_flag *flag = find_flag(command, *words);
		const struct cli_command *child;

		if (completion->wants_value) {
			completion->wants_value = false;
			continue;
		}
		if ((*words)[0] == '-' &&
			!(command->options_first && !command->children && completion->args > 0)) {
			completion->wants_value = flag && flag->type != CLI_BOOL;
			continue;
		}
		child = cli_find(command->children, *words);
		if (child)
			completion->command = child;
		else
			completion->args++;
	}
	completion->current = *words ? *words : "";
}

/* Returns whether files are to be offered too. */
static bool offer_all(struct completion *completion)
{
	const struct cli_command *command = completion->command;
	bool inside = command->options_first && completion->args > 0;
	enum cli_complete what = command->complete;

	if (completion->wants_value)
		return true;
	if (completion->current[0] == '-' && !inside) {
		offer_flags(completion);
		return false;
	}
	if (command->children) {
		offer_commands(completion);
		return false;
	}
	if (inside || what == COMPLETE_FILES)
		return true;
	if (what != COMPLETE_NOTHING)
		offer_things(completion, what);
	return false;
}

static int complete_run(struct cli *cli, const void *opts, char **words, struct error **err)
{
	struct completion completion = { .cli = cli, .command = &cli_global, .current = "" };

	(void)err;
	(void)opts;
	follow(&completion, words);
	puts(offer_all(&completion) ? ":files" : ":none");
	return 0;
}

const struct cli_command cmd_complete = {
	.name = "__complete",
	.args = "-- [WORD...]",
	.summary = "Answer a shell's completion",
	.flags = no_flags,
	.max_args = -1,
	.options_first = true,
	.hidden = true,
	.run = complete_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion. The shells' scripts know nothing of the commands: they hand the words to the hidden
 * `vessel __complete`, which answers from the same tables that parse them, one candidate a line
 * with its description behind a tab, and at last ":files" or ":none": what the shell shall offer
 * besides.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "engine/container.h"
#include "oci/reference.h"

static const struct cli_flag no_flags[] = { {} };

static const char bash_script[] =
	"# bash completion for vessel\n"
	"_vessel()\n"
	"{\n"
	"\tlocal line words directive=':files'\n"
	"\tCOMPREPLY=()\n"
	"\twords=(\"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
	"\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	"\t\tlocal cur cword all\n"
	"\t\t_get_comp_words_by_ref -n := -c cur -w all -i cword\n"
	"\t\twords=(\"${all[@]:1:cword}\")\n"
	"\tfi\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:*) directive=$line ;;\n"
	"\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${words[@]}\" 2>/dev/null)\n"
	"\tif [[ $directive == :none ]]; then compopt +o default; fi\n"
	"\tif declare -F __ltrim_colon_completions >/dev/null; then\n"
	"\t\t__ltrim_colon_completions \"${words[-1]}\"\n"
	"\tfi\n"
	"}\n"
	"complete -o default -F _vessel vessel\n";

static const char zsh_script[] =
	"#compdef vessel\n"
	"_vessel()\n"
	"{\n"
	"\tlocal line directive=':files'\n"
	"\tlocal -a names texts\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:*) directive=$line ;;\n"
	"\t\t*)\n"
	"\t\t\tnames+=(\"${line%%$'\\t'*}\")\n"
	"\t\t\ttexts+=(\"${line/$'\\t'/ -- }\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(${words[1]} __complete -- \"${(@)words[2,$CURRENT]}\" 2>/dev/null)\n"
	"\t(( $#names )) && compadd -l -d texts -a names\n"
	"\t[[ $directive == :files ]] && _files\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _vessel ]; then _vessel; else compdef _vessel vessel; fi\n";

static const char fish_script[] = "# fish completion for vessel\n"
				  "function __vessel_complete\n"
				  "\tset -l words (commandline -opc) (commandline -ct)\n"
				  "\tset -l program $words[1]\n"
				  "\tset -e words[1]\n"
				  "\tfor line in ($program __complete -- $words 2>/dev/null)\n"
				  "\t\tswitch $line\n"
				  "\t\t\tcase ':files'\n"
				  "\t\t\t\t__fish_complete_path (commandline -ct)\n"
				  "\t\t\tcase ':none'\n"
				  "\t\t\tcase '*'\n"
				  "\t\t\t\techo $line\n"
				  "\t\tend\n"
				  "\tend\n"
				  "end\n"
				  "complete -c vessel -f -a '(__vessel_complete)'\n";

static int bash_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	(void)args;
	(void)cli;
	(void)err;
	(void)opts;
	fputs(bash_script, stdout);
	return 0;
}

static int zsh_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	(void)args;
	(void)cli;
	(void)err;
	(void)opts;
	fputs(zsh_script, stdout);
	return 0;
}

static int fish_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	(void)args;
	(void)cli;
	(void)err;
	(void)opts;
	fputs(fish_script, stdout);
	return 0;
}

#define SCRIPT(shell) \
	{ \
		.name = #shell, .args = "", \
		.summary = "Generate the autocompletion script for " #shell, .flags = no_flags, \
		.complete = COMPLETE_NOTHING, .run = shell##_run \
	}

const struct cli_command cmd_completion_bash = SCRIPT(bash);
const struct cli_command cmd_completion_zsh = SCRIPT(zsh);
const struct cli_command cmd_completion_fish = SCRIPT(fish);

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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion. The shells' scripts (`completion SHELL`) know nothing of the commands: they hand the
 * words to the hidden `__complete`, which answers from the tables that parse them, one candidate a
 * line with its description behind a tab, and at last ":files" or ":none": what the shell shall
 * offer besides.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash", "# bash completion for vessel-runtime\n"
		  "_vessel_runtime()\n"
		  "{\n"
		  "\tlocal line directive=':files'\n"
		  "\tCOMPREPLY=()\n"
		  "\twhile IFS= read -r line; do\n"
		  "\t\tcase $line in\n"
		  "\t\t:*) directive=$line ;;\n"
		  "\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
		  "\t\tesac\n"
		  "\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
		  "2>/dev/null)\n"
		  "\tif [[ $directive == :none ]]; then compopt +o default; fi\n"
		  "}\n"
		  "complete -o default -F _vessel_runtime vessel-runtime\n" },
	{ "zsh", "#compdef vessel-runtime\n"
		 "_vessel_runtime()\n"
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
		 "if [ \"$funcstack[1]\" = _vessel_runtime ]; then _vessel_runtime; "
		 "else compdef _vessel_runtime vessel-runtime; fi\n" },
	{ "fish", "# fish completion for vessel-runtime\n"
		  "function __vessel_runtime_complete\n"
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
		  "complete -c vessel-runtime -f -a '(__vessel_runtime_complete)'\n" },
};

static int script_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	(void)runtime, (void)opts;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (strcmp(scripts[i].shell, args[0]) == 0) {
			fputs(scripts[i].script, stdout);
			return 0;
		}
	return error_new(err, ERROR_INVALID, "no completion for '%s': bash, zsh or fish", args[0]);
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

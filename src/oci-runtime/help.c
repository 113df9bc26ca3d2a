/* SPDX-License-Identifier: Apache-2.0 */
/* --help, from the same tables that parse. */
#include <stdio.h>
#include <string.h>

#include "oci-runtime/command.h"

const struct command *const oci_commands[] = { &oci_checkpoint, &oci_completion, &oci_create,
	&oci_delete, &oci_events, &oci_exec, &oci_features, &oci_kill, &oci_list, &oci_pause,
	&oci_ps, &oci_restore, &oci_resume, &oci_run, &oci_spec, &oci_start, &oci_state,
	&oci_update, NULL };

/* For our own scripts and the build. */
static const struct command *const hidden[] = { &oci_complete, &oci_man, NULL };

static const struct command *find_in(const struct command *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp((*list)->name, name) == 0)
			return *list;
	return NULL;
}

const struct command *command_find(const char *name)
{
	const struct command *found = find_in(oci_commands, name);

	return found ? found : find_in(hidden, name);
}

static void print_flags(const struct flag *flag)
{
	printf("\nOptions:\n");
	for (; flag && flag->name; flag++) {
		char names[64];

		if (!flag->help)
			continue;
		(void)snprintf(names, sizeof(names), "%c%c%s--%s%s%s", flag->letter ? '-' : ' ',
			flag->letter ? flag->letter : ' ', flag->letter ? ", " : "  ", flag->name,
			flag->arg ? " " : "", flag->arg ? flag->arg : "");
		printf("  %-30s %s\n", names, flag->help);
	}
	printf("  %-30s %s\n", "-h, --help", "show this");
}

void command_help(const char *program, const struct command *command)
{
	printf("NAME:\n   %s %s - %s\n\nUsage: %s [OPTION...] %s %s\n", program, command->name,
		command->summary, program, command->name, command->args);
	print_flags(command->flags);
}

void command_list_help(const char *program, const struct command *global)
{
	printf("NAME:\n   %s - %s\n\nUsage: %s [OPTION...] COMMAND [ARG...]\n\nCommands:\n",
		program, global->summary, program);
	for (const struct command *const *at = oci_commands; *at; at++)
		printf("  %-10s %s\n", (*at)->name, (*at)->summary);
	print_flags(global->flags);
	printf("\n'%s COMMAND --help' tells more of a command.\n", program);
}

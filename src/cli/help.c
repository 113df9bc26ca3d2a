/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

#define TERMINAL_WIDTH 80

static int by_name(const void *a, const void *b)
{
	const struct cli_flag *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

const struct cli_flag **help_flags(const struct cli_command *command, size_t *ret_count)
{
	const struct cli_flag *flag = command->flags, **list;
	size_t count = 0;

	while (flag && flag->name)
		flag++;
	list = xcalloc((size_t)(flag - command->flags) + 1, sizeof(void *));
	for (flag = command->flags; flag && flag->name; flag++)
		if (!flag->hidden)
			list[count++] = flag;
	qsort(list, count, sizeof(void *), by_name);
	*ret_count = count;
	return list;
}

const char *help_flag_arg(const struct cli_flag *flag)
{
	return flag->type == CLI_BOOL ? "" : flag->arg ? flag->arg : "string";
}

/*
 * As pflag does it: a line may be five characters longer than what remains of the terminal when
 * that avoids a break.
 */
void help_wrap(FILE *out, const char *text, size_t indent, size_t width)
{
	const size_t slop = 5;

	while (strlen(text) > width + slop) {
		size_t cut = width;

		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			break;
		fprintf(out, "%.*s\n%*s", (int)cut, text, (int)indent, "");
		text += cut + 1;
	}
	fprintf(out, "%s\n", text);
}

static size_t flag_width(const struct cli_flag *flag)
{
	const char *arg = help_flag_arg(flag);

	return strlen("  -x, --") + strlen(flag->name) + (*arg ? 1 + strlen(arg) : 0);
}

static void print_flags(FILE *out, const struct cli_command *command, const char *title)
{
	size_t count = 0, column = 0, room;
	cleanup_free const struct cli_flag **flags = help_flags(command, &count);

	for (size_t i = 0; i < count; i++)
		if (flag_width(flags[i]) + 3 > column)
			column = flag_width(flags[i]) + 3;
	room = column + 24 < TERMINAL_WIDTH ? TERMINAL_WIDTH - 5 - column : 24;
	if (count > 0)
		fprintf(out, "\n%s:\n", title);
	for (size_t i = 0; i < count; i++) {
		const char *arg = help_flag_arg(flags[i]);
		char letter[] = { '-', flags[i]->short_name, ',', '\0' };
		int used = fprintf(out, "  %s --%s%s%s", flags[i]->short_name ? letter : "   ",
			flags[i]->name, *arg ? " " : "", arg);

		fprintf(out, "%*s", (int)column - used, "");
		help_wrap(out, flags[i]->help, column, room);
	}
}

enum { LIST_ALL, LIST_COMMON, LIST_GROUPS, LIST_OTHERS };

static bool is_listed(const struct cli_command *command, int which)
{
	if (command->hidden)
		return false;
	return which == LIST_ALL      ? true
	       : which == LIST_COMMON ? command->common
	       : which == LIST_GROUPS ? command->children != NULL
				      : !command->common && !command->children;
}

static void print_commands(
	FILE *out, const struct cli_command *const *list, int which, const char *title)
{
	bool titled = false;

	for (; list && *list; list++) {
		if (!is_listed(*list, which))
			continue;
		if (!titled)
			fprintf(out, "\n%s:\n", title);
		titled = true;
		fprintf(out, "  %-11s %s\n", (*list)->name, (*list)->summary);
	}
}

static void add_aliases(strv *out, const char *prefix, const struct cli_command *command)
{
	cleanup_strv strv more = command->aliases ? strv_split(command->aliases, ' ') : NULL;

	strv_appendf(out, "%s %s", prefix, command->name);
	for (size_t i = 0; more && more[i]; i++)
		strv_appendf(out, "%s %s", prefix, more[i]);
}

/* Two table entries are one command when they do the same with the same flags. */
static bool is_same(const struct cli_command *a, const struct cli_command *b)
{
	return a->run && a->run == b->run && a->flags == b->flags && !b->hidden;
}

strv help_aliases(const char *program, const struct cli_command *command)
{
	strv out = NULL;

	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *const *child = cli_commands[i]->children;
		cleanup_free char *prefix = xasprintf("%s %s", program, cli_commands[i]->name);

		for (; child && *child; child++)
			if (is_same(command, *child))
				add_aliases(&out, prefix, *child);
	}
	for (size_t i = 0; cli_commands[i]; i++)
		if (is_same(command, cli_commands[i]))
			strv_appendf(&out, "%s %s", program, cli_commands[i]->name);
	return out;
}

void help_usage(FILE *out, const char *path, const struct cli_command *command)
{
	bool has_flags = command->flags && command->flags->name;

	fprintf(out, "%s%s%s%s%s", path, has_flags ? " [OPTIONS]" : "",
		command->children ? " COMMAND" : "", command->args && *command->args ? " " : "",
		command->args ? command->args : "");
}

void help_print(FILE *out, const char *program, const char *path, const struct cli_command *command)
{
	cleanup_strv strv aliases = help_aliases(program, command);

	fprintf(out, "Usage:  ");
	help_usage(out, path, command);
	fprintf(out, "\n\n%s\n", command->summary);
	if (strv_length(aliases) > 1) {
		cleanup_free char *joined = strv_join(aliases, ", ");

		fprintf(out, "\nAliases:\n  %s\n", joined);
	}
	if (command == &cli_global) {
		print_commands(out, command->children, LIST_COMMON, "Common Commands");
		print_commands(out, command->children, LIST_GROUPS, "Management Commands");
		print_commands(out, command->children, LIST_OTHERS, "Commands");
		print_flags(out, command, "Global Options");
	} else {
		print_commands(out, command->children, LIST_ALL, "Commands");
		print_flags(out, command, "Options");
	}
	if (command->children)
		fprintf(out, "\nRun '%s COMMAND --help' for more information on a command.\n",
			path);
}

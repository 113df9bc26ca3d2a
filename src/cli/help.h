/* SPDX-License-Identifier: Apache-2.0 */
/* What --help prints, and what completion and the manual page need of the same tables. */
#pragma once

#include <stdio.h>

#include "base/strv.h"
#include "cli/command.h"

extern const struct cli_command cli_global; /* the program itself: its flags, no arguments */

/* Usage line, summary, aliases, flags or commands. */
void help_print(
	FILE *out, const char *program, const char *path, const struct cli_command *command);
/* "vessel run [OPTIONS] IMAGE [COMMAND] [ARG...]" */
void help_usage(FILE *out, const char *path, const struct cli_command *command);
/* The flags that people see, by name; the caller frees the array. */
const struct cli_flag **help_flags(const struct cli_command *command, size_t *ret_count);
/* What stands behind a flag's name: "list", "string"; "" for a switch. */
const char *help_flag_arg(const struct cli_flag *flag);
/* "vessel container ls", "vessel ps": every way to call what command does. */
strv help_aliases(const char *program, const struct cli_command *command);
/* text broken over lines of at most width, the later ones indented. */
void help_wrap(FILE *out, const char *text, size_t indent, size_t width);

/* SPDX-License-Identifier: Apache-2.0 */
/* Flags by a command's table, as pflag reads them; see cli/command.h. Texts of flags and arguments
 * are borrowed from argv; lists are copies. */
#pragma once

#include "cli/command.h"

struct cli_parsed {
	void *opts; /* the command's options struct, defaults filled in */
	char **args; /* NULL-terminated; what was no flag */
	size_t arg_count;
	bool help; /* --help was seen; the rest was not read */
};

/* words: NULL-terminated, without the command's name. Errors are pflag's sentences. */
int cli_parse(const struct cli_command *command, char *const *words, struct cli_parsed *ret,
	struct error **err);
/* Checks the number of arguments; path names the command in the error. */
int cli_check_args(
	const struct cli_command *command, const char *path, size_t count, struct error **err);
void cli_parsed_done(const struct cli_command *command, struct cli_parsed *parsed);

/* "1h30m", "1.5s", "300ms": Go's durations, in nanoseconds. */
int duration_parse(const char *text, int64_t *ret_ns, struct error **err);
/* "1.5" as 1500000000 billionths: what --cpus takes. */
int decimal_parse(const char *text, int64_t *ret_nano, struct error **err);

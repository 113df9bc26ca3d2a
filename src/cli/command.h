/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command is data. Parsing, --help, completion and the manual page all read the same table, so
 * they cannot disagree; a command's code sees only filled options.
 *
 * Flags follow pflag, as docker's do: -it, -d=false, -m512m, -m 512m, --name v, --name=v,
 * repeatable lists, "--"; with interspersed false, options stop at the first argument (run, exec,
 * create).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strv.h"
#include "engine/engine.h"

struct error;

struct cli { /* what main() prepared */
	struct engine_paths paths;
	const char *program; /* "vessel", or "docker" when called so */
	const struct cli_command *command;
	const char *path; /* "vessel container run": as the user called it, for messages */
};

enum cli_type {
	CLI_BOOL, /* bool */
	CLI_INT, /* int64_t */
	CLI_STRING, /* const char * */
	CLI_LIST, /* strv: repeatable */
	CLI_SIZE, /* int64_t: 512m */
	CLI_SWAP, /* int64_t: a size, or -1 for no limit */
	CLI_CPUS, /* int64_t: nano CPUs of a decimal */
	CLI_DURATION, /* int64_t nanoseconds: 1m30s */
};

struct cli_flag {
	char short_name; /* 0 when there is none */
	const char *name;
	const char *arg; /* shown in help; NULL for a switch */
	const char *help;
	enum cli_type type;
	size_t offset;
	bool hidden;
};

enum cli_complete { /* what a command's arguments name, for completion */
	COMPLETE_FILES = 0,
	COMPLETE_NOTHING,
	COMPLETE_CONTAINERS,
	COMPLETE_RUNNING,
	COMPLETE_IMAGES,
};

struct cli_command {
	const char *name, *args, *summary;
	const struct cli_flag *flags; /* ends with an empty entry */
	const void *defaults; /* NULL: zeroes */
	size_t opts_size;
	int min_args, max_args; /* max_args < 0: any number */
	bool options_first; /* options stop at the first argument */
	bool hidden;
	bool common; /* listed first in help */
	const char *aliases; /* further names in its group: "list ps" */
	enum cli_complete complete;
	int failure_code; /* exit code of an error; 0: 1 */
	/* Returns the exit code, or -1 with *err. */
	int (*run)(struct cli *cli, const void *opts, char **args, struct error **err);
	const struct cli_command *const *children; /* of a group such as "image"; NULL-terminated */
};

#define CLI_USAGE_CODE 125 /* flags that could not be understood */

/* Where a flag's value goes; refuses to compile when the field has another type. */
#define CLI_AT(opts, field, want) \
	(offsetof(struct opts, field) + 0 * sizeof(struct { \
		_Static_assert( \
			__builtin_types_compatible_p(__typeof__(((struct opts *)0)->field), want), \
			"flag and field differ in type"); \
		char unused; \
	}))

extern const struct cli_command *const cli_commands[]; /* all of them, NULL-terminated */

/* The child of that name or alias, or NULL. list is NULL-terminated. */
const struct cli_command *cli_find(const struct cli_command *const *list, const char *name);
/* Prints an error as `vessel: outer: inner` (as docker does when called so), and its hint. */
void cli_report(const struct cli *cli, const struct error *err);
/* 126 and 127 where the error says so, else fallback. */
int cli_exit_code(const struct error *err, int fallback);

/* Parses global flags, finds the command, parses its flags, runs it, prints its error. Returns the
 * exit code. */
int cli_main(int argc, char **argv);

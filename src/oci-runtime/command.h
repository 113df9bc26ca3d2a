/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vessel-runtime's commands, as data: parsing and --help read the same tables. Flags are taken as
 * runc's callers write them (-log FILE, --log=FILE, options after arguments) and as crun's do
 * (-dt, --cgroup-manager=X); where both have a flag for one thing, both names are in the table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"
#include "cgroup/cgroup.h"
#include "oci-runtime/log.h"

struct error;

struct runtime { /* what the global options gave */
	const char *program; /* as we were called */
	char *root; /* where containers' states are */
	enum cgroup_driver driver;
	bool no_cgroups;
	struct log log;
};

enum flag_type {
	FLAG_BOOL, /* bool */
	FLAG_INT, /* int64_t */
	FLAG_TEXT, /* const char * */
	FLAG_LIST, /* strv: repeatable */
};

struct flag {
	char letter; /* 0 when there is none */
	const char *name;
	const char *arg; /* shown in help; NULL for a switch */
	const char *help; /* NULL: not shown, another name for one that is */
	enum flag_type type;
	size_t offset;
};

struct command {
	const char *name, *args, *summary;
	const struct flag *flags; /* ends with an empty entry */
	size_t opts_size;
	int min_args, max_args; /* max_args < 0: any number */
	bool options_first; /* options stop at the first argument */
	bool protects; /* a container will see this process: base/own_exe.h */
	int failure_code; /* exit code of an error; 0: 1 */
	/* Returns the exit code, or -1 with *err. */
	int (*run)(struct runtime *runtime, const void *opts, char **args, struct error **err);
};

/* Where a flag's value goes; refuses to compile when the field has another type. */
#define FLAG_AT(opts, field, want) \
	(offsetof(struct opts, field) + 0 * sizeof(struct { \
		_Static_assert( \
			__builtin_types_compatible_p(__typeof__(((struct opts *)0)->field), want), \
			"flag and field differ in type"); \
		char unused; \
	}))

struct parsed {
	void *opts; /* the command's options struct */
	char **args; /* NULL-terminated; what was no flag */
	size_t arg_count;
	bool help;
};

/* words: NULL-terminated, without the command's name; texts are borrowed from them. */
int command_parse(
	const struct command *command, char *const *words, struct parsed *ret, struct error **err);
void command_parsed_done(const struct command *command, struct parsed *parsed);
void command_help(const char *program, const struct command *command);
void command_list_help(const char *program, const struct command *global);
const struct command *command_find(const char *name);
extern const struct command *const oci_commands[]; /* sorted; ends with NULL */

extern const struct command oci_global; /* what stands before a command */
extern const struct command oci_checkpoint, oci_complete, oci_completion, oci_man, oci_restore,
	oci_create, oci_delete, oci_events, oci_exec, oci_features, oci_kill, oci_list, oci_pause,
	oci_ps, oci_resume, oci_run, oci_spec, oci_start, oci_state, oci_update;

/* The whole program. Returns its exit code. */
int oci_runtime_main(int argc, char **argv);

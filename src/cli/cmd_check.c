/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "engine/check.h"

struct check_opts {
	bool repair, quick;
	const char *format;
};

static const struct cli_flag check_flags[] = {
	{ 0, "format", "string", "Format output: 'json'", CLI_STRING,
		CLI_AT(check_opts, format, const char *), false },
	{ 'q', "quick", NULL, "Look at sizes alone; do not read every file", CLI_BOOL,
		CLI_AT(check_opts, quick, bool), false },
	{ 0, "repair", NULL,
		"Make again or fetch again what is damaged, and remove what nothing names",
		CLI_BOOL, CLI_AT(check_opts, repair, bool), false },
	{},
};

static const char *const state_names[] = {
	[FINDING_DAMAGE] = "damaged",
	[FINDING_GARBAGE] = "garbage",
	[FINDING_REPAIRED] = "repaired",
};

struct printing {
	struct json_object *list; /* NULL: lines */
	int count;
};

static void found(enum finding_state state, const char *thing, const char *text, void *arg)
{
	struct printing *printing = arg;
	struct json_object *entry;

	printing->count++;
	if (!printing->list) {
		printf("%-8s  %s: %s\n", state_names[state], thing, text);
		fflush(stdout);
		return;
	}
	entry = json_object_new_object();
	json_put_text(entry, "State", state_names[state]);
	json_put_text(entry, "Thing", thing);
	json_put_text(entry, "Text", text);
	json_object_array_add(printing->list, entry);
}

static int print_end(const struct printing *printing, int damaged)
{
	cleanup_free char *text = NULL;

	if (printing->list) {
		text = json_pretty(printing->list);
		puts(text);
	} else if (damaged > 0) {
		printf("%d thing%s damaged\n", damaged, damaged == 1 ? " is" : "s are");
	} else {
		puts(printing->count > 0 ? "nothing is damaged (any more)"
					 : "all is as it should be");
	}
	return damaged > 0 ? 1 : 0;
}

static int check_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct check_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct printing printing = { 0 };
	const struct store_check check = {
		.repair = opts->repair, .quick = opts->quick, .found = found, .arg = &printing
	};
	int damaged;

	(void)args;
	if (opts->format && strcmp(opts->format, "json") != 0)
		return error_new(err, ERROR_INVALID, "--format of system check is 'json'");
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	if (opts->format)
		printing.list = json_object_new_array();
	damaged = engine_check(&engine, &check, err);
	if (damaged >= 0)
		damaged = print_end(&printing, damaged);
	json_object_put(printing.list);
	return damaged;
}

const struct cli_command cmd_system_check = {
	.name = "check",
	.args = "",
	.summary = "Look for damage in what vessel has stored, and repair it",
	.flags = check_flags,
	.opts_size = sizeof(struct check_opts),
	.complete = COMPLETE_NOTHING,
	.run = check_run,
};

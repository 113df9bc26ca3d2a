/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "engine/container.h"

struct rm_opts {
	bool force, volumes;
};

static const struct cli_flag rm_flags[] = {
	{ 'f', "force", NULL, "Force the removal of a running container (uses SIGKILL)", CLI_BOOL,
		CLI_AT(rm_opts, force, bool), false },
	{ 'v', "volumes", NULL, "Remove anonymous volumes associated with the container", CLI_BOOL,
		CLI_AT(rm_opts, volumes, bool), false },
	{},
};

struct removal {
	struct cli *cli;
	bool force;
	int code;
};

static void removed(const char *name, const struct error *failure, void *arg)
{
	struct removal *removal = arg;

	if (!failure) {
		puts(name);
		return;
	}
	cli_report(removal->cli, failure);
	/* rm -f wants it gone, and it is. */
	if (!removal->force || error_kind(failure) != ERROR_NOT_FOUND)
		removal->code = 1;
}

static int rm_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct rm_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct removal removal = { .cli = cli, .force = opts->force };

	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	(void)containers_remove(&engine, names, opts->force, opts->volumes, removed, &removal);
	return removal.code;
}

const struct cli_command cmd_rm = {
	.name = "rm",
	.aliases = "remove",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Remove one or more containers",
	.flags = rm_flags,
	.opts_size = sizeof(struct rm_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = rm_run,
};

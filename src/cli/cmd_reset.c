/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "engine/reset.h"

struct reset_opts {
	bool force;
};

static const struct cli_flag reset_flags[] = {
	{ 'f', "force", NULL, "Do not prompt for confirmation", CLI_BOOL,
		CLI_AT(reset_opts, force, bool), false },
	{},
};

static bool confirm(const struct engine *engine)
{
	cleanup_free char *question = xasprintf(
		"WARNING! This will remove all containers, images, volumes and cached steps of\n"
		"  %s\nAre you sure you want to continue? [y/N] ",
		engine->root);

	return cli_confirm(question);
}

static int reset_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct reset_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;

	(void)args;
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	if (!opts->force && !confirm(&engine))
		return 1;
	return engine_reset(&engine, err);
}

const struct cli_command cmd_system_reset = {
	.name = "reset",
	.args = "",
	.summary =
		"Remove everything: containers, images, volumes, cache, bridge and firewall table",
	.flags = reset_flags,
	.opts_size = sizeof(struct reset_opts),
	.complete = COMPLETE_NOTHING,
	.run = reset_run,
};

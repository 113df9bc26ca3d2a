/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "engine/container.h"

static const struct cli_flag no_flags[] = { {} };

static int rename_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;

	(void)opts;
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return container_rename(&engine, args[0], args[1], err);
}

const struct cli_command cmd_rename = {
	.name = "rename",
	.args = "CONTAINER NEW_NAME",
	.summary = "Rename a container",
	.flags = no_flags,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_CONTAINERS,
	.run = rename_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "engine/container.h"

static const struct cli_flag no_flags[] = { {} };

static int pause_one(struct engine *engine, const char *name, const void *arg, struct error **err)
{
	return container_pause(engine, name, *(const bool *)arg, err);
}

static int pause_run(struct cli *cli, const void *opts, char **names, struct error **err)
{
	(void)opts;
	return cli_each(cli, names, pause_one, &(const bool){ true }, err);
}

static int unpause_run(struct cli *cli, const void *opts, char **names, struct error **err)
{
	(void)opts;
	return cli_each(cli, names, pause_one, &(const bool){ false }, err);
}

const struct cli_command cmd_pause = {
	.name = "pause",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Pause all processes within one or more containers",
	.flags = no_flags,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.run = pause_run,
};

const struct cli_command cmd_unpause = {
	.name = "unpause",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Unpause all processes within one or more containers",
	.flags = no_flags,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.run = unpause_run,
};

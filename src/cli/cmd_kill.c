/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "engine/container.h"

struct kill_opts {
	const char *signal;
};

static const struct cli_flag kill_flags[] = {
	{ 's', "signal", "string", "Signal to send to the container (default \"KILL\")", CLI_STRING,
		CLI_AT(kill_opts, signal, const char *), false },
	{},
};

static int kill_one(struct engine *engine, const char *name, const void *arg, struct error **err)
{
	return container_kill(engine, name, *(const int *)arg, err);
}

static int kill_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct kill_opts *opts = opts_;
	int number = cli_signal(opts->signal, err);

	return number == -2 ? -1 : cli_each(cli, names, kill_one, &number, err);
}

const struct cli_command cmd_kill = {
	.name = "kill",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Kill one or more running containers",
	.flags = kill_flags,
	.defaults = &(const struct kill_opts){ .signal = "KILL" },
	.opts_size = sizeof(struct kill_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.run = kill_run,
};

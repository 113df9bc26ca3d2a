/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor becomes after the end of its container: nobody types it. */
#include "cli/commands.h"
#include "engine/container.h"

static const struct cli_flag no_flags[] = { {} };

static int reap_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;

	(void)opts;
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return container_reap(&engine, args[0], err);
}

const struct cli_command cmd_reap = {
	.name = "reap",
	.args = "ID",
	.summary = "Give back what an ended container held",
	.flags = no_flags,
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.complete = COMPLETE_NOTHING,
	.run = reap_run,
};

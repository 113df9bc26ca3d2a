/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "engine/diff.h"

static const struct cli_flag no_flags[] = { {} };

static int diff_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_changes struct changes changes = { 0 };

	(void)opts;
	if (!*args[0])
		return error_new(err, ERROR_INVALID, "Container name cannot be empty");
	if (engine_open(&cli->paths, &engine, err) < 0 ||
		container_diff(&engine, args[0], &changes, err) < 0)
		return -1;
	for (size_t i = 0; i < changes.count; i++)
		printf("%c %s\n", changes.items[i].kind, changes.items[i].path);
	return 0;
}

const struct cli_command cmd_diff = {
	.name = "diff",
	.args = "CONTAINER",
	.summary = "Inspect changes to files or directories on a container's filesystem",
	.flags = no_flags,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.run = diff_run,
};

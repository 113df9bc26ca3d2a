/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "engine/container.h"

static const struct cli_flag no_flags[] = { {} };

static int wait_run(struct cli *cli, const void *opts, char **names, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	int result = 0;

	(void)opts;
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	for (; *names; names++) {
		cleanup_error struct error *failure = NULL;
		int code = 0;

		if (container_wait(&engine, *names, &code, &failure) < 0) {
			cli_report(cli, failure);
			result = 1;
			continue;
		}
		printf("%d\n", code);
		fflush(stdout);
	}
	return result;
}

const struct cli_command cmd_wait = {
	.name = "wait",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Block until one or more containers stop, then print their exit codes",
	.flags = no_flags,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = wait_run,
};

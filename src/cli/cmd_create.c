/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/create_flags.h"
#include "engine/container.h"

static int create(struct cli *cli, const struct create_opts *opts,
	const struct container_options *options, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	char id[ID_MAX];

	if (engine_open(&cli->paths, &engine, err) < 0 ||
		create_container(&engine, opts, options, id, err) < 0)
		return -1;
	puts(id);
	return 0;
}

static int create_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	struct container_options options;
	struct create_lists lists = { 0 };
	int result = create_prepare(opts, args, &options, &lists, err);

	if (result == 0)
		result = create(cli, opts, &options, err);
	create_lists_done(&lists);
	return result;
}

const struct cli_command cmd_create = {
	.name = "create",
	.args = "IMAGE [COMMAND] [ARG...]",
	.summary = "Create a new container",
	.flags = create_flags,
	.defaults = &create_defaults,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.complete = COMPLETE_IMAGES,
	.failure_code = CLI_USAGE_CODE,
	.run = create_run,
};

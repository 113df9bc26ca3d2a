/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "cli/commands.h"
#include "cli/output_file.h"
#include "engine/export.h"

struct export_opts {
	const char *output;
};

static const struct cli_flag export_flags[] = {
	{ 'o', "output", "string", "Write to a file, instead of STDOUT", CLI_STRING,
		CLI_AT(export_opts, output, const char *), false },
	{},
};

static int export_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct export_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_output_file struct output_file file = { .fd = -1 };

	if (output_file_open(opts->output, &file, err) < 0)
		return error_wrap(err, "failed to export container");
	if (engine_open(&cli->paths, &engine, err) < 0 ||
		container_export(&engine, args[0], file.fd, err) < 0)
		return -1;
	return output_file_finish(&file, err);
}

const struct cli_command cmd_export = {
	.name = "export",
	.args = "CONTAINER",
	.summary = "Export a container's filesystem as a tar archive",
	.flags = export_flags,
	.opts_size = sizeof(struct export_opts),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.run = export_run,
};

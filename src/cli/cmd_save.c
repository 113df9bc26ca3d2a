/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "engine/save.h"
#include "oci/platform.h"

struct save_opts {
	const char *output, *platform;
};

static const struct cli_flag save_flags[] = {
	{ 'o', "output", "string", "Write to a file, instead of STDOUT", CLI_STRING,
		CLI_AT(save_opts, output, const char *), false },
	{ 0, "platform", "string", "Save only the given platform (\"os[/arch[/variant]]\")",
		CLI_STRING, CLI_AT(save_opts, platform, const char *), false },
	{},
};

static void warn(const char *line, void *arg)
{
	(void)arg;
	(void)fprintf(stderr, "Warning: %s\n", line);
}

static int save_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct save_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_platform struct platform platform = { 0 };
	struct image_save save = { .names = args, .warn = warn };

	if (!opts->output && isatty(STDOUT_FILENO))
		return error_new(err, ERROR_INVALID,
			"cowardly refusing to save to a terminal. Use the -o flag or redirect");
	if ((opts->platform && (platform_parse(opts->platform, &platform, err) < 0 ||
				       platform_need_linux(&platform, err) < 0)) ||
		engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	save.architecture = platform.architecture;
	/* A reader that has gone is an error with a name. */
	(void)signal(SIGPIPE, SIG_IGN);
	return opts->output ? image_save_file(&engine, &save, opts->output, err)
			    : image_save(&engine, &save, STDOUT_FILENO, err);
}

const struct cli_command cmd_save = {
	.name = "save",
	.args = "IMAGE [IMAGE...]",
	.summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
	.flags = save_flags,
	.opts_size = sizeof(struct save_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.run = save_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "engine/load.h"
#include "oci/platform.h"

struct load_opts {
	const char *input, *platform;
	bool quiet;
};

static const struct cli_flag load_flags[] = {
	{ 'i', "input", "string", "Read from tar archive file, instead of STDIN", CLI_STRING,
		CLI_AT(load_opts, input, const char *), false },
	{ 0, "platform", "string", "Load only the given platform (\"os[/arch[/variant]]\")",
		CLI_STRING, CLI_AT(load_opts, platform, const char *), false },
	{ 'q', "quiet", NULL, "Suppress the load output", CLI_BOOL, CLI_AT(load_opts, quiet, bool),
		false },
	{},
};

static void say(const char *line, void *arg)
{
	(void)arg;
	puts(line);
	fflush(stdout);
}

static int open_input(const char *path, struct error **err)
{
	int fd;

	if (path) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? error_sys(err, "open %s", path) : fd;
	}
	if (isatty(STDIN_FILENO))
		return error_new(
			err, ERROR_INVALID, "requested load from stdin, but stdin is empty");
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? error_sys(err, "read stdin") : fd;
}

static int load_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct load_opts *opts = opts_;
	const struct registry_progress progress = { .line = say };
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_platform struct platform platform = { 0 };
	cleanup_close int fd = -1;
	struct image_load load = { .say = say };

	(void)args;
	fd = open_input(opts->input, err);
	if (fd < 0 ||
		(opts->platform && (platform_parse(opts->platform, &platform, err) < 0 ||
					   platform_need_linux(&platform, err) < 0)) ||
		engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	load.fd = fd;
	load.architecture = platform.architecture;
	load.progress = !opts->quiet && isatty(STDOUT_FILENO) ? &progress : NULL;
	if (image_load(&engine, &load, err) < 0)
		return error_wrap(err, "load %s", opts->input ? opts->input : "from stdin");
	return 0;
}

const struct cli_command cmd_load = {
	.name = "load",
	.args = "",
	.summary = "Load an image from a tar archive or STDIN",
	.flags = load_flags,
	.opts_size = sizeof(struct load_opts),
	.min_args = 0,
	.max_args = 0,
	.complete = COMPLETE_NOTHING,
	.run = load_run,
};

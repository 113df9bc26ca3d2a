/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "build/build.h"
#include "cli/commands.h"
#include "cli/create_flags.h"

struct build_opts {
	strv tags, build_args, labels, add_host;
	const char *file, *target, *network, *iidfile, *progress, *platform;
	bool no_cache, pull, quiet;
};

/* clang-format off */
#define TEXT(field) CLI_STRING, CLI_AT(build_opts, field, const char *), false
#define LIST(field) CLI_LIST, CLI_AT(build_opts, field, strv), false
#define SWITCH(field) CLI_BOOL, CLI_AT(build_opts, field, bool), false

static const struct cli_flag build_flags[] = {
	{ 0, "add-host", "list", "Add a custom host-to-IP mapping (\"host:ip\")", LIST(add_host) },
	{ 0, "build-arg", "list", "Set build-time variables", LIST(build_args) },
	{ 'f', "file", "string", "Name of the Dockerfile (Default is \"PATH/Dockerfile\")", TEXT(file) },
	{ 0, "iidfile", "string", "Write the image ID to the file", TEXT(iidfile) },
	{ 0, "label", "list", "Set metadata for an image", LIST(labels) },
	{ 0, "network", "string", "Set the networking mode for the RUN instructions during build (default \"default\")", TEXT(network) },
	{ 0, "no-cache", NULL, "Do not use cache when building the image", SWITCH(no_cache) },
	{ 0, "platform", "string", "Platform of the image; only this machine's is taken", TEXT(platform) },
	{ 0, "progress", "string", "Set type of progress output (\"auto\", \"plain\", \"quiet\")", TEXT(progress) },
	{ 0, "pull", NULL, "Always attempt to pull a newer version of the image", SWITCH(pull) },
	{ 'q', "quiet", NULL, "Suppress the build output and print image ID on success", SWITCH(quiet) },
	{ 't', "tag", "list", "Name and optionally a tag in the \"name:tag\" format", LIST(tags) },
	{ 0, "target", "string", "Set the target build stage to build.", TEXT(target) },
	{},
};
/* clang-format on */

static int build(
	struct cli *cli, const struct build_opts *opts, const char *context, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_free char *id = NULL;
	bool quiet = opts->quiet || (opts->progress && strcmp(opts->progress, "quiet") == 0);
	struct build_options options = { .context = context,
		.dockerfile = opts->file,
		.tags = opts->tags,
		.build_args = opts->build_args,
		.labels = opts->labels,
		.add_host = opts->add_host,
		.target = opts->target,
		.network = opts->network && strcmp(opts->network, "default") != 0 ? opts->network
										  : NULL,
		.no_cache = opts->no_cache,
		.pull = opts->pull,
		.quiet = quiet,
		.iidfile = opts->iidfile,
		.progress_fd = STDERR_FILENO };

	if (engine_open(&cli->paths, &engine, err) < 0 ||
		build_image(&engine, &options, &id, err) < 0)
		return -1;
	if (quiet)
		puts(id);
	return 0;
}

static int build_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	static const char *const kinds[] = { "auto", "plain", "quiet", NULL };
	const struct build_opts *opts = opts_;

	if (opts->progress && !strv_contains((strv)kinds, opts->progress)) {
		error_new(err, ERROR_INVALID, "invalid progress mode '%s'", opts->progress);
		return error_hint(err, "use auto, plain or quiet");
	}
	if (platform_check(opts->platform, err) < 0)
		return -1;
	return build(cli, opts, args[0], err);
}

const struct cli_command cmd_build = {
	.name = "build",
	.args = "PATH | -",
	.summary = "Build an image from a Dockerfile",
	.flags = build_flags,
	.opts_size = sizeof(struct build_opts),
	.min_args = 1,
	.max_args = 1,
	.common = true,
	.run = build_run,
};

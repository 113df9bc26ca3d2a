/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "engine/image.h"
#include "oci/reference.h"

struct push_opts {
	bool all_tags, quiet;
	const char *platform;
};

static const struct cli_flag push_flags[] = {
	{ 'a', "all-tags", NULL, "Push all tags of an image to the repository", CLI_BOOL,
		CLI_AT(push_opts, all_tags, bool), false },
	{ 0, "platform", "string", "Push only when the image is of this platform", CLI_STRING,
		CLI_AT(push_opts, platform, const char *), false },
	{ 'q', "quiet", NULL, "Suppress verbose output", CLI_BOOL, CLI_AT(push_opts, quiet, bool),
		false },
	{},
};

static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strchr(slash ? slash : name, ':') || strchr(name, '@');
}

static int push_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct push_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_reference struct reference ref = { 0 };
	cleanup_progress_view struct progress_view *view = NULL;
	cleanup_free char *name = NULL;
	struct registry_progress progress;
	struct image_push push = {
		.name = args[0], .all_tags = opts->all_tags, .platform = opts->platform
	};

	if (reference_parse(args[0], &ref, err) < 0)
		return -1;
	if (opts->all_tags && has_tag(args[0]))
		return error_new(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
	if (!opts->all_tags && !opts->quiet && !has_tag(args[0]))
		printf("Using default tag: %s\n", ref.tag);
	fflush(stdout);
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	view = progress_view_open(stdout, "Pushing", opts->quiet);
	progress = progress_view_calls(view);
	if (image_push(&engine, &push, &progress, err) < 0)
		return -1;
	name = opts->all_tags ? reference_repository(&ref) : reference_text(&ref);
	if (opts->quiet)
		puts(name);
	return 0;
}

const struct cli_command cmd_push = {
	.name = "push",
	.args = "NAME[:TAG]",
	.summary = "Upload an image to a registry",
	.flags = push_flags,
	.opts_size = sizeof(struct push_opts),
	.min_args = 1,
	.max_args = 1,
	.common = true,
	.complete = COMPLETE_IMAGES,
	.run = push_run,
};

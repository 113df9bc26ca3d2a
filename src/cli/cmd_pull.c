/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/create_flags.h"
#include "cli/progress.h"
#include "engine/image.h"
#include "oci/reference.h"

struct pull_opts {
	bool quiet;
	const char *platform;
};

static const struct cli_flag pull_flags[] = {
	{ 0, "platform", "string", "Platform of the image; only this machine's is taken",
		CLI_STRING, CLI_AT(pull_opts, platform, const char *), false },
	{ 'q', "quiet", NULL, "Suppress verbose output", CLI_BOOL, CLI_AT(pull_opts, quiet, bool),
		false },
	{},
};

/* The reference names a tag only when the user wrote one. */
static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash : name;

	return strchr(last, ':') || strchr(name, '@');
}

static int pull(struct engine *engine, const struct pull_opts *opts, const char *name,
	const struct reference *ref, struct error **err)
{
	cleanup_progress_view struct progress_view *view =
		progress_view_open(stdout, "Downloading", opts->quiet);
	const struct registry_progress progress = progress_view_calls(view);
	cleanup_image_row struct image_row row = { 0 };
	cleanup_free char *full = reference_text(ref);

	if (!opts->quiet && !has_tag(name))
		printf("Using default tag: %s\n", ref->tag);
	fflush(stdout);
	if (image_pull(engine, name, &progress, &row, err) < 0)
		return -1;
	puts(full);
	return 0;
}

static int pull_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct pull_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_reference struct reference ref = { 0 };

	if (platform_check(opts->platform, err) < 0 || reference_parse(args[0], &ref, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return pull(&engine, opts, args[0], &ref, err);
}

const struct cli_command cmd_pull = {
	.name = "pull",
	.args = "NAME[:TAG|@DIGEST]",
	.summary = "Download an image from a registry",
	.flags = pull_flags,
	.opts_size = sizeof(struct pull_opts),
	.min_args = 1,
	.max_args = 1,
	.common = true,
	.complete = COMPLETE_IMAGES,
	.run = pull_run,
};

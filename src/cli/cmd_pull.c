/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "engine/image.h"
#include "oci/reference.h"

struct pull_opts {
	bool all_tags, quiet;
	const char *platform;
};

static const struct cli_flag pull_flags[] = {
	{ 'a', "all-tags", NULL, "Download all tagged images in the repository", CLI_BOOL,
		CLI_AT(pull_opts, all_tags, bool), false },
	{ 0, "platform", "string", "Set platform if server is multi-platform capable", CLI_STRING,
		CLI_AT(pull_opts, platform, const char *), false },
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

static int pull_one(struct engine *engine, const struct pull_opts *opts, const char *name,
	const struct reference *ref, struct error **err)
{
	cleanup_progress_view struct progress_view *view =
		progress_view_open(stdout, "Downloading", opts->quiet);
	const struct registry_progress progress = progress_view_calls(view);
	const struct pull_options options = { .progress = &progress, .platform = opts->platform };
	cleanup_image_row struct image_row row = { 0 };
	cleanup_free char *full = reference_text(ref);

	if (!opts->quiet && !has_tag(name))
		printf("Using default tag: %s\n", ref->tag);
	fflush(stdout);
	if (image_pull_with(engine, ref, &options, &row, err) < 0)
		return -1;
	puts(full);
	return 0;
}

static int pull_tags(struct engine *engine, const struct pull_opts *opts,
	const struct reference *ref, char *const *tags, struct error **err)
{
	cleanup_progress_view struct progress_view *view =
		progress_view_open(stdout, "Downloading", opts->quiet);
	const struct registry_progress progress = progress_view_calls(view);
	cleanup_free char *familiar = reference_familiar_repository(ref);
	bool any_new = false, is_new = false;
	const struct pull_options options = {
		.progress = &progress, .platform = opts->platform, .is_new = &is_new
	};

	for (size_t i = 0; tags && tags[i]; i++) {
		cleanup_image_row struct image_row row = { 0 };
		struct reference tagged = *ref;

		tagged.tag = tags[i];
		if (image_pull_with(engine, &tagged, &options, &row, err) < 0)
			return error_wrap(err, "%s:%s", familiar, tags[i]);
		any_new |= is_new;
	}
	if (!opts->quiet)
		printf("Status: %s for %s\n",
			any_new ? "Downloaded newer image" : "Image is up to date", familiar);
	return 0;
}

static int pull_all(struct engine *engine, const struct pull_opts *opts, const char *name,
	const struct reference *ref, struct error **err)
{
	cleanup_free char *repository = reference_repository(ref);
	cleanup_strv strv tags = NULL;

	if (has_tag(name))
		return error_new(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
	if (registry_tags(ref, &tags, err) < 0 || pull_tags(engine, opts, ref, tags, err) < 0)
		return -1;
	puts(repository);
	return 0;
}

static int pull_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct pull_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_reference struct reference ref = { 0 };

	if (reference_parse(args[0], &ref, err) < 0 || engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return (opts->all_tags ? pull_all : pull_one)(&engine, opts, args[0], &ref, err);
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

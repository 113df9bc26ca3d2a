/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "build/build.h"
#include "cli/commands.h"
#include "engine/image.h"
#include "oci/platform.h"

struct import_opts {
	strv changes;
	const char *message, *platform;
};

static const struct cli_flag import_flags[] = {
	{ 'c', "change", "list", "Apply Dockerfile instruction to the created image", CLI_LIST,
		CLI_AT(import_opts, changes, strv), false },
	{ 'm', "message", "string", "Set commit message for imported image", CLI_STRING,
		CLI_AT(import_opts, message, const char *), false },
	{ 0, "platform", "string", "Set the platform of the image (\"os[/arch[/variant]]\")",
		CLI_STRING, CLI_AT(import_opts, platform, const char *), false },
	{},
};

static int import_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct import_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_image_config struct image_config config = { 0 };
	cleanup_image_row struct image_row row = { 0 };
	cleanup_platform struct platform platform = { 0 };
	struct image_import import = { .source = args[0],
		.reference = args[1],
		.changes = opts->changes,
		.message = opts->message,
		.config = &config };
	char id[DIGEST_TEXT_MAX];

	if (opts->platform && *opts->platform &&
		(platform_parse(opts->platform, &platform, err) < 0 ||
			platform_need_linux(&platform, err) < 0))
		return -1;
	import.architecture = platform.architecture;
	import.variant = platform.variant;
	if (build_apply_changes(&config, opts->changes, err) < 0)
		return -1;
	if (engine_open(&cli->paths, &engine, err) < 0 ||
		image_import(&engine, &import, &row, err) < 0)
		return -1;
	puts(digest_text(&row.id, id));
	return 0;
}

const struct cli_command cmd_import = {
	.name = "import",
	.args = "file|URL|- [REPOSITORY[:TAG]]",
	.summary = "Import the contents from a tarball to create a filesystem image",
	.flags = import_flags,
	.opts_size = sizeof(struct import_opts),
	.min_args = 1,
	.max_args = 2,
	.run = import_run,
};

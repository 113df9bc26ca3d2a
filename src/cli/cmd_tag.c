/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "engine/image.h"

static const struct cli_flag no_flags[] = { {} };

static int tag_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;

	(void)opts;
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return image_tag(&engine, args[0], args[1], err);
}

const struct cli_command cmd_tag = {
	.name = "tag",
	.args = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
	.summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
	.flags = no_flags,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.run = tag_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "engine/image.h"

struct rmi_opts {
	bool force;
	bool no_prune; /* nothing to do: here no image has parents without a name */
};

static const struct cli_flag rmi_flags[] = {
	{ 'f', "force", NULL, "Force removal of the image", CLI_BOOL, CLI_AT(rmi_opts, force, bool),
		false },
	{ 0, "no-prune", NULL, "Do not delete untagged parents", CLI_BOOL,
		CLI_AT(rmi_opts, no_prune, bool), false },
	{},
};

static int rmi_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct rmi_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	int code = 0;

	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	for (; *names; names++) {
		cleanup_error struct error *failure = NULL;
		cleanup_strv strv report = NULL;
		int result = image_remove(&engine, *names, opts->force, &report, &failure);

		for (size_t i = 0; report && report[i]; i++)
			puts(report[i]);
		if (result == 0)
			continue;
		cli_report(cli, failure);
		if (!opts->force || error_kind(failure) != ERROR_NOT_FOUND)
			code = 1;
	}
	return code;
}

#define RMI_BODY \
	.args = "IMAGE [IMAGE...]", .summary = "Remove one or more images", .flags = rmi_flags, \
	.opts_size = sizeof(struct rmi_opts), .min_args = 1, .max_args = -1, \
	.complete = COMPLETE_IMAGES, .run = rmi_run

const struct cli_command cmd_rmi = { .name = "rmi", RMI_BODY };
const struct cli_command cmd_image_rm = { .name = "rm", .aliases = "remove", RMI_BODY };

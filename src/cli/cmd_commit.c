/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "build/build.h"
#include "cli/commands.h"
#include "engine/commit.h"

struct commit_opts {
	strv changes;
	const char *author, *message;
	bool pause, no_pause;
};

static const struct cli_flag commit_flags[] = {
	{ 'a', "author", "string", "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")",
		CLI_STRING, CLI_AT(commit_opts, author, const char *), false },
	{ 'c', "change", "list", "Apply Dockerfile instruction to the created image", CLI_LIST,
		CLI_AT(commit_opts, changes, strv), false },
	{ 'm', "message", "string", "Commit message", CLI_STRING,
		CLI_AT(commit_opts, message, const char *), false },
	{ 0, "no-pause", NULL, "Disable pausing container during commit", CLI_BOOL,
		CLI_AT(commit_opts, no_pause, bool), false },
	{ 'p', "pause", NULL, "Pause container during commit (default true)", CLI_BOOL,
		CLI_AT(commit_opts, pause, bool), false },
	{},
};

static int commit_command(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct commit_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_image_config struct image_config config = { 0 };
	cleanup_image_row struct image_row row = { 0 };
	const struct commit_options options = { .container = args[0],
		.reference = args[1] && *args[1] ? args[1] : NULL,
		.author = opts->author,
		.message = opts->message,
		.pause = opts->pause && !opts->no_pause,
		.config = &config };
	char id[DIGEST_TEXT_MAX];

	if (engine_open(&cli->paths, &engine, err) < 0 ||
		commit_config(&engine, args[0], &config, err) < 0 ||
		build_apply_changes(&config, opts->changes, err) < 0 ||
		commit_run(&engine, &options, &row, err) < 0)
		return -1;
	puts(digest_text(&row.id, id));
	return 0;
}

const struct cli_command cmd_commit = {
	.name = "commit",
	.args = "CONTAINER [REPOSITORY[:TAG]]",
	.summary = "Create a new image from a container's changes",
	.flags = commit_flags,
	.defaults = &(const struct commit_opts){ .pause = true },
	.opts_size = sizeof(struct commit_opts),
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_CONTAINERS,
	.run = commit_command,
};

static const struct cli_flag no_flags[] = { {} };

static int unpause_after_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	(void)opts;
	return commit_guard(&cli->paths, args[0], STDIN_FILENO, err);
}

/* What a commit starts before it pauses a container: nobody types it. */
const struct cli_command cmd_unpause_after = {
	.name = "unpause-after",
	.args = "ID",
	.summary = "Let a container go on when the commit that paused it has died",
	.flags = no_flags,
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.complete = COMPLETE_NOTHING,
	.run = unpause_after_run,
};

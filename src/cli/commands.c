/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <strings.h>

#include "base/error.h"
#include "sys/process.h"

static const struct cli_command *const container_children[] = { &cmd_attach, &cmd_commit,
	&cmd_create, &cmd_diff, &cmd_exec, &cmd_export, &cmd_container_inspect, &cmd_kill,
	&cmd_logs, &cmd_container_ls, &cmd_pause, &cmd_port, &cmd_container_prune, &cmd_rename,
	&cmd_restart, &cmd_rm, &cmd_run, &cmd_start, &cmd_stats, &cmd_stop, &cmd_top, &cmd_unpause,
	&cmd_update, &cmd_wait, NULL };
static const struct cli_command *const image_children[] = { &cmd_build, &cmd_history, &cmd_import,
	&cmd_image_inspect, &cmd_load, &cmd_image_ls, &cmd_image_prune, &cmd_pull, &cmd_push,
	&cmd_image_rm, &cmd_save, &cmd_tag, NULL };
static const struct cli_command *const system_children[] = { &cmd_system_check, &cmd_system_df,
	&cmd_info, &cmd_system_prune, &cmd_system_reset, NULL };
static const struct cli_command *const volume_children[] = { &cmd_volume_prune, NULL };
static const struct cli_command *const builder_children[] = { &cmd_build, &cmd_builder_prune,
	NULL };
static const struct cli_command *const completion_children[] = { &cmd_completion_bash,
	&cmd_completion_fish, &cmd_completion_zsh, NULL };

const struct cli_command cmd_container = {
	.name = "container", .summary = "Manage containers", .children = container_children
};
const struct cli_command cmd_image = {
	.name = "image", .summary = "Manage images", .children = image_children
};
const struct cli_command cmd_system = {
	.name = "system", .summary = "Manage vessel", .children = system_children
};
const struct cli_command cmd_volume = {
	.name = "volume", .summary = "Manage volumes", .children = volume_children
};
const struct cli_command cmd_builder = {
	.name = "builder", .summary = "Manage builds", .children = builder_children
};
const struct cli_command cmd_completion = {
	.name = "completion",
	.summary = "Generate the autocompletion script for the specified shell",
	.children = completion_children,
};

/* In the order of help: what is used first comes first, the rest by name. */
const struct cli_command *const cli_commands[] = { &cmd_run, &cmd_exec, &cmd_ps, &cmd_build,
	&cmd_pull, &cmd_push, &cmd_images, &cmd_login, &cmd_logout, &cmd_version, &cmd_info,
	&cmd_attach, &cmd_builder, &cmd_commit, &cmd_completion, &cmd_container, &cmd_create,
	&cmd_diff, &cmd_export, &cmd_history, &cmd_image, &cmd_import, &cmd_inspect, &cmd_kill,
	&cmd_load, &cmd_logs, &cmd_pause, &cmd_port, &cmd_rename, &cmd_restart, &cmd_rm, &cmd_rmi,
	&cmd_save, &cmd_start, &cmd_stats, &cmd_stop, &cmd_system, &cmd_tag, &cmd_top, &cmd_unpause,
	&cmd_update, &cmd_volume, &cmd_wait, &cmd_reap, &cmd_unpause_after, &cmd_complete, &cmd_man,
	NULL };

int cli_each(
	struct cli *cli, char *const *names, cli_action action, const void *arg, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	int code = 0;

	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	for (; *names; names++) {
		cleanup_error struct error *failure = NULL;

		if (action(&engine, *names, arg, &failure) < 0) {
			cli_report(cli, failure);
			code = 1;
			continue;
		}
		puts(*names);
		fflush(stdout); /* one may take its time: who waits for the others sees them */
	}
	return code;
}

bool cli_confirm(const char *question)
{
	char answer[16] = "";

	(void)fputs(question, stdout);
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0;
}

int cli_signal(const char *text, struct error **err)
{
	int number;

	if (!text)
		return -1;
	number = signal_parse(text, err);
	return number < 0 ? -2 : number;
}

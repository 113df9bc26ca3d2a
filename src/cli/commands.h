/* SPDX-License-Identifier: Apache-2.0 */
/* All commands, one file each, and what several of them do alike. */
#pragma once

#include "cli/command.h"

struct error;

/* An engine that is not open, for cleanup_engine. */
#define ENGINE_CLOSED \
	{ \
		.run_fd = -1, .containers_fd = -1, .volumes_fd = -1, \
		.store = { \
			.root_fd = -1, \
			.blobs_fd = -1, \
			.layers_fd = -1, \
			.tmp_fd = -1, \
		}, \
	}

/*
 * Does it for each name and prints the name; a failure is printed and the others go on. Returns the
 * exit code, 0 or 1.
 */
typedef int (*cli_action)(
	struct engine *engine, const char *name, const void *arg, struct error **err);
int cli_each(struct cli *cli, char *const *names, cli_action action, const void *arg,
	struct error **err);

/* Signal of -s: -1 when not given (text NULL), -2 with *err. */
int cli_signal(const char *text, struct error **err);

/* Asks on stdout; true only for an answer of y or yes. */
bool cli_confirm(const char *question);

extern const struct cli_command cmd_builder, cmd_builder_prune, cmd_container_prune,
	cmd_image_prune, cmd_system_check, cmd_system_df, cmd_system_prune, cmd_volume,
	cmd_volume_prune;
extern const struct cli_command cmd_commit, cmd_diff, cmd_export, cmd_history, cmd_unpause_after;
extern const struct cli_command cmd_attach, cmd_build, cmd_complete, cmd_completion,
	cmd_completion_bash, cmd_completion_fish, cmd_completion_zsh, cmd_container,
	cmd_container_inspect, cmd_container_ls, cmd_create, cmd_exec, cmd_image, cmd_image_inspect,
	cmd_image_ls, cmd_image_rm, cmd_images, cmd_import, cmd_info, cmd_inspect, cmd_kill,
	cmd_load, cmd_login, cmd_logout, cmd_logs, cmd_man, cmd_pause, cmd_port, cmd_ps, cmd_pull,
	cmd_push, cmd_reap, cmd_rename, cmd_restart, cmd_rm, cmd_rmi, cmd_run, cmd_save, cmd_start,
	cmd_stats, cmd_stop, cmd_system, cmd_system_reset, cmd_tag, cmd_top, cmd_unpause,
	cmd_update, cmd_version, cmd_wait;

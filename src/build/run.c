/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/heredoc.h"
#include "build/key.h"
#include "build/mount.h"
#include "build/output.h"
#include "engine/container.h"

/* Passed to commands when given as build arguments, without ARG, and outside the cache key. */
static const char *const proxies[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
	"FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", NULL };

struct command {
	strv args;
	char *script; /* a heredoc with "#!": a file that is run */
	const char *network, *shown;
};

static void command_done_p_(struct command *command)
{
	strv_free(command->args);
	free(command->script);
}
#define cleanup_command CLEANUP(command_done)

/* ---- flags ---- */

static int find_network(const struct builder *builder, const struct instruction *instruction,
	const char **ret, struct error **err)
{
	const char *asked = instruction_flag(instruction, "network");
	const char *granted = builder->options->network;

	if (!granted || !*granted || strcmp(granted, "default") == 0)
		granted = "bridge";
	*ret = granted;
	if (!asked || strcmp(asked, "default") == 0)
		return 0;
	*ret = asked;
	if (strcmp(asked, "none") == 0)
		return 0;
	if (strcmp(asked, "host") != 0)
		return error_new(err, ERROR_INVALID,
			"--network must be default, none or host, not '%.100s'", asked);
	if (strcmp(granted, "host") == 0)
		return 0;
	error_new(err, ERROR_DENIED, "--network=host is not allowed by a Dockerfile alone");
	return error_hint(err, "give --network=host to build, too");
}

static int check_security(const struct instruction *instruction, struct error **err)
{
	const char *security = instruction_flag(instruction, "security");

	if (!security || strcmp(security, "sandbox") == 0)
		return 0;
	if (strcmp(security, "insecure") == 0)
		return error_new(err, ERROR_DENIED, "--security=insecure is not allowed");
	return error_new(err, ERROR_INVALID, "--security must be sandbox or insecure, not '%.100s'",
		security);
}

/* What is wrong with it is told first; variables are not known yet when this is asked. */
static int refuse_mount(const char *text, struct error **err)
{
	cleanup_run_mount struct run_mount mount = { .type = MOUNT_BIND };
	struct state nothing = { .escape = '\\' };

	if (!strchr(text, '$') && run_mount_parse(&nothing, text, &mount, err) < 0)
		return -1;
	return error_new(err, ERROR_UNSUPPORTED, "--mount=type=%s is not supported yet",
		mount_type_name(mount.type));
}

int run_check(
	const struct builder *builder, const struct instruction *instruction, struct error **err)
{
	cleanup_strv strv mounts = instruction_flag_list(instruction, "mount");
	const char *network;

	if (find_network(builder, instruction, &network, err) < 0 ||
		check_security(instruction, err) < 0)
		return -1;
	if (instruction_flag(instruction, "device"))
		return error_new(err, ERROR_UNSUPPORTED, "--device is not supported yet");
	return mounts ? refuse_mount(mounts[0], err) : 0;
}

/* ---- the command ---- */

/* The line and its heredocs put together again, for a shell that knows them. */
static char *with_heredocs(const struct instruction *instruction)
{
	cleanup_strv strv parts = NULL;

	strv_append(&parts, instruction->args[0]);
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		strv_appendf(&parts, "\n%s%s", instruction->heredocs[i].content,
			instruction->heredocs[i].name);
	return strv_join(parts, "");
}

static void make_command(
	const struct state *state, const struct instruction *instruction, struct command *ret)
{
	cleanup_strv strv line = NULL;
	const struct heredoc *whole = NULL;

	if (instruction->heredoc_count == 0) {
		state_command(state, instruction->args, instruction->json, &ret->args);
		return;
	}
	whole = heredoc_of(instruction, instruction->args[0]);
	strv_take(&line, whole ? heredoc_content(whole) : with_heredocs(instruction));
	if (whole && strncmp(line[0], "#!", 2) == 0) {
		ret->script = xstrdup(line[0]);
		return; /* args come when the file has a name */
	}
	state_command(state, line, false, &ret->args);
}

static void key_command(const struct builder *builder, const struct state *state,
	const struct command *command, char ret[static ID_MAX])
{
	struct sha256 sha;

	key_begin(&sha, "run");
	state_key_layers(state, &sha);
	key_list(&sha, command->args);
	key_text(&sha, command->script);
	key_list(&sha, state->env);
	key_text(&sha, state->image.config.user);
	key_text(&sha, state_workdir(state));
	key_text(&sha, command->network);
	key_list(&sha, builder->options->add_host);
	key_end(&sha, ret);
}

static strv environment(const struct builder *builder, const struct state *state)
{
	strv env = strv_copy(state->env);

	for (size_t i = 0; proxies[i]; i++) {
		const char *value = env_get(builder->build_args, proxies[i]);

		if (value && !env_get(env, proxies[i]))
			env_set(&env, proxies[i], value);
	}
	return env;
}

/* ---- running ---- */

/* A script lies at the top of the snapshot while it runs. */
static int place_script(
	struct workspace *workspace, struct command *command, int *ret_dir_fd, struct error **err)
{
	cleanup_free char *upper = xasprintf("%s/fs", workspace->snapshot), *name = NULL;
	cleanup_close int dir_fd = dir_open_at(AT_FDCWD, upper, err), fd = -1;
	char id[ID_MAX];

	if (dir_fd < 0)
		return -1;
	id_make(id);
	name = xasprintf("/.run-%.16s", id);
	fd = openat(dir_fd, name + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (fd < 0)
		return error_sys(err, "make the script");
	if (file_write_all(fd, command->script, strlen(command->script), "the script", err) < 0)
		return -1;
	if (fchmod(fd, 0755) < 0)
		return error_sys(err, "set the mode of the script");
	strv_append(&command->args, name);
	*ret_dir_fd = take_fd(&dir_fd);
	return 0;
}

/* Its name, whatever the command made of it. */
static int remove_script(int dir_fd, const struct command *command, struct error **err)
{
	return dir_fd < 0 ? 0 : tree_remove_at(dir_fd, command->args[0] + 1, err);
}

static int run_command(struct builder *builder, const struct state *state,
	struct workspace *workspace, struct command *command, int output_fd, struct error **err)
{
	cleanup_strv strv lowers = NULL, env = environment(builder, state);
	cleanup_close int script_dir_fd = -1;
	struct step_run step = { .snapshot = workspace->snapshot,
		.user = state->image.config.user,
		.workdir = state_workdir(state),
		.network = command->network,
		.add_host = builder->options->add_host,
		.env = env,
		.output_fd = output_fd };
	int code = 0;

	if (state_lowers(builder->engine, state, &lowers, err) < 0)
		return -1;
	if (command->script && place_script(workspace, command, &script_dir_fd, err) < 0)
		return -1;
	step.lowers = lowers;
	step.args = command->args;
	if (step_run(builder->engine, &step, &code, err) < 0) {
		/* 126 and 127 are for the program that `run` was asked for; here a build fails. */
		bool refused = error_kind(*err) == ERROR_NO_PROGRAM ||
			       error_kind(*err) == ERROR_NOT_EXECUTABLE;

		return refused ? error_as(err, ERROR_INVALID, "cannot be started") : -1;
	}
	if (remove_script(script_dir_fd, command, err) < 0)
		return -1;
	return code == 0 ? 0 : error_new(err, ERROR_INVALID, "exit code %d", code);
}

/* Also with --quiet: it is the only way to learn why. */
static void show_failure(const struct builder *builder, const char *text, const char *tail)
{
	struct progress progress = { .fd = builder->options->progress_fd };
	cleanup_free char *block = xasprintf("------\n > %s:\n%s------", text, tail ? tail : "");

	progress_line(&progress, block);
}

static int run_shown(struct builder *builder, const struct state *state, struct command *command,
	const struct progress_step *step, struct layer_row *ret, struct error **err)
{
	cleanup_workspace struct workspace workspace = WORKSPACE_INIT;
	cleanup_error struct error *lost = NULL;
	cleanup_free char *tail = NULL;
	struct output output;
	int result;

	if (workspace_open(builder->engine, state, WORKSPACE_RUN, &workspace, err) < 0 ||
		output_begin(step, &output, err) < 0)
		return -1;
	result = run_command(builder, state, &workspace, command, output.write_fd, err);
	if (output_end(&output, &tail, result < 0 ? &lost : err) < 0)
		result = -1;
	if (result < 0) {
		progress_failed(step, error_message(*err));
		show_failure(builder, command->shown, tail);
		return -1;
	}
	return workspace_commit(&workspace, ret, err);
}

static char *history_of(const struct instruction *instruction, const struct command *command)
{
	cleanup_free char *line = strv_join(command->args, " ");

	if (command->script)
		return xasprintf("%s # buildkit", instruction->text);
	return xasprintf("RUN %s # buildkit", line);
}

int run_step(struct builder *builder, struct state *state, const struct instruction *instruction,
	struct error **err)
{
	cleanup_command struct command command = { .shown = instruction->text };
	cleanup_free char *history = NULL;
	struct progress_step step;
	struct cache_row cached;
	struct layer_row made;
	char key[ID_MAX];
	int found;

	if (find_network(builder, instruction, &command.network, err) < 0)
		return -1;
	make_command(state, instruction, &command);
	key_command(builder, state, &command, key);
	history = history_of(instruction, &command);
	step = builder_begin(builder, instruction->text);
	found = layer_find(builder, key, &cached, err);
	if (found < 0)
		return -1;
	if (found) {
		progress_cached(&step);
		return layer_append(builder, state, &cached.layer, history, err);
	}
	if (run_shown(builder, state, &command, &step, &made, err) < 0 ||
		layer_remember(builder, key, &made, err) < 0)
		return -1;
	progress_done(&step);
	return layer_append(builder, state, &made.diff_id, history, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "cli/attach.h"
#include "cli/commands.h"
#include "cli/create_flags.h"
#include "cli/signals.h"
#include "cli/terminal.h"

struct exec_opts {
	bool detach, interactive, privileged, tty;
	const char *detach_keys, *user, *workdir;
	strv env, env_file;
};

static const struct cli_flag exec_flags[] = {
	{ 'd', "detach", NULL, "Detached mode: run command in the background", CLI_BOOL,
		CLI_AT(exec_opts, detach, bool), false },
	{ 0, "detach-keys", "string", "Override the key sequence for detaching a container",
		CLI_STRING, CLI_AT(exec_opts, detach_keys, const char *), false },
	{ 'e', "env", "list", "Set environment variables", CLI_LIST, CLI_AT(exec_opts, env, strv),
		false },
	{ 0, "env-file", "list", "Read in a file of environment variables", CLI_LIST,
		CLI_AT(exec_opts, env_file, strv), false },
	{ 'i', "interactive", NULL, "Keep STDIN open even if not attached", CLI_BOOL,
		CLI_AT(exec_opts, interactive, bool), false },
	{ 0, "privileged", NULL, "Give extended privileges to the command", CLI_BOOL,
		CLI_AT(exec_opts, privileged, bool), false },
	{ 't', "tty", NULL, "Allocate a pseudo-TTY", CLI_BOOL, CLI_AT(exec_opts, tty, bool),
		false },
	{ 'u', "user", "string", "Username or UID (format: \"<name|uid>[:<group|gid>]\")",
		CLI_STRING, CLI_AT(exec_opts, user, const char *), false },
	{ 'w', "workdir", "string", "Working directory inside the container", CLI_STRING,
		CLI_AT(exec_opts, workdir, const char *), false },
	{},
};

static void close_session(struct exec_session *session)
{
	close_fd(session->connection);
	close_fd(session->stdin_fd);
	if (session->stdout_fd != session->stdin_fd)
		close_fd(session->stdout_fd);
	close_fd(session->stderr_fd);
}

static int exec(struct cli *cli, const struct exec_opts *opts, const char *name,
	struct exec_options *options, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	struct attach attach = { .is_exec = true, .stdin = opts->interactive, .tty = opts->tty };
	int code = 0, end;

	if (detach_init(&attach.detach, opts->detach_keys, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	if (opts->tty && !terminal_size(STDOUT_FILENO, &options->rows, &options->columns))
		(void)terminal_size(STDIN_FILENO, &options->rows, &options->columns);
	if (container_exec(&engine, name, options, &attach.io, err) < 0)
		return -1;
	if (opts->detach) {
		close_session(&attach.io);
		return 0;
	}
	end = attach_run(&attach, &code, err);
	if (end == ATTACH_KILLED)
		signals_die(attach.deadly);
	if (end == ATTACH_DETACHED)
		attach_say_detached();
	if (end == ATTACH_LOST)
		return error_new(err, ERROR_UNAVAILABLE,
			"the container's monitor went away while the command ran");
	return end < 0 ? -1 : code;
}

static int exec_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct exec_opts *opts = opts_;
	cleanup_strv strv env = NULL;
	struct exec_options options = { .command = args + 1,
		.user = opts->user,
		.workdir = opts->workdir,
		.tty = opts->tty,
		.open_stdin = opts->interactive && !opts->detach,
		.detach = opts->detach,
		.privileged = opts->privileged };

	if (!opts->detach && attach_check_tty(opts->interactive, opts->tty, err) < 0)
		return -1;
	for (size_t i = 0; opts->env_file && opts->env_file[i]; i++)
		if (env_file_read(opts->env_file[i], true, &env, err) < 0)
			return error_wrap(err, "--env-file");
	env_inherit(opts->env, &env);
	options.env = env;
	return exec(cli, opts, args[0], &options, err);
}

const struct cli_command cmd_exec = {
	.name = "exec",
	.args = "CONTAINER COMMAND [ARG...]",
	.summary = "Execute a command in a running container",
	.flags = exec_flags,
	.opts_size = sizeof(struct exec_opts),
	.min_args = 2,
	.max_args = -1,
	.options_first = true,
	.common = true,
	.complete = COMPLETE_RUNNING,
	.run = exec_run,
};

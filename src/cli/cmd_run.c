/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/create_flags.h"
#include "cli/session.h"

static bool is_stream(char *const *attach, const char *name)
{
	for (; attach && *attach; attach++)
		if (strcasecmp(*attach, name) == 0)
			return true;
	return false;
}

/* Without -a all streams are ours, stdin with -i. */
static void pick_streams(
	const struct create_opts *opts, struct session *session, bool *ret_out, bool *ret_err)
{
	bool chosen = opts->attach && opts->attach[0];

	session->stdin = opts->interactive && (!chosen || is_stream(opts->attach, "stdin"));
	*ret_out = !chosen || is_stream(opts->attach, "stdout");
	*ret_err = !chosen || is_stream(opts->attach, "stderr");
}

/* What could not be started is not worth keeping when it was to be removed anyway. */
static int failed_start(struct engine *engine, const struct create_opts *opts, const char *id)
{
	cleanup_error struct error *ignored = NULL;

	if (opts->rm)
		(void)container_remove(engine, id, true, true, &ignored);
	return -1;
}

static int run_detached(
	struct engine *engine, const struct create_opts *opts, const char *id, struct error **err)
{
	const struct container_attach none = { 0 };
	int connection = -1;

	if (container_start(engine, id, &none, &connection, err) < 0)
		return failed_start(engine, opts, id);
	close_fd(connection);
	puts(id);
	return 0;
}

static int run_attached(
	struct engine *engine, const struct create_opts *opts, const char *id, struct error **err)
{
	struct session session = { .engine = engine,
		.id = id,
		.tty = opts->tty,
		.proxy = opts->sig_proxy,
		.owner = opts->rm,
		.detach_keys = opts->detach_keys };
	struct container_attach streams;
	bool out, errors;
	int connection = -1;

	pick_streams(opts, &session, &out, &errors);
	streams = session_streams(&session, out, errors);
	if (container_start(engine, id, &streams, &connection, err) < 0)
		return failed_start(engine, opts, id);
	return session_run(&session, connection, err);
}

static int run(struct cli *cli, const struct create_opts *opts,
	const struct container_options *options, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	char id[ID_MAX];

	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	container_ahead(&engine);
	if (create_container(&engine, opts, options, id, err) < 0)
		return -1;
	return opts->detach ? run_detached(&engine, opts, id, err)
			    : run_attached(&engine, opts, id, err);
}

static int run_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct create_opts *opts = opts_;
	const struct session session = { .detach_keys = opts->detach_keys };
	struct container_options options;
	struct create_lists lists = { 0 };
	cleanup_error struct error *no_tty = NULL;
	int result;

	/* Nothing was asked of the engine yet, so this is 1 and not 125, as with docker. */
	if (!opts->detach && attach_check_tty(opts->interactive, opts->tty, &no_tty) < 0) {
		cli_report(cli, no_tty);
		return 1;
	}
	result = create_prepare(opts, args, &options, &lists, err);
	if (result == 0)
		result = session_check(&session, err);
	if (result == 0)
		result = run(cli, opts, &options, err);
	create_lists_done(&lists);
	return result;
}

const struct cli_command cmd_run = {
	.name = "run",
	.args = "IMAGE [COMMAND] [ARG...]",
	.summary = "Create and run a new container from an image",
	.flags = run_flags,
	.defaults = &create_defaults,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.common = true,
	.complete = COMPLETE_IMAGES,
	.failure_code = CLI_USAGE_CODE,
	.run = run_run,
};

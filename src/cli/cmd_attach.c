/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "cli/commands.h"
#include "cli/session.h"

struct attach_opts {
	const char *detach_keys;
	bool no_stdin, sig_proxy;
};

static const struct cli_flag attach_flags[] = {
	{ 0, "detach-keys", "string", "Override the key sequence for detaching a container",
		CLI_STRING, CLI_AT(attach_opts, detach_keys, const char *), false },
	{ 0, "no-stdin", NULL, "Do not attach STDIN", CLI_BOOL, CLI_AT(attach_opts, no_stdin, bool),
		false },
	{ 0, "sig-proxy", NULL, "Proxy all received signals to the process (default true)",
		CLI_BOOL, CLI_AT(attach_opts, sig_proxy, bool), false },
	{},
};

static int check_state(struct engine *engine, const char *id, struct error **err)
{
	struct container_status status;

	if (container_status(engine, id, &status, err) < 0)
		return -1;
	if (status.state == CONTAINER_PAUSED)
		return error_new(err, ERROR_CONFLICT,
			"You cannot attach to a paused container, unpause it first");
	if (status.state != CONTAINER_RUNNING)
		return error_new(err, ERROR_CONFLICT,
			"You cannot attach to a stopped container, start it first");
	return 0;
}

static int attach(
	struct engine *engine, const struct attach_opts *opts, const char *name, struct error **err)
{
	char id[ID_MAX];
	struct session session = {
		.engine = engine, .id = id, .redraw = true, .detach_keys = opts->detach_keys
	};
	struct container_attach streams;
	bool open_stdin = false;
	int connection = -1;

	if (session_check(&session, err) < 0 || container_resolve(engine, name, id, err) < 0 ||
		check_state(engine, id, err) < 0 ||
		session_describe(engine, id, &session.tty, &open_stdin, err) < 0)
		return -1;
	session.stdin = open_stdin && !opts->no_stdin;
	session.proxy = opts->sig_proxy && !session.tty;
	if (attach_check_tty(session.stdin, session.tty, err) < 0)
		return -1;
	streams = session_streams(&session, true, true);
	if (container_attach(engine, id, &streams, &connection, err) < 0)
		return -1;
	return session_run(&session, connection, err);
}

static int attach_command(struct cli *cli, const void *opts, char **names, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;

	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return attach(&engine, opts, names[0], err);
}

const struct cli_command cmd_attach = {
	.name = "attach",
	.args = "CONTAINER",
	.summary = "Attach local standard input, output, and error streams to a running container",
	.flags = attach_flags,
	.defaults = &(const struct attach_opts){ .sig_proxy = true },
	.opts_size = sizeof(struct attach_opts),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_RUNNING,
	.run = attach_command,
};

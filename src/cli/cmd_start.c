/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/session.h"

struct start_opts {
	bool attach, interactive;
	const char *detach_keys;
};

static const struct cli_flag start_flags[] = {
	{ 'a', "attach", NULL, "Attach STDOUT/STDERR and forward signals", CLI_BOOL,
		CLI_AT(start_opts, attach, bool), false },
	{ 0, "detach-keys", "string", "Override the key sequence for detaching a container",
		CLI_STRING, CLI_AT(start_opts, detach_keys, const char *), false },
	{ 'i', "interactive", NULL, "Attach container's STDIN", CLI_BOOL,
		CLI_AT(start_opts, interactive, bool), false },
	{},
};

static int start_one(struct engine *engine, const char *name, const void *arg, struct error **err)
{
	const struct container_attach none = { 0 };
	char id[ID_MAX];
	int connection = -1;

	(void)arg;
	if (container_resolve(engine, name, id, err) < 0)
		return -1;
	if (container_is_running(engine, id))
		return 0;
	if (container_start(engine, id, &none, &connection, err) < 0)
		return -1;
	close_fd(connection);
	return 0;
}

static int start_attached(
	struct engine *engine, const struct start_opts *opts, const char *name, struct error **err)
{
	char id[ID_MAX];
	struct session session = { .engine = engine, .id = id, .detach_keys = opts->detach_keys };
	struct container_attach streams;
	bool open_stdin = false;
	int connection = -1, result;

	if (session_check(&session, err) < 0 || container_resolve(engine, name, id, err) < 0 ||
		session_describe(engine, id, &session.tty, &open_stdin, err) < 0)
		return -1;
	session.stdin = opts->interactive && open_stdin;
	session.proxy = !session.tty;
	if (attach_check_tty(session.stdin, session.tty, err) < 0)
		return -1;
	streams = session_streams(&session, true, true);
	result = container_is_running(engine, id)
			 ? container_attach(engine, id, &streams, &connection, err)
			 : container_start(engine, id, &streams, &connection, err);
	return result < 0 ? -1 : session_run(&session, connection, err);
}

static int start_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct start_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;

	if (!opts->attach && !opts->interactive)
		return cli_each(cli, names, start_one, NULL, err);
	if (names[1]) {
		error_new(err, ERROR_INVALID,
			"you cannot start and attach multiple containers at once");
		return error_hint(err, "start them without -a and -i, then attach to one");
	}
	if (engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	return start_attached(&engine, opts, names[0], err);
}

const struct cli_command cmd_start = {
	.name = "start",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Start one or more stopped containers",
	.flags = start_flags,
	.opts_size = sizeof(struct start_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = start_run,
};

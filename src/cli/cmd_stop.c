/* SPDX-License-Identifier: Apache-2.0 */
/* stop and restart: the same flags, another verb of the engine. */
#include <limits.h>

#include "cli/commands.h"
#include "engine/container.h"

struct stop_opts {
	int64_t timeout;
	const char *signal;
	int signal_number;
};

static const struct cli_flag stop_flags[] = {
	{ 's', "signal", "string", "Signal to send to the container", CLI_STRING,
		CLI_AT(stop_opts, signal, const char *), false },
	{ 't', "timeout", "int", "Seconds to wait before killing the container", CLI_INT,
		CLI_AT(stop_opts, timeout, int64_t), false },
	{ 0, "time", "int", "Seconds to wait before killing the container", CLI_INT,
		CLI_AT(stop_opts, timeout, int64_t), true },
	{},
};
static const struct stop_opts stop_defaults = { .timeout = CONTAINER_TIMEOUT_OWN };

static int timeout_of(const struct stop_opts *opts)
{
	if (opts->timeout == CONTAINER_TIMEOUT_OWN)
		return CONTAINER_TIMEOUT_OWN;
	return opts->timeout < 0 || opts->timeout > INT_MAX ? -1 : (int)opts->timeout;
}

static int stop_one(struct engine *engine, const char *name, const void *arg, struct error **err)
{
	const struct stop_opts *opts = arg;

	return container_stop(engine, name, timeout_of(opts), opts->signal_number, err);
}

static int restart_one(struct engine *engine, const char *name, const void *arg, struct error **err)
{
	const struct stop_opts *opts = arg;

	return container_restart(engine, name, timeout_of(opts), opts->signal_number, err);
}

static int each(
	struct cli *cli, const void *opts, char **names, cli_action action, struct error **err)
{
	struct stop_opts resolved = *(const struct stop_opts *)opts;

	resolved.signal_number = cli_signal(resolved.signal, err);
	if (resolved.signal_number == -2)
		return -1;
	return cli_each(cli, names, action, &resolved, err);
}

static int stop_run(struct cli *cli, const void *opts, char **names, struct error **err)
{
	return each(cli, opts, names, stop_one, err);
}

static int restart_run(struct cli *cli, const void *opts, char **names, struct error **err)
{
	return each(cli, opts, names, restart_one, err);
}

const struct cli_command cmd_stop = {
	.name = "stop",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Stop one or more running containers",
	.flags = stop_flags,
	.defaults = &stop_defaults,
	.opts_size = sizeof(struct stop_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_RUNNING,
	.run = stop_run,
};

const struct cli_command cmd_restart = {
	.name = "restart",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Restart one or more containers",
	.flags = stop_flags,
	.defaults = &stop_defaults,
	.opts_size = sizeof(struct stop_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = restart_run,
};

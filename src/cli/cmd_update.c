/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "cli/commands.h"
#include "cli/limit_flags.h"
#include "engine/container.h"

struct update_opts {
	struct limit_opts limits;
};

static const struct cli_flag update_flags[] = { LIMIT_FLAGS(update_opts), {} };

struct update {
	struct spec_resources limits;
	int64_t nano_cpus;
};

static int update_one(struct engine *engine, const char *name, const void *arg, struct error **err)
{
	const struct update *update = arg;

	return container_update(engine, name, &update->limits, update->nano_cpus, err);
}

static int update_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct update_opts *opts = opts_;
	struct update update = { .nano_cpus = opts->limits.nano_cpus };

	limit_opts_resolve(&opts->limits, &update.limits);
	return cli_each(cli, names, update_one, &update, err);
}

const struct cli_command cmd_update = {
	.name = "update",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Update configuration of one or more containers",
	.flags = update_flags,
	.defaults = &(const struct update_opts){ LIMIT_OPTS_INIT },
	.opts_size = sizeof(struct update_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = update_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/error.h"
#include "cli/commands.h"
#include "registry/credential.h"

static const struct cli_flag no_flags[] = { {} };

static int logout_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_free char *registry = credential_registry(args[0] ? args[0] : "docker.io");
	int erased;

	(void)cli;
	(void)opts;
	erased = credential_erase(registry, err);
	if (erased < 0)
		return -1;
	printf(erased ? "Removing login credentials for %s\n" : "Not logged in to %s\n", registry);
	return 0;
}

const struct cli_command cmd_logout = {
	.name = "logout",
	.args = "[SERVER]",
	.summary = "Log out from a registry",
	.flags = no_flags,
	.max_args = 1,
	.common = true,
	.complete = COMPLETE_NOTHING,
	.run = logout_run,
};

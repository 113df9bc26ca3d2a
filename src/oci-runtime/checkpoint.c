/* SPDX-License-Identifier: Apache-2.0 */
/* Known, so that callers who ask for it are told, and not that there is no such command. */
#include "base/error.h"
#include "oci-runtime/command.h"

static int refuse(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	(void)runtime, (void)opts, (void)args;
	return error_new(
		err, ERROR_UNSUPPORTED, "this runtime cannot checkpoint and restore containers");
}

const struct command oci_checkpoint = {
	.name = "checkpoint",
	.args = "CONTAINER",
	.summary = "Not offered: save a running container",
	.max_args = -1,
	.options_first = true,
	.run = refuse,
};

const struct command oci_restore = {
	.name = "restore",
	.args = "CONTAINER",
	.summary = "Not offered: go on with a saved container",
	.max_args = -1,
	.options_first = true,
	.run = refuse,
};

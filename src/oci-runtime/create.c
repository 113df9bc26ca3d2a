/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "oci-runtime/instance.h"

static const struct flag create_flags[] = {
	CREATE_FLAGS,
	{},
};

static int create_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct create_opts *opts = opts_;
	cleanup_instance struct instance made = INSTANCE_INIT;

	if (instance_create(runtime, opts, args[0], true, &made, err) < 0)
		return -1;
	if (runtime_leave(&made.init, err) < 0) {
		cleanup_error struct error *ignored = NULL;

		runtime_destroy(&made.init);
		(void)state_remove(&made.state, &ignored);
		return -1;
	}
	log_debug(&runtime->log, "created '%s' with pid %d", args[0], (int)made.state.pid);
	return 0;
}

const struct command oci_create = {
	.name = "create",
	.args = "CONTAINER",
	.summary = "Create a container from a bundle",
	.flags = create_flags,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = 1,
	.protects = true,
	.run = create_run,
};

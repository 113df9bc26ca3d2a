/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"

static int freeze(const struct runtime *runtime, const char *id, bool frozen, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_state struct state state = STATE_INIT;
	enum status status;

	if (state_open(runtime, id, STATE_CHANGE, &state, err) < 0)
		return -1;
	status = state_status(&state);
	if (frozen && status != STATUS_RUNNING && status != STATUS_CREATED)
		return error_new(err, ERROR_CONFLICT, "container not running: '%s' is %s", id,
			status_name(status));
	if (!frozen && status != STATUS_PAUSED)
		return error_new(err, ERROR_CONFLICT, "container not paused: '%s' is %s", id,
			status_name(status));
	if (state_cgroup(&state, &cgroup, err) < 0)
		return -1;
	if (!cgroup)
		return error_new(err, ERROR_UNSUPPORTED, "container '%s' has no cgroup", id);
	return cgroup_freeze(cgroup, frozen, err);
}

static int pause_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	(void)opts;
	return freeze(runtime, args[0], true, err);
}

static int resume_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	(void)opts;
	return freeze(runtime, args[0], false, err);
}

const struct command oci_pause = {
	.name = "pause",
	.args = "CONTAINER",
	.summary = "Freeze all processes of a container",
	.min_args = 1,
	.max_args = 1,
	.run = pause_run,
};

const struct command oci_resume = {
	.name = "resume",
	.args = "CONTAINER",
	.summary = "Let a frozen container go on",
	.min_args = 1,
	.max_args = 1,
	.run = resume_run,
};

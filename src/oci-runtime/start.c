/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "oci-runtime/instance.h"
#include "oci-runtime/readiness.h"
#include "runtime/hook.h"

int instance_started(const struct runtime *runtime, struct state *state, const struct spec *spec,
	struct error **err)
{
	const struct hook_state told = { .id = state->id,
		.status = status_name(STATUS_RUNNING),
		.bundle = state->bundle,
		.pid = state->pid,
		.annotations = state->annotations };
	cleanup_error struct error *ignored = NULL;

	if (spec->hooks[HOOK_POSTSTART].count == 0 ||
		hooks_run(spec, HOOK_POSTSTART, &told, err) == 0)
		return 0;
	(void)instance_remove(runtime, state, true, &ignored);
	return -1;
}

static int start_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	cleanup_state struct state state = STATE_INIT;
	cleanup_close int pidfd = -1, notify_fd = -1;
	struct spec spec cleanup_spec;
	enum status status;

	(void)opts;
	spec_init(&spec);
	if (state_open(runtime, args[0], STATE_CHANGE, &state, err) < 0)
		return -1;
	status = state_status(&state);
	if (status == STATUS_STOPPED)
		return error_new(err, ERROR_CONFLICT, "cannot start a container that has stopped");
	if (status != STATUS_CREATED)
		return error_new(err, ERROR_CONFLICT,
			"cannot start a container that is %s: it must be created",
			status_name(status));
	pidfd = state_pidfd(&state, err);
	if (pidfd < 0 || state_spec(&state, &spec, err) < 0 ||
		readiness_listen(&state, &notify_fd, err) < 0 ||
		runtime_open_gate(state.dir_fd, STATE_GATE, pidfd, err) < 0)
		return -1;
	(void)unlinkat(state.dir_fd, STATE_GATE, 0);
	if (instance_started(runtime, &state, &spec, err) < 0)
		return -1;
	state_unlock(&state);
	return readiness_relay(&state, notify_fd, pidfd, err);
}

const struct command oci_start = {
	.name = "start",
	.args = "CONTAINER",
	.summary = "Run the program of a created container",
	.min_args = 1,
	.max_args = 1,
	.run = start_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Removing containers, whatever has become of them. */
#include <signal.h>

#include "base/error.h"
#include "oci-runtime/instance.h"
#include "oci-runtime/select.h"
#include "runtime/hook.h"
#include "runtime/rdt.h"
#include "sys/process.h"

#define DEATH_MS 10000

struct delete_opts {
	bool force, regex;
};

static const struct flag delete_flags[] = {
	{ 'f', "force", NULL, "kill what runs; a container that is not there is no error",
		FLAG_BOOL, FLAG_AT(delete_opts, force, bool) },
	{ 0, "regex", NULL, "CONTAINER is a regular expression", FLAG_BOOL,
		FLAG_AT(delete_opts, regex, bool) },
	{},
};

static int kill_init(const struct state *state, struct error **err)
{
	cleanup_error struct error *ended = NULL;
	cleanup_close int pidfd = state_pidfd(state, &ended);

	if (pidfd < 0)
		return 0;
	return pidfd_signal(pidfd, SIGKILL, err) < 0 ? -1 : 0;
}

static int await_death(const struct state *state, struct error **err)
{
	cleanup_error struct error *ended = NULL;
	cleanup_close int pidfd = state_pidfd(state, &ended);
	int result;

	if (pidfd < 0 && error_kind(ended) == ERROR_NOT_FOUND)
		return 0;
	if (pidfd < 0) {
		*err = take_ptr(ended);
		return -1;
	}
	result = pidfd_wait(pidfd, DEATH_MS, err);
	if (result == 0)
		return error_new(err, ERROR_UNAVAILABLE,
			"container '%s' still runs %d seconds after SIGKILL", state->id,
			DEATH_MS / 1000);
	return result < 0 ? -1 : 0;
}

/* Its other processes too: without a pid namespace of its own they outlive init. */
static int remove_cgroup(const struct state *state, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_error struct error *in_use = NULL;

	if (state_cgroup(state, &cgroup, err) < 0)
		return -1;
	if (cgroup && !state->shares_cgroup)
		return cgroup_bury(cgroup, err) < 0 || await_death(state, err) < 0 ? -1 : 0;
	if (await_death(state, err) < 0)
		return -1;
	/* Who still uses it removes it. */
	if (cgroup)
		(void)cgroup_remove(cgroup, &in_use);
	return 0;
}

/* The container is gone by then; what a hook says of that is a warning. */
static void run_poststop(
	const struct runtime *runtime, const struct state *state, const struct spec *spec)
{
	const struct hook_state told = { .id = state->id,
		.status = status_name(STATUS_STOPPED),
		.bundle = state->bundle,
		.annotations = state->annotations };
	cleanup_error struct error *failed = NULL;

	if (hooks_run(spec, HOOK_POSTSTOP, &told, &failed) < 0)
		log_warning(&runtime->log, "%s", error_message(failed));
}

int instance_remove(
	const struct runtime *runtime, struct state *state, bool force, struct error **err)
{
	cleanup_error struct error *no_spec = NULL, *group_stays = NULL;
	enum status status = state_status(state);
	struct spec spec cleanup_spec;
	bool has_spec;

	spec_init(&spec);
	if (status != STATUS_STOPPED && status != STATUS_CREATED && status != STATUS_CREATING &&
		!force)
		return error_new(err, ERROR_CONFLICT,
			"cannot delete container '%s' that is not stopped: %s", state->id,
			status_name(status));
	has_spec = state_spec(state, &spec, &no_spec) == 0;
	if (kill_init(state, err) < 0 || remove_cgroup(state, err) < 0 ||
		state_remove(state, err) < 0)
		return error_wrap(err, "delete '%s'", state->id);
	if (!has_spec)
		return 0;
	run_poststop(runtime, state, &spec);
	if (rdt_remove(&spec, state->id, &group_stays) < 0)
		log_warning(&runtime->log, "%s", error_message(group_stays));
	return 0;
}

static int delete_one(
	struct runtime *runtime, const char *id, const void *opts_, struct error **err)
{
	const struct delete_opts *opts = opts_;
	cleanup_error struct error *failed = NULL;
	cleanup_state struct state state = STATE_INIT;

	if (state_open(runtime, id, STATE_CHANGE, &state, &failed) < 0) {
		if (opts->force && error_kind(failed) == ERROR_NOT_FOUND)
			return 0;
		*err = take_ptr(failed);
		return -1;
	}
	return instance_remove(runtime, &state, opts->force, err);
}

static int delete_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct delete_opts *opts = opts_;
	const struct selection which = { args[0], opts->regex, delete_one, opts };

	return select_each(runtime, &which, err);
}

const struct command oci_delete = {
	.name = "delete",
	.args = "CONTAINER",
	.summary = "Remove a container",
	.flags = delete_flags,
	.opts_size = sizeof(struct delete_opts),
	.min_args = 1,
	.max_args = 1,
	.run = delete_run,
};

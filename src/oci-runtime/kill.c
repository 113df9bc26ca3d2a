/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "oci-runtime/command.h"
#include "oci-runtime/select.h"
#include "oci-runtime/state.h"
#include "sys/process.h"

struct kill_opts {
	bool all, regex;
	int signal; /* of the second argument */
};

static const struct flag kill_flags[] = {
	{ 'a', "all", NULL, "signal all processes of the container", FLAG_BOOL,
		FLAG_AT(kill_opts, all, bool) },
	{ 0, "regex", NULL, "CONTAINER is a regular expression", FLAG_BOOL,
		FLAG_AT(kill_opts, regex, bool) },
	{},
};

/* Frozen meanwhile, so that none is missed that is just being made, and none of the pids is another
 * process by the time it is signalled. */
static int signal_all(struct cgroup *cgroup, int signal, struct error **err)
{
	cleanup_error struct error *no_freezer = NULL, *ignored = NULL;
	cleanup_free pid_t *pids = NULL;
	bool was_frozen = cgroup_frozen(cgroup);
	bool frozen = !was_frozen && cgroup_freeze(cgroup, true, &no_freezer) == 0;
	ssize_t count = cgroup_pids(cgroup, &pids, err);

	for (ssize_t i = 0; i < count; i++)
		if (pids[i] > 0)
			(void)kill(pids[i], signal);
	if (frozen)
		(void)cgroup_freeze(cgroup, false, &ignored);
	return count < 0 ? -1 : 0;
}

/* What the v1 freezer holds dies only when it is let go. */
static void thaw_dead(const struct state *state)
{
	cleanup_error struct error *err = NULL;
	cleanup_cgroup struct cgroup *cgroup = NULL;

	if (state_cgroup(state, &cgroup, &err) == 0 && cgroup && cgroup_frozen(cgroup))
		(void)cgroup_freeze(cgroup, false, &err);
}

static int kill_all(const struct state *state, int signal, struct error **err)
{
	cleanup_cgroup struct cgroup *cgroup = NULL;

	if (state_cgroup(state, &cgroup, err) < 0)
		return -1;
	if (!cgroup)
		return 0;
	return signal == SIGKILL ? cgroup_kill(cgroup, err) : signal_all(cgroup, signal, err);
}

static int kill_one(struct runtime *runtime, const char *id, const void *opts_, struct error **err)
{
	const struct kill_opts *opts = opts_;
	cleanup_state struct state state = STATE_INIT;
	cleanup_close int pidfd = -1;
	int sent;

	if (state_open(runtime, id, STATE_LOOK, &state, err) < 0)
		return -1;
	if (opts->all)
		return kill_all(&state, opts->signal, err);
	pidfd = state_pidfd(&state, err);
	if (pidfd < 0)
		return error_wrap(err, "kill '%s'", id);
	sent = pidfd_signal(pidfd, opts->signal, err);
	if (sent == 0)
		return error_new(err, ERROR_NOT_FOUND, "kill '%s': container not running", id);
	if (sent > 0 && opts->signal == SIGKILL)
		thaw_dead(&state);
	return sent < 0 ? -1 : 0;
}

static int kill_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	struct kill_opts opts = *(const struct kill_opts *)opts_;
	const struct selection which = { args[0], opts.regex, kill_one, &opts };

	if (args[1] && strcmp(args[1], "0") == 0)
		opts.signal = 0; /* as kill(2) has it: is somebody there? */
	else
		opts.signal = args[1] ? signal_parse(args[1], err) : SIGTERM;
	if (opts.signal < 0)
		return -1;
	return select_each(runtime, &which, err);
}

const struct command oci_kill = {
	.name = "kill",
	.args = "CONTAINER [SIGNAL]",
	.summary = "Send a signal to a container's first process (default SIGTERM)",
	.flags = kill_flags,
	.opts_size = sizeof(struct kill_opts),
	.min_args = 1,
	.max_args = 2,
	.run = kill_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>

#include "base/error.h"
#include "oci-runtime/foreground.h"
#include "oci-runtime/instance.h"
#include "oci-runtime/readiness.h"

static const struct flag run_flags[] = {
	CREATE_FLAGS,
	{ 'd', "detach", NULL, "do not wait for its end", FLAG_BOOL,
		FLAG_AT(create_opts, detach, bool) },
	{ 0, "keep", NULL, "do not remove it when it has ended", FLAG_BOOL,
		FLAG_AT(create_opts, keep, bool) },
	{},
};

static void forget(struct instance *made)
{
	cleanup_error struct error *ignored = NULL;

	(void)state_remove(&made->state, &ignored);
}

/* Waits, and leaves nothing. */
static int stay(struct runtime *runtime, const struct create_opts *opts, struct foreground *front,
	struct instance *made, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	int code;

	state_unlock(&made->state);
	code = readiness_relay_beside(&made->state, made->notify_fd, made->init.pidfd, err);
	if (code == 0)
		code = foreground_wait(front, made->init.pid, made->init.pidfd, err);
	if (opts->keep)
		return code;
	if (state_lock(&made->state, &failed) < 0) {
		if (code < 0 || error_kind(failed) == ERROR_NOT_FOUND)
			return code; /* somebody's `delete --force` was faster */
	} else if (instance_remove(runtime, &made->state, true, &failed) == 0 || code < 0) {
		return code;
	}
	*err = take_ptr(failed);
	return -1;
}

/* Others may work on it while it gets ready. */
static int relay(struct instance *made, struct error **err)
{
	state_unlock(&made->state);
	return readiness_relay(&made->state, made->notify_fd, made->init.pidfd, err);
}

static int run_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct create_opts *opts = opts_;
	cleanup_instance struct instance made = INSTANCE_INIT;
	struct foreground front = FOREGROUND_INIT;
	int code;

	if (!opts->detach && !opts->no_subreaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (instance_create(runtime, opts, args[0], false, &made, err) < 0)
		return -1;
	if (!opts->detach && foreground_open(&front, take_fd(&made.init.console_fd), err) < 0) {
		runtime_destroy(&made.init);
		forget(&made);
		return -1;
	}
	if (readiness_listen(&made.state, &made.notify_fd, err) < 0) {
		runtime_destroy(&made.init);
		foreground_close(&front);
		forget(&made);
		return -1;
	}
	if (runtime_start(&made.init, err) < 0) {
		foreground_close(&front);
		forget(&made);
		return -1;
	}
	if (instance_started(runtime, &made.state, &made.spec, err) < 0)
		code = -1;
	else if (opts->detach)
		code = relay(&made, err);
	else
		code = stay(runtime, opts, &front, &made, err);
	foreground_close(&front);
	return code;
}

const struct command oci_run = {
	.name = "run",
	.args = "CONTAINER",
	.summary = "Create a container and start it",
	.flags = run_flags,
	.opts_size = sizeof(struct create_opts),
	.min_args = 1,
	.max_args = 1,
	.protects = true,
	.run = run_run,
};

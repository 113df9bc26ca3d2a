/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "runtime/hook.h"
#include "runtime/sync.h"
#include "sys/process.h"

static const struct container_init nothing = CONTAINER_INIT_NONE;

/* Init closed its socket without a word: it was killed. */
static int died(const struct container_init *init, struct error **err)
{
	siginfo_t info = { 0 };

	(void)waitid(P_PIDFD, (id_t)init->pidfd, &info, WEXITED | WNOWAIT);
	if (info.si_code == CLD_EXITED)
		return error_new(err, ERROR_INTERNAL, "the container's init ended with code %d",
			info.si_status);
	error_new(err, ERROR_UNAVAILABLE, "the container's init was killed by signal %d (%s)",
		info.si_status, sigabbrev_np(info.si_status) ? sigabbrev_np(info.si_status) : "?");
	if (info.si_status == SIGKILL)
		error_hint(err, "if nobody did that, its memory limit is too small to start in");
	return -1;
}

/* Those that run in our namespaces; init waits for them with its mounts made. */
static int run_hooks(const struct container_init *init, struct error **err)
{
	const struct container_setup *setup = init->hooked;
	struct hook_state state = { .status = "creating", .pid = init->pid };

	if (!setup)
		return error_new(err, ERROR_INTERNAL, "init waits for hooks that there are not");
	state.version = setup->spec->version;
	state.id = setup->id;
	state.bundle = setup->bundle;
	state.annotations = setup->spec->annotations;
	/* The specification's first hook, from before there was a create: it saw a container that
	 * is made. */
	state.status = "created";
	if (hooks_run(setup->spec, HOOK_PRESTART, &state, err) < 0)
		return -1;
	state.status = "creating";
	if (hooks_run(setup->spec, HOOK_CREATE_RUNTIME, &state, err) < 0)
		return -1;
	return sync_send(init->sync_fd, SYNC_HOOKED, err);
}

/* 1 when there is nothing left to wait for, 0 to go on. Takes over fd, which may be -1. */
static int heard(struct container_init *init, enum sync_type type, int fd, struct error **err)
{
	cleanup_close int owned = fd;

	switch (type) {
	case SYNC_CONSOLE:
		init->console_fd = take_fd(&owned);
		return 0;
	case SYNC_LISTENER:
		return listener_send(&init->listener, fd, err);
	case SYNC_HOOKS:
		return run_hooks(init, err);
	case SYNC_READY:
		init->ready = true;
		return 1;
	default:
		return died(init, err);
	}
}

int runtime_wait_ready(struct container_init *init, struct error **err)
{
	int done = 0;

	while (done == 0) {
		int fd = -1, type = sync_receive(init->sync_fd, &fd, err);

		done = type < 0 ? -1 : heard(init, type, fd, err);
	}
	return done < 0 ? -1 : 0;
}

static int run_program(struct container_init *init, struct error **err)
{
	int fd = -1, type;

	/* With hooks it waits for another word first. */
	if (init->hooked && !init->ready && runtime_wait_ready(init, err) < 0)
		return -1;
	/* Sent at once, when not ready yet, too: init finds it without being woken once more. */
	if (sync_send(init->sync_fd, SYNC_START, err) < 0) {
		/* It may have sent its reason before it ended. */
		error_free(*err);
		*err = NULL;
	}
	if (!init->ready && runtime_wait_ready(init, err) < 0)
		return -1;
	type = sync_receive(init->sync_fd, &fd, err);
	close_fd(fd);
	return type < 0 ? -1 : 0;
}

int runtime_start(struct container_init *init, struct error **err)
{
	if (run_program(init, err) < 0) {
		runtime_destroy(init);
		return -1;
	}
	close_fd(take_fd(&init->sync_fd));
	return 0;
}

/* Best effort: what cannot be removed now is found and removed by the next command. */
static void remove_cgroup(struct cgroup *cgroup)
{
	cleanup_error struct error *kill_failed = NULL, *remove_failed = NULL;

	if (cgroup_bury(cgroup, &kill_failed) < 0)
		(void)cgroup_remove(cgroup, &remove_failed);
}

int runtime_leave(struct container_init *init, struct error **err)
{
	if (sync_send(init->sync_fd, SYNC_LEAVE, err) < 0)
		return error_wrap(err, "leave the container's init at its gate");
	cgroup_free(init->cgroup);
	close_fd(init->pidfd);
	close_fd(init->sync_fd);
	close_fd(init->console_fd);
	*init = nothing;
	return 0;
}

void runtime_destroy(struct container_init *init)
{
	cleanup_error struct error *err = NULL;

	if (init->pidfd >= 0 && pidfd_signal(init->pidfd, SIGKILL, &err) >= 0)
		(void)TEMP_FAILURE_RETRY(
			waitid(P_PIDFD, (id_t)init->pidfd, &(siginfo_t){ 0 }, WEXITED));
	if (init->cgroup) {
		remove_cgroup(init->cgroup);
		cgroup_free(init->cgroup);
	}
	close_fd(init->pidfd);
	close_fd(init->sync_fd);
	close_fd(init->console_fd);
	*init = nothing;
}

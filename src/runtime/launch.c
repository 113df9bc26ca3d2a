/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "oci/spec.h"
#include "runtime/cgroup.h"
#include "runtime/identity.h"
#include "runtime/sync.h"
#include "sys/mount.h"
#include "sys/process.h"

/* The process goes on on this stack: room for paths, and pages are only taken when touched. */
#define STACK_BYTES (256UL * 1024)
#define CGROUP_FD LAUNCH_FDS
#define KEPT_MAX (LAUNCH_FDS + 1)

struct helper { /* shared with the helper's memory */
	const struct launch *launch;
	pid_t pid;
	struct error *error;
};

/* Places the fds at 0, 1, 2… and closes all others. */
static int keep_fds(const int *fds, int count, struct error **err)
{
	int moved[KEPT_MAX];

	/* First out of the way of the numbers that are given. */
	for (int i = 0; i < count; i++) {
		int from = fds[i] >= 0 ? fds[i] : fds[LAUNCH_SYNC_FD];

		moved[i] = fcntl(from, F_DUPFD_CLOEXEC, count);
		if (moved[i] < 0)
			return error_sys(err, "keep fd %d", from);
	}
	for (int i = 0; i < count; i++)
		if (dup3(moved[i], i, O_CLOEXEC) < 0)
			return error_sys(err, "place fd %d", i);
	if (syscall(SYS_close_range, (unsigned int)count, ~0U, 0) < 0)
		return error_sys(err, "close the host's fds");
	return 0;
}

/*
 * The fd for CLONE_INTO_CGROUP is the one thing of the host that the process is born with. For the
 * moment until it is closed it is a mount of that directory alone, read-only: nothing leads up from
 * there.
 */
static int alone(int cgroup_fd, struct error **err)
{
	cleanup_close int fd = mount_clone(cgroup_fd, "", false, err);

	if (fd < 0 || mount_set(fd, MOUNT_ATTR_RDONLY, 0, 0, false, err) < 0)
		return error_wrap(err, "cgroup");
	return take_fd(&fd);
}

static int join_all(const struct launch *launch, struct error **err)
{
	for (size_t i = 0; i < launch->join_count; i++)
		if (setns(launch->join_fds[i], launch->join_types[i]) < 0)
			return error_sys(err, "join namespace");
	if (launch->join_flags && setns(launch->join_pidfd, (int)launch->join_flags) < 0)
		return error_sys(err, "join the container's namespaces");
	return 0;
}

/* While /proc is still the host's. After vfork(2) the kernel keeps the value from its parent. */
static int set_score(const struct spec_process *process, struct error **err)
{
	cleanup_close int proc_fd = -1;

	if (!process || !process->has_oom_score_adj)
		return 0;
	proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return error_sys(err, "open /proc");
	return oom_score_apply(process, proc_fd, err);
}

static int prepare(const struct launch *launch, struct error **err)
{
	int fds[KEPT_MAX], count = LAUNCH_FDS;

	memcpy(fds, launch->fds, sizeof(launch->fds));
	if (launch->cgroup && cgroup_enter(launch->cgroup, err) < 0)
		return -1;
	if (launch->cgroup_fd >= 0) {
		fds[count++] = alone(launch->cgroup_fd, err);
		if (fds[CGROUP_FD] < 0)
			return -1;
	}
	if (set_score(launch->score_of, err) < 0 || join_all(launch, err) < 0)
		return -1;
	return keep_fds(fds, count, err);
}

LAUNCH_STACK static int help(struct helper *helper, struct error **err)
{
	const struct launch *launch = helper->launch;
	uint64_t flags = launch->new_namespaces | CLONE_PARENT;
	bool into = launch->cgroup_fd >= 0;
	int pidfd = -1;
	pid_t pid;

	if (prepare(launch, err) < 0)
		return -1;
	pid = process_clone(flags, into ? CGROUP_FD : -1, &pidfd, err);
	if (pid == 0) {
		if (into)
			close(CGROUP_FD);
		launch->run(launch->arg);
	}
	helper->pid = pid;
	return pid < 0 ? -1 : 0;
}

LAUNCH_STACK static int helper_main(void *arg)
{
	struct helper *helper = arg;

	_exit(help(helper, &helper->error) < 0);
}

static pid_t start_helper(struct helper *helper, struct error **err)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	sigset_t all, old;
	pid_t pid;

	if (stack == MAP_FAILED) // NOLINT(performance-no-int-to-ptr)
		return error_sys(err, "make a stack");
	/* A handler of the caller must not run in the helper, on shared memory. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = clone(helper_main, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, helper);
	if (pid < 0)
		error_sys(err, "clone a process");
	else
		(void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)munmap(stack, STACK_BYTES);
	return pid;
}

static pid_t launch_joined(const struct launch *launch, int *ret_pidfd, struct error **err)
{
	struct helper helper = { .launch = launch };
	int pidfd;

	if (start_helper(&helper, err) < 0)
		return -1;
	if (helper.error) {
		*err = helper.error;
		return -1;
	}
	if (helper.pid <= 0)
		return error_new(err, ERROR_UNAVAILABLE, "a helper process was killed");
	/* Our child, not reaped yet: the number cannot be another process. */
	pidfd = pidfd_open_pid(helper.pid, err);
	if (pidfd < 0)
		return -1;
	*ret_pidfd = pidfd;
	return helper.pid;
}

static void __attribute__((noreturn)) run(const struct launch *launch)
{
	struct error *failed = NULL;

	if ((launch->cgroup && cgroup_enter(launch->cgroup, &failed) < 0) ||
		keep_fds(launch->fds, LAUNCH_FDS, &failed) < 0) {
		sync_send_error(launch->fds[LAUNCH_SYNC_FD], failed);
		_exit(1);
	}
	launch->run(launch->arg);
}

pid_t launch(const struct launch *launch, int *ret_pidfd, struct error **err)
{
	pid_t pid;

	if (launch->join_count > 0 || launch->join_flags)
		return launch_joined(launch, ret_pidfd, err);
	pid = process_clone(launch->new_namespaces, launch->cgroup_fd, ret_pidfd, err);
	if (pid == 0)
		run(launch);
	return pid;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "cgroup/cgroup.h"
#include "oci/spec.h"
#include "runtime/identity.h"
#include "runtime/label.h"
#include "runtime/schedule.h"
#include "runtime/sync.h"
#include "sys/mount.h"
#include "sys/process.h"

/* The process goes on on this stack: room for paths, and pages are only taken when touched. */
#define STACK_BYTES (256UL * 1024)
struct helper { /* shared with the helper's memory */
	const struct launch *launch;
	pid_t pid;
	struct error *error;
};

static int fd_count(const struct launch *launch)
{
	return LAUNCH_FDS + (int)launch->more_count;
}

/* The one that is to be number i. */
static int fd_at(const struct launch *launch, int i)
{
	int fd = i < LAUNCH_FDS ? launch->fds[i] : launch->more_fds[i - LAUNCH_FDS];

	return fd >= 0 ? fd : launch->fds[LAUNCH_SYNC_FD];
}

/* Places the fds at 0, 1, 2…, after them the cgroup's unless it is -1, and closes all others. */
static int keep_fds(const struct launch *launch, int cgroup_fd, struct error **err)
{
	int count = fd_count(launch) + (cgroup_fd >= 0);
	cleanup_free int *moved = xcalloc((size_t)count, sizeof(*moved));

	/* First out of the way of the numbers that are given. */
	for (int i = 0; i < count; i++) {
		int from = i < fd_count(launch) ? fd_at(launch, i) : cgroup_fd;

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

/* Those that are not done, of the user type or of the others; EPERM is left for later, if so said.
 */
static int join_some(
	const struct launch *launch, bool user, bool later, unsigned int *done, struct error **err)
{
	for (size_t i = 0; i < launch->join_count; i++) {
		if (*done & 1U << i || (launch->join_types[i] == CLONE_NEWUSER) != user)
			continue;
		if (setns(launch->join_fds[i], launch->join_types[i]) == 0)
			*done |= 1U << i;
		else if (!later || errno != EPERM)
			return error_sys(err, "join the %s namespace",
				namespace_name(launch->join_types[i]));
	}
	return 0;
}

/*
 * With our own rights first: a namespace need not belong to the user namespace that is joined as
 * well. Who has no rights here gets them there, over those that do belong to it.
 */
static int join_listed(const struct launch *launch, struct error **err)
{
	unsigned int done = 0;

	if (launch->join_count == 0)
		return 0;
	if (join_some(launch, false, true, &done, err) < 0 ||
		join_some(launch, true, false, &done, err) < 0)
		return -1;
	return join_some(launch, false, false, &done, err);
}

static int join_all(const struct launch *launch, struct error **err)
{
	if (join_listed(launch, err) < 0)
		return -1;
	if (launch->join_flags && setns(launch->join_pidfd, (int)launch->join_flags) < 0)
		return error_sys(err, "join the container's namespaces");
	return 0;
}

/*
 * While /proc is still the host's: the container's own may be anything, or not there. The process
 * has its score from its parent, which has it from vfork(2), and the label of its next program
 * from the helper.
 */
static int set_by_proc(const struct spec_process *process, struct error **err)
{
	cleanup_close int proc_fd = -1;

	if (!process || (!process->has_oom_score_adj && !label_is_asked(process)))
		return 0;
	proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return error_sys(err, "open /proc");
	if (oom_score_apply(process, proc_fd, err) < 0)
		return -1;
	return label_apply(process, proc_fd, err);
}

static int prepare(const struct launch *launch, struct error **err)
{
	cleanup_close int cgroup_fd = -1;

	/* The first of two sets of processors: until it is in its cgroup. */
	if (launch->process && affinity_apply(launch->process->affinity_initial,
				       "process.execCPUAffinity.initial", err) < 0)
		return -1;
	if (launch->cgroup && cgroup_enter(launch->cgroup, err) < 0)
		return -1;
	if (launch->cgroup_fd >= 0) {
		cgroup_fd = alone(launch->cgroup_fd, err);
		if (cgroup_fd < 0)
			return -1;
	}
	if (set_by_proc(launch->process, err) < 0 || join_all(launch, err) < 0)
		return -1;
	if (keep_fds(launch, cgroup_fd, err) < 0)
		return -1;
	(void)take_fd(&cgroup_fd); /* that number is another by now */
	return 0;
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
	pid = process_clone(flags, into ? fd_count(launch) : -1, &pidfd, err);
	if (pid == 0) {
		if (into)
			close(fd_count(launch));
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
		keep_fds(launch, -1, &failed) < 0) {
		sync_send_error(launch->fds[LAUNCH_SYNC_FD], failed);
		_exit(1);
	}
	launch->run(launch->arg);
}

/*
 * An fd that is to be passed was inherited, so it is not close-on-exec, as all of ours are: one
 * that is was opened by us, under a number that our caller left free.
 */
static int check_inherited(int fd, struct error **err)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags >= 0 && !(flags & FD_CLOEXEC))
		return 0;
	return error_new(err, ERROR_INVALID, "fd %d was to be passed on, and is not open", fd);
}

int launch_more_fds(
	const struct launch_more *more, int **ret, size_t *ret_count, struct error **err)
{
	cleanup_free int *fds = NULL;
	size_t count = LAUNCH_PRESERVED_FD - LAUNCH_FDS;

	if (more->gate_fd < 0 && more->time_fd < 0 && more->preserved == 0)
		return 0;
	if (more->preserved > LAUNCH_PRESERVED_MAX)
		return error_new(err, ERROR_INVALID, "more than %d fds to be passed on",
			LAUNCH_PRESERVED_MAX);
	fds = xcalloc(count + more->preserved, sizeof(*fds));
	fds[LAUNCH_GATE_FD - LAUNCH_FDS] = more->gate_fd;
	fds[LAUNCH_TIME_FD - LAUNCH_FDS] = more->time_fd;
	for (unsigned int i = 0; i < more->preserved; i++) {
		if (check_inherited(3 + (int)i, err) < 0)
			return -1;
		fds[count++] = 3 + (int)i;
	}
	*ret = take_ptr(fds);
	*ret_count = count;
	return 0;
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

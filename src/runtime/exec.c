/* SPDX-License-Identifier: Apache-2.0 */
/* Further processes in a container that runs. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "runtime/container.h"
#include "runtime/entry.h"
#include "runtime/filter.h"
#include "runtime/label.h"
#include "runtime/launch.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"
#include "runtime/terminal.h"
#include "sys/process.h"

/*
 * Entered by the process itself: a time namespace is not open to who shares memory, as the helper
 * does, and from inside the cgroup namespace the helper could not start a process in the cgroup.
 */
#define LATE_NAMESPACES ((uint64_t)(CLONE_NEWCGROUP | CLONE_NEWTIME))

struct job {
	const struct container_exec *exec;
	uint64_t late_namespaces;
	const struct filter *filter;
};

static int open_terminal(const struct job *job, int root_fd, int *ret_slave, struct error **err)
{
	cleanup_close int master_fd = -1;

	if (!job->exec->process->terminal)
		return 0;
	if (terminal_open(root_fd, job->exec->process, &master_fd, ret_slave, err) < 0)
		return -1;
	return sync_send_fd(LAUNCH_SYNC_FD, SYNC_CONSOLE, master_fd, err);
}

static int run(const struct job *job, struct entry *entry, struct error **err)
{
	int root_fd, terminal_fd = -1;

	if (job->late_namespaces && setns(LAUNCH_EXTRA_FD, (int)job->late_namespaces) < 0)
		return error_sys(err, "join the container's namespaces");
	if (entry_begin(entry, err) < 0)
		return -1;
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return error_sys(err, "open the container's root");
	if (open_terminal(job, root_fd, &terminal_fd, err) < 0 ||
		entry_prepare(entry, root_fd, terminal_fd, err) < 0 ||
		entry_confine(entry, false, err) < 0 ||
		sync_send(entry->sync_fd, SYNC_READY, err) < 0 ||
		entry_confine(entry, true, err) < 0)
		return -1;
	return entry_exec(entry, err);
}

LAUNCH_STACK static void __attribute__((noreturn)) job_run(void *arg)
{
	const struct job *job = arg;
	const struct container_exec *exec = job->exec;
	struct error *err = NULL;
	struct entry entry = { .spec = exec->spec,
		.process = exec->process,
		.is_exec = true,
		.io = &exec->io,
		.filter = job->filter,
		.preserved_fds = exec->preserve_fds,
		.sync_fd = LAUNCH_SYNC_FD };

	run(job, &entry, &err);
	sync_send_error(entry.sync_fd, err);
	_exit(1);
}

static uint64_t namespaces_of(const struct spec *spec)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < spec->namespace_count; i++)
		flags |= (uint64_t)(unsigned int)spec->namespaces[i].type;
	return flags;
}

/* Takes the fd. */
static int send_listener(const struct container_exec *exec, pid_t pid, int fd, struct error **err)
{
	struct listener_state state = { .container = { .id = exec->id,
						.status = "running",
						.bundle = exec->bundle,
						.pid = exec->init_pid },
		.pid = pid };
	int result;

	listener_describe(exec->spec, &state);
	result = listener_send(&state, fd, err);
	close_fd(fd);
	return result;
}

/* Until the program runs. */
static int wait_started(const struct container_exec *exec, pid_t pid, int sync_fd, int *ret_console,
	struct error **err)
{
	bool ready = false;

	for (;;) {
		int fd = -1;
		int type = sync_receive(sync_fd, &fd, err);

		if (type < 0)
			return -1;
		if (type == SYNC_LISTENER && send_listener(exec, pid, take_fd(&fd), err) < 0)
			return -1;
		if (type == SYNC_CONSOLE)
			*ret_console = fd;
		else
			close_fd(fd);
		ready |= type == SYNC_READY;
		if (type != SYNC_END)
			continue;
		if (ready)
			return 0;
		error_new(err, ERROR_UNAVAILABLE, "the process was killed before its program ran");
		return error_hint(err, "the container may have ended, or have no memory left");
	}
}

static void end(int pidfd)
{
	cleanup_error struct error *err = NULL;

	(void)pidfd_signal(pidfd, SIGKILL, &err);
	(void)TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED));
}

/*
 * v2 has no processes beside directories that controllers are passed on to: a container that has
 * done this has put its init further down, and there is where the new one goes.
 */
static pid_t launch_inside(
	struct launch *how, const struct container_exec *exec, int *ret_pidfd, struct error **err)
{
	pid_t pid = launch(how, ret_pidfd, err);
	cleanup_error struct error *unknown = NULL;
	cleanup_cgroup struct cgroup *around = NULL;

	if (pid >= 0 || how->cgroup_fd < 0 || error_errno(*err) != EBUSY ||
		cgroup_open_around(exec->cgroup, exec->init_pid, &around, &unknown) < 0)
		return pid;
	error_free(take_ptr(*err));
	how->cgroup = around;
	how->cgroup_fd = cgroup_clone_fd(around);
	return launch(how, ret_pidfd, err);
}

pid_t runtime_exec(
	const struct container_exec *exec, int *ret_pidfd, int *ret_console, struct error **err)
{
	uint64_t namespaces = namespaces_of(exec->spec);
	struct filter filter cleanup_filter = { 0 };
	struct job job = { .exec = exec,
		.filter = exec->filter ? exec->filter : &filter,
		.late_namespaces = namespaces & LATE_NAMESPACES };
	struct launch how = {
		.join_pidfd = exec->init_pidfd,
		.join_flags = namespaces & ~LATE_NAMESPACES,
		.process = exec->process,
		.cgroup = exec->cgroup,
		.cgroup_fd = exec->cgroup ? cgroup_clone_fd(exec->cgroup) : -1,
		.fds = { exec->io.stdin_fd, exec->io.stdout_fd, exec->io.stderr_fd, -1,
			exec->init_pidfd },
		.run = job_run,
		.arg = &job,
	};
	struct launch_more more = { .gate_fd = -1, .time_fd = -1, .preserved = exec->preserve_fds };
	cleanup_free int *more_fds = NULL;
	cleanup_close int sync_fd = -1, child_fd = -1, pidfd = -1, console_fd = -1;
	int pair[2];
	pid_t pid;

	if (label_check(exec->process, err) < 0 ||
		launch_more_fds(&more, &more_fds, &how.more_count, err) < 0)
		return -1;
	how.more_fds = more_fds;
	if ((!exec->filter && filter_open(exec->spec, &filter, err) < 0) ||
		sync_pair(pair, err) < 0)
		return -1;
	sync_fd = pair[0];
	child_fd = how.fds[LAUNCH_SYNC_FD] = pair[1];
	pid = launch_inside(&how, exec, &pidfd, err);
	if (pid < 0)
		return error_wrap(err, "start a process in the container");
	close_fd(take_fd(&child_fd));
	if (wait_started(exec, pid, sync_fd, &console_fd, err) < 0) {
		end(pidfd);
		return -1;
	}
	*ret_pidfd = take_fd(&pidfd);
	*ret_console = take_fd(&console_fd);
	return pid;
}

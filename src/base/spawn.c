/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spawn.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"

#define FIRST_FREE_FD (SPAWN_EXE_FD + 1)

int helper_open(const char *program, struct error **err)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	cleanup_free char *beside = NULL, *installed = NULL;
	char *slash;
	int fd;

	if (length < 0)
		return error_sys(err, "read /proc/self/exe");
	self[length] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	beside = xasprintf("%s/%s", self, program);
	installed = xasprintf("%s/%s", VESSEL_LIBEXECDIR, program);
	fd = open(beside, O_PATH | O_CLOEXEC);
	if (fd < 0)
		fd = open(installed, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	error_sys(err, "find %s in %s or %s", program, self, VESSEL_LIBEXECDIR);
	return error_hint(err, "install vessel completely, or build all of it");
}

/* The same file on a detached mount that is read-only; without the new mount API, the file as it
 * is. */
static int read_only_clone(int exe_fd, struct error **err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int fd = (int)syscall(
		SYS_open_tree, exe_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd < 0)
		return error_sys(err, "clone the mount of a helper program");
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		error_sys(err, "make a helper program read-only");
		close_fd(fd);
		return -1;
	}
	return fd;
}

/* In the child: gives fd the wanted number without O_CLOEXEC. */
static int place_fd(int fd, int number)
{
	if (fd == number)
		return fcntl(fd, F_SETFD, 0);
	return dup2(fd, number);
}

/*
 * In the child, which shares nothing it changes: only calls that are safe after fork. Sources move
 * above the numbers they are given first, so that placing one cannot overwrite another.
 */
static void __attribute__((noreturn))
exec_helper(const struct spawn *spawn, int exe_fd, int null_fd)
{
	int from[FIRST_FREE_FD] = { spawn->stdin_fd >= 0 ? spawn->stdin_fd : null_fd,
		spawn->stdout_fd >= 0 ? spawn->stdout_fd : 1,
		spawn->stderr_fd >= 0 ? spawn->stderr_fd : 2, spawn->socket_fd, spawn->extra_fd,
		spawn->read_only_exe ? exe_fd : -1 };
	int exe = fcntl(exe_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	sigset_t none;

	for (int i = 0; i < FIRST_FREE_FD; i++)
		if (from[i] >= 0)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	for (int i = 0; i < FIRST_FREE_FD; i++)
		if (from[i] >= 0 && place_fd(from[i], i) < 0)
			_exit(127);
	for (int i = SPAWN_SOCKET_FD; i < FIRST_FREE_FD; i++)
		if (from[i] < 0)
			close(i);
	/* What the caller forgot to mark is closed on exec all the same. */
	syscall(SYS_close_range, FIRST_FREE_FD, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (spawn->new_session)
		setsid();
	syscall(SYS_execveat, exe, "", spawn->args, environ, AT_EMPTY_PATH);
	_exit(127);
}

pid_t spawn_helper(const struct spawn *spawn, struct error **err)
{
	cleanup_close int exe_fd = helper_open(spawn->program, err), null_fd = -1;
	pid_t pid;

	if (exe_fd < 0)
		return -1;
	if (spawn->read_only_exe) {
		int clone_fd = read_only_clone(exe_fd, err);

		if (clone_fd < 0)
			return -1;
		close_fd(exe_fd);
		exe_fd = clone_fd;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return error_sys(err, "open /dev/null");
	/*
	 * vfork: the parent's tables are not copied; the child only makes system calls, then execs.
	 * But while the parent sleeps, the kernel moves who execs to its processor, and then both
	 * share that one for a while.
	 */
	pid = spawn->beside ? fork() : vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
	if (pid == 0)
		exec_helper(spawn, exe_fd, null_fd);
	if (pid < 0)
		return error_sys(err, "start %s", spawn->program);
	return pid;
}

int child_wait(pid_t pid, int *ret_status, struct error **err)
{
	if (TEMP_FAILURE_RETRY(waitpid(pid, ret_status, 0)) < 0)
		return error_sys(err, "wait for process %d", (int)pid);
	return 0;
}

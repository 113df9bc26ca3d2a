/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/process.h"

#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

#define STAT_MAX 4096

pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd, struct error **err)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		/* A sibling's signal is the caller's own; the kernel refuses another. */
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	pid_t pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned int)cgroup_fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return error_sys(err, "clone a process");
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

int pidfd_open_pid(pid_t pid, struct error **err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? error_sys(err, "open process %d", (int)pid) : fd;
}

int pidfd_get_fd(int pidfd, int fd, struct error **err)
{
	int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return copy < 0 ? error_sys(err, "take over fd %d of a process", fd) : copy;
}

int pidfd_signal(int pidfd, int signal, struct error **err)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0)
		return 1;
	return errno == ESRCH ? 0 : error_sys(err, "send signal %d", signal);
}

int pidfd_wait(int pidfd, int timeout_ms, struct error **err)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int n = poll(&poll_fd, 1, timeout_ms);

	/* An interrupted wait is a wait that passed: the caller knows how long it still wants. */
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_sys(err, "wait for a process");
	return n > 0;
}

uint64_t process_start_time(pid_t pid)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *stat = NULL;
	char path[32];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_at(-1, path, STAT_MAX, &stat, &err) < 0)
		return 0;
	/* The name, field 2, may hold spaces and parentheses: count from its last one. */
	at = strrchr(stat, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static int number_of(const char *text, int max)
{
	char *end = NULL;
	long n;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end || n > max ? -1 : (int)n;
}

/* After "RTMIN" or "RTMAX": nothing, "+N" or "-N". */
static int realtime_signal(const char *rest, bool from_max)
{
	int offset = *rest ? number_of(rest + 1, SIGRTMAX - SIGRTMIN) : 0;

	if (offset < 0 || (*rest && *rest != (from_max ? '-' : '+')))
		return -1;
	return from_max ? SIGRTMAX - offset : SIGRTMIN + offset;
}

static int find_signal(const char *name)
{
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	if (strncasecmp(name, "RTMIN", 5) == 0)
		return realtime_signal(name + 5, false);
	if (strncasecmp(name, "RTMAX", 5) == 0)
		return realtime_signal(name + 5, true);
	for (int signal = 1; signal < SIGRTMIN; signal++) {
		const char *known = sigabbrev_np(signal);

		if (known && strcasecmp(known, name) == 0)
			return signal;
	}
	/* Second names that sigabbrev_np() does not tell. */
	if (strcasecmp(name, "IOT") == 0)
		return SIGIOT;
	if (strcasecmp(name, "CLD") == 0)
		return SIGCHLD;
	return strcasecmp(name, "POLL") == 0 ? SIGPOLL : -1;
}

int signal_parse(const char *text, struct error **err)
{
	int signal = number_of(text, SIGRTMAX);

	if (signal < 0)
		signal = find_signal(text);
	if (signal > 0)
		return signal;
	return error_new(err, ERROR_INVALID, "invalid signal: %s", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting our own helper programs. They are found beside the running program (a build tree),
 * else in the libexec folder given at build time; never by PATH. A helper gets its socket as fd 3,
 * stdin from /dev/null unless given, stdout and stderr of ours unless given, and no other fd but
 * those of struct spawn.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;

struct spawn {
	const char *program; /* "vessel-monitor" */
	char *const *args; /* with args[0]; the environment is ours */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null, ours, ours */
	int socket_fd; /* becomes fd 3; -1: none */
	int extra_fd; /* becomes fd 4; -1: none */
	bool new_session; /* setsid: not reached by the terminal's signals */
	/*
	 * Run through a read-only clone of its mount: a process that later shares a container's
	 * view can be reached by /proc/PID/exe, and this one cannot be written through it
	 * (CVE-2019-5736). The helper gets the clone as fd 5, to keep as long as it lives: who
	 * closes it last waits for an RCU grace period, and that should not be us.
	 */
	bool read_only_exe;
	bool beside; /* we have work to do while it starts */
};

#define SPAWN_SOCKET_FD 3
#define SPAWN_EXTRA_FD 4
#define SPAWN_EXE_FD 5

#define SPAWN_INIT \
	{ \
		.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .socket_fd = -1, .extra_fd = -1 \
	}

/* Returns the pid. */
pid_t spawn_helper(const struct spawn *spawn, struct error **err);
/* Opens a helper program: O_PATH fd. */
int helper_open(const char *program, struct error **err);
/* Waits for a child; returns its wait status. */
int child_wait(pid_t pid, int *ret_status, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staying in front of a process: its signals are ours, its terminal is connected to ours, its exit
 * code becomes ours, and orphans that come to us are collected.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct error;

struct foreground {
	bool open;
	sigset_t old_mask;
	int console_fd; /* the process's terminal, or -1 */
	int tty_fd; /* ours, in raw mode, or -1 */
	struct termios old_mode;
};

#define FOREGROUND_INIT \
	{ \
		.console_fd = -1, .tty_fd = -1 \
	}

/* Before the process starts: from here on signals wait. Owns console_fd, which may be -1. */
int foreground_open(struct foreground *front, int console_fd, struct error **err);
/* Until our child has ended; its exit code, or 128 and the signal's number. */
int foreground_wait(struct foreground *front, pid_t pid, int pidfd, struct error **err);
void foreground_close(struct foreground *front);

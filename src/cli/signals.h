/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as a file descriptor while streams are attached; SIGPIPE is ignored meanwhile. */
#pragma once

#include <signal.h>
#include <stdbool.h>

struct error;

struct signals {
	int fd; /* -1: not open */
	sigset_t old_mask;
	struct sigaction old_pipe;
};

enum signals_wanted {
	SIGNALS_NONE,
	SIGNALS_DEADLY, /* those that would end us */
	SIGNALS_ALL, /* and those that stop and continue */
};

/* window: SIGWINCH too. */
int signals_open(
	struct signals *signals, enum signals_wanted wanted, bool window, struct error **err);
/* The next one, or 0. */
int signals_take(struct signals *signals);
void signals_close(struct signals *signals);
/* Ends us as the signal would have. */
_Noreturn void signals_die(int signal);

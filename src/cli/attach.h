/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the user's terminal or pipes and a container's (or an exec's) streams, until it ends or
 * the user detaches. One poll(2) loop: what the container writes goes out, what is typed goes in,
 * signals and the window's size are passed on. While an output waits for its reader nothing more
 * is taken from that side, so memory is bounded and the monitor sees the pressure.
 */
#pragma once

#include <stdbool.h>

#include "cli/detach.h"
#include "engine/container.h"

struct error;

struct attach {
	struct exec_session io; /* taken over; the three streams are -1 when they come through the
				   connection */
	bool is_exec, stdin, tty;
	bool redraw; /* the program drew its screen before we came */
	struct detach detach;
	int deadly; /* result: the signal to die of when all is cleared up: signals_die() */
	/* For each signal that we get; NULL: signals are for us. */
	void (*signal)(int signal, void *arg);
	void *arg;
};

enum attach_end {
	ATTACH_EXITED,
	ATTACH_DETACHED,
	ATTACH_LOST, /* the monitor went without saying how it ended */
	ATTACH_KILLED, /* a signal that was for us, or nobody reads our output: .deadly */
};

/* Returns how it ended, with *ret_code when it exited; -1 with *err. Closes io. */
int attach_run(struct attach *attach, int *ret_code, struct error **err);
/* "the input device is not a TTY", when a terminal is asked for and stdin is none. */
int attach_check_tty(bool stdin, bool tty, struct error **err);
/* Tells the user that the keys worked. */
void attach_say_detached(void);

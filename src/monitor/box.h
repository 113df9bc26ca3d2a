/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the monitor: a container of busybox in a directory of its own, run by the real
 * vessel-monitor, with the test in the engine's place. Needs root.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "monitor/config.h"
#include "monitor/protocol.h"
#include "oci/spec.h"

struct box {
	char dir[96], run_dir[128], id[65];
	int run_fd;
	int connection; /* to the monitor, as its engine; -1 closed */
	pid_t init, monitor; /* from CREATED and the state file */
	struct spec spec;
	struct monitor_config config;
};

struct outcome { /* what an attached client got */
	struct buf out, err;
	int code; /* -1: no EXITED came */
	bool oom_killed;
};

/* Shell is run by `sh -c`; the rest of spec and config may be changed before box_spawn(). */
void box_init(struct box *box, const char *shell);
/* Up to CREATED. */
void box_spawn(struct box *box);
/* START to STARTED; with attach, ATTACH before. */
void box_start(struct box *box, const struct monitor_attach *attach);
void box_run(struct box *box, const struct monitor_attach *attach); /* both */
int box_connect(struct box *box, const struct monitor_attach *attach);
/* The next message must be of this type; static storage. */
struct msg *box_expect(int connection, enum monitor_message type);
/* Reads until EXITED or the end. */
void box_collect(int connection, struct outcome *ret);
void outcome_done(struct outcome *outcome);
/* Until the monitor has released its lock. */
void box_await_end(struct box *box);
/* Kills what runs, checks that nothing is left: no process, no cgroup. */
void box_done(struct box *box);
/* As box_done(), of one that should be gone by itself within a few seconds. */
void box_check_gone(struct box *box);

extern const struct monitor_attach attach_output, attach_input, attach_nothing;

/* Waits up to seconds for what a test expects, looking often. */
#define EVENTUALLY(condition) \
	do { \
		int tries_ = 0; \
		while (!(condition) && tries_++ < 10000) \
			usleep(500); \
		if (!(condition)) \
			fail_msg("never: %s", #condition); \
	} while (0)

#ifdef __SANITIZE_ADDRESS__
#	define BOX_SANITIZED true
#else
#	define BOX_SANITIZED false
#endif

/* Number of a process's open fds. */
int count_fds(pid_t pid);
/* Proportional set size in kB, from smaps_rollup. */
long process_pss(pid_t pid);

/*
 * Moves the test beside a copy of vessel-monitor, and a `vessel` that records how it was called
 * (itself); runs again from there. Returns in that copy; exits 77 (skipped) without root.
 */
void box_main(int argc, char **argv);

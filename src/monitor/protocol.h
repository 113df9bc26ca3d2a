/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine and a container's monitor say to each other, as sys/msg.h packets.
 *
 * The monitor is spawned by the engine with one end of a pair as fd 3 and the container's run
 * directory as argv[1]. In that directory are config.json (the bundle) and monitor.json (struct
 * monitor_config). It takes the lock file, makes the container, and then:
 *
 *   monitor -> engine   CREATED   struct monitor_created: init is cloned and prepares itself; plug
 * the network now engine -> monitor   START     the network is there (fds: sockets that reserve
 * published ports, to be kept open) monitor -> engine   STARTED   the program runs; or ERROR and
 * the monitor ends, leaving nothing
 *
 * Then that connection is an attached client like any that connects to attach.sock, if it sends
 * ATTACH. (engine closes it otherwise.) With ATTACH before START no byte of output is missed.
 *
 *   client -> monitor   ATTACH    struct monitor_attach
 *                       STDIN     bytes; STDIN_CLOSE ends them
 *                       RESIZE    struct monitor_size
 *                       EXEC      JSON: { "process": <OCI process>, "detach": bool }; fds: stdin,
 * stdout, stderr (ends of pipes that the client made; none with a terminal) UPDATED   (reserved)
 *   monitor -> client   STDOUT, STDERR   bytes
 *                       EXITED    struct monitor_exit: the container's end (for attached ones), or
 * the exec's EXEC_STARTED     struct monitor_created; fd: the terminal's master, with a terminal
 *                       ERROR     error_pack() bytes
 *
 * A connection does one thing: it attaches, or it runs one exec, whose process is killed by nothing
 * but its own end. A slow or dead client never blocks the container: output goes to the log first,
 * and a client that does not read is waited for only while its socket buffer has room... then
 * dropped to a bounded backlog.
 *
 * At the end the monitor kills what is left in the cgroup, removes the cgroup, writes the exit
 * record (durably, before anyone is told), answers EXITED, and if monitor.json has "reap", and no
 * client that said ATTACH with owner set is still connected, becomes `vessel reap ID` by execve:
 * that removes what the database and firewall still hold.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sys/msg.h"

enum monitor_message {
	MONITOR_CREATED = 1,
	MONITOR_START,
	MONITOR_STARTED,
	MONITOR_ERROR,
	MONITOR_ATTACH,
	MONITOR_STDIN,
	MONITOR_STDIN_CLOSE,
	MONITOR_RESIZE,
	MONITOR_STDOUT,
	MONITOR_STDERR,
	MONITOR_EXEC,
	MONITOR_EXEC_STARTED,
	MONITOR_EXITED,
};

struct monitor_created {
	int32_t pid;
	uint64_t start_time; /* field 22 of /proc/PID/stat */
};

struct monitor_attach {
	uint8_t stdin, stdout, stderr; /* which streams this client is for */
	uint8_t owner; /* will clean up after the end itself */
};

struct monitor_size {
	uint16_t rows, columns;
};

struct monitor_exit {
	int32_t code; /* 0 to 255; 128 + signal */
	uint8_t oom_killed;
};

/* Files of the run directory. */
#define MONITOR_LOCK "lock" /* flock()ed by the monitor while it lives */
#define MONITOR_SOCKET "attach.sock"
#define MONITOR_CONFIG "monitor.json"
#define MONITOR_BUNDLE "config.json"
#define MONITOR_STATE "state" /* "PID STARTTIME STARTED_NS MONITOR_PID\n" once the program runs */
/* File of the container's directory. */
#define MONITOR_EXIT "exit.json" /* struct monitor_record */

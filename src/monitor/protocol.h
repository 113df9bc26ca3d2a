/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine, its clients and a container's monitor say to each other, as sys/msg.h packets.
 *
 * Start. monitor_spawn() gives the monitor one end of a pair as fd 3, and RUN_DIR as argv[1]; it
 * gets ready while RUN_DIR is made. On that pair:
 *
 *   engine -> monitor
 *     BEGIN     RUN_DIR is there, with config.json (the bundle) and monitor.json (struct
 *               monitor_config): it takes the lock and makes the container
 *   monitor -> engine
 *     CREATED   struct monitor_created: init is cloned and prepares itself; plug the network now
 *   engine -> monitor
 *     START     the network is there; fds: sockets that reserve published ports, to be kept open
 *               until the end
 *   monitor -> engine
 *     STARTED   the program runs, the state file is written, attach.sock listens
 *     ERROR     (in place of CREATED or STARTED) error_pack() bytes; the monitor has undone
 *               everything and ends; no exit record is written
 *
 * Before START the engine may send ATTACH and RESIZE: with ATTACH no byte of output is missed; and
 * HOLD, which brings fds as START does, when there are more than MSG_FDS_MAX. When the pair closes
 * before START, the monitor undoes everything and ends; after START it goes on, whatever happens to
 * the engine. After STARTED the pair is a client's connection like any other: who did not ATTACH
 * closes it.
 *
 * Clients connect to RUN_DIR/attach.sock (monitor_connect()), and send as their first message
 * ATTACH or EXEC. A message that is out of place closes the connection. There is room for
 * MONITOR_CLIENTS_MAX connections; one more gets ERROR (ERROR_UNAVAILABLE) and is closed.
 *
 * Attach.
 *   client -> monitor
 *     ATTACH       struct monitor_attach; no answer
 *     STDIN        bytes, at most MSG_MAX (only with .stdin)
 *     STDIN_CLOSE  no more bytes will come: half-close, output goes on
 *     RESIZE       struct monitor_size; without a terminal it means nothing
 *   monitor -> client
 *     STDOUT, STDERR  bytes, at most MSG_MAX each; with a terminal all is STDOUT
 *     EXITED       struct monitor_exit; always the last message, after all output. An end of the
 *                  connection without it: this client was dropped, the monitor was killed, or the
 *                  container ended just as the client connected (look at the exit record)
 *
 * All three streams false is how `wait` waits: such a client gets EXITED alone.
 * Input. Bytes of all clients that asked for stdin are taken as they come. The container's stdin is
 * closed only with monitor_config.stdin_once, by STDIN_CLOSE or the end of the first such client;
 * without it the pipe stays for the next client. A terminal's is never closed (send ^D). Without
 * open_stdin, STDIN is dropped. While the container does not read, at most one packet of each
 * client waits in the monitor, then the client's sends block (or say EAGAIN).
 * Output. It goes to the log first. Each client has its socket's buffer; when that is full, the
 * monitor reads no more output until it has room, so that every client gets every byte, as a pipe
 * would do it. The program then waits in write(2) once its pipe (up to 1 MiB) is full. The
 * connection that started the container is waited for as long as it lives (`run | less`); any
 * other client is dropped when it took nothing for MONITOR_PATIENCE_S seconds, so that a forgotten
 * client cannot hold a container for ever.
 *
 * Exec: one per connection.
 *   client -> monitor
 *     EXEC         JSON: { "process": <OCI process>, "detach": bool }. fds: stdin, stdout, stderr
 *                  (the child's ends, made by the client), or none: /dev/null, or the terminal
 *                  when process.terminal is set. JSON longer than MSG_MAX is sent in a memfd (at
 *                  most MONITOR_EXEC_MAX bytes, read from its offset), the last fd of a message
 *                  without bytes.
 *   monitor -> client
 *     EXEC_STARTED  struct monitor_created; with a terminal and without detach, its only master
 *                  comes as an fd: the client pumps and resizes it, and the process gets SIGHUP
 *                  when the client dies, as on any terminal
 *     ERROR        it could not run: ERROR_NO_PROGRAM, ERROR_NOT_EXECUTABLE, …
 *     EXITED       its exit code (oom_killed is 0); the last message
 * The process is complete (env, cwd, user, capabilities, rlimits): nothing comes from the
 * container's own but namespaces, cgroup, seccomp filter and oom_score_adj. Closing the connection
 * does not end it. With detach the client closes it after EXEC_STARTED.
 *
 * End. The monitor kills what is left in the cgroup, reads the OOM state, removes the cgroup, takes
 * the rest of the output into the log, writes the exit record (synced when .durable), removes the
 * state file and the socket, releases the lock, and only then sends EXITED: who has seen EXITED
 * sees a stopped container everywhere. Addresses, ports and the run directory are given back after
 * that: with monitor_config.reap, and unless a client with .owner is connected then, the monitor
 * becomes `vessel --root R --run-dir D reap ID`. Who needs them back before it goes on (stop, rm,
 * restart, run in the foreground) calls container_reap() itself; it is idempotent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sys/msg.h"

#define MONITOR_CLIENTS_MAX 256
#define MONITOR_PATIENCE_S 60
#define MONITOR_EXEC_MAX (4UL * 1024 * 1024)

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
	MONITOR_HOLD,
	MONITOR_BEGIN,
};

struct monitor_created {
	int32_t pid;
	uint64_t start_time; /* field 22 of /proc/PID/stat */
};

struct monitor_attach {
	uint8_t stdin, stdout, stderr; /* which streams this client is for */
	uint8_t owner; /* will clean up after the end itself (container_reap()) */
};

struct monitor_size {
	uint16_t rows, columns;
};

struct monitor_exit {
	int32_t code; /* 0 to 255; 128 + signal */
	uint8_t oom_killed;
};

/* Files of the run directory. */
/*
 * Locked by the monitor while it lives: F_OFD_SETLK for who asks (monitor_is_alive()), flock() for
 * who waits (flock(LOCK_SH), given up at once).
 */
#define MONITOR_LOCK "lock"
#define MONITOR_SOCKET "attach.sock"
#define MONITOR_CONFIG "monitor.json"
#define MONITOR_BUNDLE "config.json" /* removed again when the container's cgroup is */
#define MONITOR_STATE "state" /* "PID STARTTIME STARTED_NS MONITOR_PID\n" once the program runs */
/* File of the container's directory. */
#define MONITOR_EXIT "exit.json" /* struct monitor_record */

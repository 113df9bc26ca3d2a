/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's parts, shared between its files only:
 *
 *   layers.c  the mounts of layers that are not unpacked
 *   start.c   from the files of the run directory to a running container, or everything undone
 *   output.c  stdout and stderr: log first, then the backlog that clients are served from
 *   input.c   the container's stdin
 *   serve.c   connections: attach, resize
 *   exec.c    further processes
 *   end.c     from the end of init to `vessel reap`
 *
 * One thread, one loop. All fds are non-blocking; what blocks is bounded: the start and an exec
 * wait for the runtime, the end for a killed cgroup. Memory is mapped before the container starts,
 * but for one stdin packet that could not be written, and the rest of the pipes at the end (2 MiB).
 *
 * Privileges. The monitor keeps its capabilities while the container runs: an exec needs nearly all
 * of them (namespaces, cgroup, devices of a terminal, ids), and would need a privileged helper
 * otherwise. Instead nothing inside can reach it: it is not dumpable, its executable is a read-only
 * clone, it shares no namespace, no fd and no terminal with the container, and parses nothing that
 * the container wrote but the UTF-8 of its output. Its socket accepts the engine's own user.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/config.h"
#include "monitor/protocol.h"
#include "oci/spec.h"
#include "runtime/container.h"

struct error;
struct log_writer;
struct loop;
struct monitor;

#define HELD_FDS_MAX 256

struct client {
	struct monitor *monitor;
	int fd; /* -1: closed */
	bool starter; /* the connection that started the container: waited for without end */
	bool attached, owns_stdin; /* owns: stdin_once closes stdin with it */
	struct monitor_attach want;
	size_t offset; /* of the backlog: what it has got */
	int64_t lagging_ns; /* since when its socket is full; 0: it is not */
	/* An exec: */
	pid_t pid; /* 0: none */
	int pidfd, drain_fd; /* -1; drain_fd: the terminal of a detached one */
};

struct stream {
	struct monitor *monitor;
	int fd; /* -1: ended */
	int number; /* 1 stdout, 2 stderr */
	bool enlarged; /* its pipe holds 1 MiB */
};

/* Packets that some client has not got yet: one at a time, until the end. */
struct record {
	uint32_t type, length; /* MONITOR_STDOUT or MONITOR_STDERR; bytes follow */
};
struct backlog {
	char *data;
	size_t length, capacity;
};

struct held_layer {
	int fd; /* its mount, detached */
	char *entry; /* where others find it; NULL: nowhere */
};

struct monitor {
	struct loop *loop;
	int run_dir_fd, container_dir_fd, lock_fd, listen_fd, vessel_fd, timer_fd;
	struct monitor_config config;
	struct spec spec;
	struct container_init init;
	struct log_writer *log; /* NULL: none */
	int64_t started_ns;
	bool has_oom_score_adj; /* ours was lowered: that of execs must be set */
	int oom_score_adj; /* what it was */
	struct stream streams[2];
	bool paused; /* output waits for a client */
	bool busy; /* something was done: settle when it is quiet again */
	bool ticking; /* the timer runs */
	struct backlog backlog;
	int stdin_fd; /* non-blocking; -1: none, or closed */
	char *stdin_waiting; /* of stdin_length bytes, from stdin_offset on; NULL: nothing */
	size_t stdin_offset, stdin_length;
	bool stdin_ends; /* close it when nothing waits any more */
	bool stdin_claimed; /* the first client for stdin has come */
	bool ending;
	bool owner_told; /* who will clean up knows that it is time */
	struct monitor_exit exit;
	int held_fds[HELD_FDS_MAX]; /* sockets that reserve ports */
	size_t held_count;
	struct held_layer *layers;
	size_t layer_count;
	struct client clients[MONITOR_CLIENTS_MAX];
	size_t client_places; /* places below this were used once */
	struct msg msg; /* the one that is being handled */
};

/* monitor.c */
void monitor_settle(void); /* before a longer wait: gives back memory that waiting does not need */

/* layers.c */
/* Mounts, or borrows, the layers of the bundle that need it, and names them by their fds there. */
int layers_hold(struct monitor *m, struct error **err);
void layers_release(struct monitor *m);

/* start.c */
/* Up to STARTED. *engine_fd is taken over when it became a client's. */
int monitor_start(struct monitor *m, const char *run_dir, int *engine_fd, struct error **err);
void monitor_undo(struct monitor *m); /* what a start that failed has left */
int fd_nonblocking(int fd, struct error **err);

/* output.c */
int output_watch(struct monitor *m, struct error **err);
void output_drain(struct monitor *m); /* at the end: all that the pipes hold */
void output_settle(struct monitor *m); /* stops or continues reading, as clients have room */
void output_calm_down(struct monitor *m); /* gives the memory of large packets back */
void output_release(struct monitor *m);

/* input.c */
int input_watch(struct monitor *m, struct error **err);
void input_write(struct monitor *m, const char *data, size_t length);
void input_end(struct monitor *m); /* a client's input has ended */
bool input_is_blocked(const struct monitor *m);
void input_close(struct monitor *m);

/* serve.c */
int serve_listen(struct monitor *m, struct error **err);
void serve_busy(struct monitor *m); /* there is something to look at in a second */
/* Takes fd over; NULL when there is no place, and then it is closed. */
struct client *client_add(struct monitor *m, int fd, struct error **err);
/* For messages before START: the client is not in the loop yet. */
int client_attach(struct client *client, const struct msg *msg, struct error **err);
int client_resize(struct client *client, const struct msg *msg, struct error **err);
void client_update(struct client *client); /* watches what is wanted now */
void clients_update(struct monitor *m);
void client_push(struct client *client); /* sends of the backlog what the socket takes */
void client_receive(struct client *client); /* one message, if there is one */
void client_close(struct client *client);
bool serve_accept(struct monitor *m); /* one connection, if there is one */

/* exec.c */
int exec_start(struct client *client, struct msg *msg, struct error **err);
void exec_collect(struct client *client); /* it has ended: reaps it, tells the client */
int exit_code_of(int pidfd, int *ret_code); /* reaps; 1 when it has ended, 0 when not */

/* end.c */
void end_tell(struct client *client); /* the rest of the output, then EXITED, then close */
void end_check(struct monitor *m); /* stops the loop when everyone was told */
int monitor_end(struct monitor *m, struct error **err);

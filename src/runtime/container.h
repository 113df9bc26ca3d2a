/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a container out of a spec, and running further processes in one.
 *
 * runtime_create() makes the cgroup and clones init into new namespaces; init then prepares its
 * root in parallel with what the caller does meanwhile (plugging the network). runtime_start()
 * waits until init is ready, lets it execve and returns when the program runs, or with the error
 * init sent: ERROR_NO_PROGRAM (exit 127) and ERROR_NOT_EXECUTABLE (126) when the program itself is
 * at fault. After an error nothing is left of it.
 *
 * The caller must be small and single-threaded (it is copied), not dumpable, and run through a
 * read-only clone of its executable (base/spawn.h): the child shares its image until execve (rule:
 * no executable of ours can be written from inside). All its fds are O_CLOEXEC, and the child
 * closes what is not stdio by close_range(2) as well.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup/cgroup.h"
#include "oci/spec.h"
#include "runtime/listener.h"

struct error;
struct filter;

struct container_io {
	int stdin_fd, stdout_fd,
		stderr_fd; /* -1: /dev/null of the container; not used with a terminal */
};

struct container_init {
	pid_t pid;
	int pidfd;
	int sync_fd; /* to the child, until started */
	int console_fd; /* the terminal's master, when the process has one and is ready; else -1 */
	struct listener_state listener; /* for whom its seccomp filter asks; texts of the setup */
	bool ready;
	struct cgroup *cgroup;
	const struct container_setup *hooked; /* NULL, or with hooks, what it was made of */
};

#define CONTAINER_INIT_NONE \
	{ \
		.pid = -1, .pidfd = -1, .sync_fd = -1, .console_fd = -1 \
	}

struct container_setup {
	const struct spec *spec;
	const char *bundle; /* for a relative root_path */
	enum cgroup_driver driver;
	struct container_io io;
	/*
	 * For the state that hooks get; NULL: bundles with hooks are refused. With hooks, all that
	 * is given here must stay until init is ready, and bundle is absolute.
	 */
	const char *id;
	/*
	 * For callers that do not stay until the program runs (vessel-runtime), 0 for others:
	 * gate_fd is 0 or a listening SOCK_SEQPACKET socket (msg_listen_at()) in a directory of
	 * mode 0700, at which init waits for runtime_open_gate(); the program gets preserve_fds of
	 * the caller's fds, from 3 on, which must not be close-on-exec.
	 */
	int gate_fd;
	unsigned preserve_fds;
	/*
	 * Of filter_compile(), for a spec with linux.seccomp, which is refused without; NULL: the
	 * spec's own one (filter_open()).
	 */
	const struct filter *filter;
	bool no_pivot; /* chroot instead of pivot_root(2), for a host on a ramfs */
	bool no_new_keyring;
};

int runtime_create(
	const struct container_setup *setup, struct container_init *ret, struct error **err);
/*
 * Waits until init has done everything but running the program, which is when console_fd is there;
 * for callers that want to know before they start it. After an error, destroy it.
 */
int runtime_wait_ready(struct container_init *init, struct error **err);
int runtime_start(struct container_init *init, struct error **err);
/*
 * With a gate, once it is ready and its pid is recorded: init goes to the gate, and waits there
 * whatever becomes of the caller. (One that ends before, at any moment, takes init with it.) The
 * struct is forgotten without ending what runs; after an error it is not: destroy it.
 */
int runtime_leave(struct container_init *init, struct error **err);
/*
 * runtime_start() for an init that was left, by any process of the same user as the caller of
 * runtime_create(): dir_fd and name are where the gate's socket is, init_pidfd the process.
 * ERROR_NOT_FOUND when there is no socket; ERROR_CONFLICT when somebody has opened it before;
 * ERROR_UNAVAILABLE when init has ended. After an error of init itself (that of a hook, of the
 * program) it has ended, too.
 */
int runtime_open_gate(int dir_fd, const char *name, int init_pidfd, struct error **err);
/* 1 when an init waits at this gate, 0 when none does (any more), without disturbing it. */
int runtime_gate_waits(int dir_fd, const char *name, struct error **err);
/* Kills what runs, removes the cgroup, closes all fds. */
void runtime_destroy(struct container_init *init);

struct container_exec {
	const struct spec *spec; /* of the container */
	const struct spec_process
		*process; /* what to run; capabilities and rlimits as given there */
	int init_pidfd;
	pid_t init_pid;
	struct cgroup *cgroup;
	struct container_io io;
	unsigned preserve_fds;
	const struct filter *filter; /* as in struct container_setup */
	const char *id, *bundle; /* for the listener of that filter, if it has one */
};
/* Runs a further process as a child of the caller; *ret_pidfd and *ret_console (-1 without
 * terminal) are the caller's. */
pid_t runtime_exec(
	const struct container_exec *exec, int *ret_pidfd, int *ret_console, struct error **err);

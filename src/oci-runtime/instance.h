/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle to a container that waits for its start: what create and run share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "oci-runtime/command.h"
#include "oci-runtime/state.h"
#include "runtime/container.h"

struct error;

struct create_opts {
	const char *bundle, *config, *console_socket, *pid_file;
	int64_t preserve_fds;
	bool no_pivot, no_new_keyring, detach, no_subreaper, keep, systemd_cgroup;
};

/* The rows of create's and run's flag tables that are the same. */
#define CREATE_FLAGS \
	{ 'b', "bundle", "DIR", "the bundle's directory (default: the current one)", FLAG_TEXT, \
		FLAG_AT(create_opts, bundle, const char *) }, \
		{ 'f', "config", "FILE", "its configuration (default config.json)", FLAG_TEXT, \
			FLAG_AT(create_opts, config, const char *) }, \
		{ 0, "console-socket", "PATH", "unix socket that gets the terminal's master", \
			FLAG_TEXT, FLAG_AT(create_opts, console_socket, const char *) }, \
		{ 0, "pid-file", "FILE", "write the first process's pid to it", FLAG_TEXT, \
			FLAG_AT(create_opts, pid_file, const char *) }, \
		{ 0, "preserve-fds", "N", "pass N further fds, from 3 on", FLAG_INT, \
			FLAG_AT(create_opts, preserve_fds, int64_t) }, \
		{ 0, "no-pivot", NULL, "chroot instead of pivot_root, for a host on a ramfs", \
			FLAG_BOOL, FLAG_AT(create_opts, no_pivot, bool) }, \
		{ 0, "no-new-keyring", NULL, "keep the caller's session keyring", FLAG_BOOL, \
			FLAG_AT(create_opts, no_new_keyring, bool) }, \
	{ \
		0, "no-subreaper", NULL, "do not adopt orphans of the container", FLAG_BOOL, \
			FLAG_AT(create_opts, no_subreaper, bool) \
	}

struct instance {
	struct state state;
	struct spec spec;
	struct container_init init;
	unsigned preserve_fds;
	int notify_fd; /* where it says that it is ready, or -1 */
};

/*
 * Everything but starting the program. With gate, init waits for `start` by any process. After an
 * error nothing is left.
 */
int instance_create(const struct runtime *runtime, const struct create_opts *opts, const char *id,
	bool gate, struct instance *ret, struct error **err);
void instance_done(struct instance *container);
/* Ends what runs, removes cgroup and state, runs poststop hooks. force: also what is not stopped.
 */
int instance_remove(
	const struct runtime *runtime, struct state *state, bool force, struct error **err);
/* How many fds a program gets: those asked for and those of LISTEN_FDS. */
unsigned instance_fds(int64_t preserve_fds);
/* Texts ending in the pid's digits, without a newline, as its readers expect. */
int pid_file_write(const char *path, pid_t pid, struct error **err);
/* Poststart hooks; when one fails, what was started is removed. */
int instance_started(const struct runtime *runtime, struct state *state, const struct spec *spec,
	struct error **err);

static inline void instance_done_p_(struct instance *container)
{
	instance_done(container);
}
#define cleanup_instance CLEANUP(instance_done)
#define INSTANCE_INIT \
	{ \
		.notify_fd = -1, .state = STATE_INIT, .init = { \
			.pid = -1, \
			.pidfd = -1, \
			.sync_fd = -1, \
			.console_fd = -1 \
		} \
	}

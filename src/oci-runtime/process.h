/* SPDX-License-Identifier: Apache-2.0 */
/* What exec shall run: the container's own process as a pattern, or a file, and flags over that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strv.h"
#include "oci/spec.h"

struct error;

struct exec_opts {
	const char *process, *cwd, *user, *pid_file, *console_socket, *apparmor, *label;
	strv env, caps, gids, cgroups;
	int64_t preserve_fds;
	bool tty, detach, no_new_privs, ignore_paused, no_subreaper;
};

/* ret: released by spec_process_done(). */
int process_choose(const struct exec_opts *opts, char *const *command, const struct spec *spec,
	struct spec_process *ret, struct error **err);

static inline void process_done_p_(struct spec_process *process)
{
	spec_process_done(process);
}
#define cleanup_process CLEANUP(process_done)

/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may do: resource limits, capabilities, user and groups. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct spec_process;
struct user;

/* Written through proc_fd: a procfs that the container cannot have touched. */
int oom_score_apply(const struct spec_process *process, int proc_fd, struct error **err);
/* For a process that is in a user namespace, by its caller: a right there lowers no score, and the
 * file is root's of the host. pid: a child of ours. */
int oom_score_apply_to(pid_t pid, const struct spec_process *process, struct error **err);
/*
 * For a process that is, or will be, in a user namespace, where no right of its own raises a limit:
 * by its caller. What fails here fails again there, and is told then.
 */
void rlimits_raise_for(pid_t pid, const struct spec_process *process);
int rlimits_apply(const struct spec_process *process, struct error **err);
/*
 * Becomes the user, with the capabilities of the process. keep_admin leaves CAP_SYS_ADMIN in the
 * permitted and effective sets for loading a seccomp filter; execve(2) takes it away, because then
 * these sets are made anew from the bounding and ambient ones.
 */
int identity_apply(const struct spec_process *process, const struct user *user, bool keep_admin,
	struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Linux security modules know a process and its files by: process.apparmorProfile,
 * process.selinuxLabel and linux.mountLabel. One that was asked for and cannot be given is an
 * error: a container that only seems to be confined is worse than none.
 */
#pragma once

#include <stdbool.h>

struct error;
struct spec;
struct spec_process;

/* For the caller: has this host what is asked for? Reads nothing when nothing is. */
int label_check(const struct spec_process *process, struct error **err);
/* What the mounts that are made are labelled with, NULL: nothing. Without SELinux a file's label
 * means nothing to anybody, so unlike a process's it is not missed. */
const char *label_of_mounts(const struct spec *spec);
/* Whether label_apply() has anything to do. */
bool label_is_asked(const struct spec_process *process);
/*
 * For the process itself: the label that its next execve(2) gives it, and that of the processes
 * which it starts until then. proc_fd is a procfs of ours:
 * of the container's a link could lead the write to another file (CVE-2019-16884).
 */
int label_apply(const struct spec_process *process, int proc_fd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When and where a process runs: scheduling policy, I/O priority, processors, memory nodes, and the
 * execution domain. All of it outlives execve(2), and is set while we still have our rights.
 */
#pragma once

struct error;
struct spec;
struct spec_process;

/* What the process asks for, and the spec for all processes of the container. */
int schedule_apply(const struct spec *spec, const struct spec_process *process, struct error **err);
/* The calling task runs on these processors ("0-3,7"); what names it in errors. NULL: as it is. */
int affinity_apply(const char *list, const char *what, struct error **err);

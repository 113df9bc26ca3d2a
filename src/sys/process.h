/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by pidfd. A pid alone can be another process by now; a pidfd or a pid with its start
 * time cannot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

/*
 * clone3(2) like fork(): returns 0 in the child. flags are CLONE_NEW*; cgroup_fd >= 0 starts the
 * child in that cgroup (v2); *ret_pidfd is the parent's. A plain copy of the caller: only for
 * small, single-threaded processes.
 */
pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd, struct error **err);
int pidfd_open_pid(pid_t pid, struct error **err);
/* A copy of another process's fd, of whom the caller may trace. */
int pidfd_get_fd(int pidfd, int fd, struct error **err);
/* 1 sent, 0 when the process has ended. */
int pidfd_signal(int pidfd, int signal, struct error **err);
/* 1 ended, 0 when timeout_ms passed first (-1: none). Works for any process, child or not. */
int pidfd_wait(int pidfd, int timeout_ms, struct error **err);
/* Field 22 of /proc/PID/stat, in clock ticks since boot; 0 when there is no such process. */
uint64_t process_start_time(pid_t pid);
/* "TERM", "SIGTERM", "15", "RTMIN+3": its number, or -1 with ERROR_INVALID. */
int signal_parse(const char *text, struct error **err);

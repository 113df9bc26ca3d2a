/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a process in new and in existing namespaces.
 *
 * With new namespaces alone it is one clone3(2). To enter existing ones takes a process in between:
 * only children of who enters a pid namespace live in it, and a user namespace is entered before
 * the new namespaces that it shall own. That helper shares the caller's memory, as after vfork(2),
 * so only one page table is copied; and it makes the process with CLONE_PARENT, so that it becomes
 * the caller's child, as without a helper.
 *
 * The process must not see the host's fds once others of its pid namespace can see it (with
 * CAP_SYS_PTRACE they can look into it: CVE-2016-9962). So the helper closes what is not passed
 * before the process is made.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;
struct error;
struct spec_process;

#define LAUNCH_JOINS_MAX 8
#define LAUNCH_SYNC_FD 3
#define LAUNCH_EXTRA_FD 4
#define LAUNCH_FDS 5 /* where the further ones begin, when there are any: */
#define LAUNCH_GATE_FD 5
#define LAUNCH_TIME_FD 6
#define LAUNCH_PRESERVED_FD 7 /* the first of those that the program keeps */
#define LAUNCH_PRESERVED_MAX 4096

/* AddressSanitizer looks for the stack's end before each call that does not return, and warns when
 * it is not the stack that the process began with. */
#define LAUNCH_STACK __attribute__((no_sanitize("address")))

struct launch {
	uint64_t new_namespaces; /* CLONE_NEW* */
	int join_fds[LAUNCH_JOINS_MAX]; /* of namespaces */
	int join_types[LAUNCH_JOINS_MAX];
	size_t join_count;
	int join_pidfd; /* -1, or a process whose namespaces join_flags are entered */
	uint64_t join_flags;
	int cgroup_fd; /* -1, or where the process starts (v2) */
	/* NULL, or whose oom_score_adj, labels and first processors a joining process gets: from
	 * the host's /proc, before it is in the container. */
	const struct spec_process *process;
	struct cgroup *cgroup; /* NULL, or what the process, or its helper, enters first */
	/*
	 * All that the process gets, as 0, 1, 2, LAUNCH_SYNC_FD, LAUNCH_EXTRA_FD. The sync socket
	 * keeps the place of those that are -1, so that nothing else is opened under their number.
	 */
	int fds[LAUNCH_FDS];
	const int *more_fds; /* further ones, as LAUNCH_FDS, LAUNCH_FDS + 1… */
	size_t more_count;
	void (*run)(void *arg) __attribute__((noreturn));
	void *arg;
};

struct launch_more { /* in this order; none of them costs nothing */
	int gate_fd, time_fd; /* -1: none */
	unsigned int preserved; /* of the caller's fds, from 3 on */
};
/* What more_fds is to be, the caller's: NULL when nothing more is wanted. */
int launch_more_fds(
	const struct launch_more *more, int **ret, size_t *ret_count, struct error **err);

/* Returns its pid; *ret_pidfd is the caller's. */
pid_t launch(const struct launch *launch, int *ret_pidfd, struct error **err);

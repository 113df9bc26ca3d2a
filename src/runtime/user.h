/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process runs as. Names are looked up in the container's own /etc/passwd and /etc/group, by
 * a parser of ours: the C library's would load modules of the image into our process. Digits are
 * always a number, never a name, and must fit (CVE-2016-3697, CVE-2024-40635).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct spec_process;

#define USER_GROUPS_MAX 65536 /* NGROUPS_MAX */

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary */
	size_t group_count;
	bool keep_groups; /* those that we have ourselves */
	char *home; /* NULL: nothing says so */
};

/*
 * By process->user when it is set, as Docker means it: a group that is given stands alone, else
 * those of /etc/group that list the user are added; else by the numbers given.
 */
int user_lookup(
	int root_fd, const struct spec_process *process, struct user *ret, struct error **err);
void user_done(struct user *user);

static inline void user_done_p_(struct user *user)
{
	user_done(user);
}
#define cleanup_user __attribute__((cleanup(user_done_p_)))

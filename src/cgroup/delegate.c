/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving a v2 cgroup to the root of a user namespace: it may then make cgroups below, and move its
 * processes between them. The limits stay ours: only the files that the kernel lists in
 * /sys/kernel/cgroup/delegate change hands (cgroups(7), "Cgroups delegation").
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroup/internal.h"

#define DELEGATE "/sys/kernel/cgroup/delegate"
#define DELEGATE_MAX 65536

/* Before 4.15 nobody listed them. */
static const char always[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";

static int give(struct cgroup *cgroup, const char *name, uid_t uid, gid_t gid, struct error **err)
{
	if (fchownat(cgroup->v2_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT)
		return 0;
	return error_sys(
		err, "chown %s/%s/%s", cgroup->host->unified->mount_point, cgroup->dir, name);
}

int cgroup_delegate(struct cgroup *cgroup, uid_t uid, gid_t gid, struct error **err)
{
	cleanup_error struct error *missing = NULL;
	cleanup_free char *list = NULL;
	char *save = NULL;

	if (cgroup->host->mode != CGROUP_V2 || cgroup->v2_fd < 0)
		return 0;
	if (file_read_at(AT_FDCWD, DELEGATE, DELEGATE_MAX, &list, &missing) < 0)
		list = xstrdup(always);
	if (fchown(cgroup->v2_fd, uid, gid) < 0)
		return error_sys(
			err, "chown %s/%s", cgroup->host->unified->mount_point, cgroup->dir);
	for (char *name = strtok_r(list, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
		if (!strchr(name, '/') && give(cgroup, name, uid, gid, err) < 0)
			return -1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's control groups, on v1, v2 and hybrid hosts, by the cgroupfs or the systemd driver.
 *
 * path is as in the specification's cgroupsPath: with cgroupfs "/vessel/<id>", one directory in
 * each v1 hierarchy (and in the v2 tree of a hybrid host), or one in the v2 tree. With systemd
 * "slice:prefix:name", which becomes system.slice/vessel-<id>.scope. Limits are written before the
 * first process enters. A limit that this host cannot apply is an error that names the file and the
 * reason; what was not asked for is not touched. cgroups(7), kernel: admin-guide/cgroup-v1,
 * admin-guide/cgroup-v2.rst.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "oci/spec.h"

struct error;
struct cgroup;

enum cgroup_mode { CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };
enum cgroup_driver { CGROUP_FS, CGROUP_SYSTEMD };

/* What this host has, from /proc/self/mountinfo; read once per process. */
int cgroup_host_mode(enum cgroup_mode *ret, struct error **err);
bool cgroup_has_systemd(void); /* PID 1 is systemd and answers on its socket */
const char *cgroup_mode_name(enum cgroup_mode mode); /* "1", "2", "hybrid" */

/* Makes the directories, enables controllers, writes the limits. Undone when it fails. */
int cgroup_create(const char *path, enum cgroup_driver driver, const struct spec_resources *limits,
	struct cgroup **ret, struct error **err);
/*
 * The same for callers that may put a container where other processes are: whoever made those is
 * told by cgroup_is_shared(), and then burying removes only what nobody is in.
 */
int cgroup_create_shared(const char *path, enum cgroup_driver driver,
	const struct spec_resources *limits, struct cgroup **ret, struct error **err);
bool cgroup_is_shared(const struct cgroup *cgroup);
/* An existing one; 0 with *ret NULL never happens: a missing one is ERROR_NOT_FOUND. */
int cgroup_open(
	const char *path, enum cgroup_driver driver, struct cgroup **ret, struct error **err);
void cgroup_free(struct cgroup *cgroup); /* forgets it; removes nothing */
/*
 * What is below a container's cgroup, to run a process there: "path", or on v1 "cpu,memory:path"
 * for these controllers. Only for cgroup_clone_fd() and cgroup_enter().
 */
int cgroup_open_below(
	const struct cgroup *cgroup, char *const *paths, struct cgroup **ret, struct error **err);
/*
 * v2: where process pid is, which is this cgroup or one below it. For who cannot enter this one
 * because the container has put its processes further down (EBUSY).
 */
int cgroup_open_around(
	const struct cgroup *cgroup, pid_t pid, struct cgroup **ret, struct error **err);

/*
 * A process gets in by CLONE_INTO_CGROUP with this fd (-1: there is no v2 tree), and then by
 * cgroup_enter(), which it calls itself, as long as it has one thread: the v1 hierarchies. So
 * nobody takes the kernel's cgroup_threadgroup_rwsem, whose first writer after a pause waits for
 * an RCU grace period: moving another process is seen to take 5 to 15 ms.
 */
int cgroup_clone_fd(const struct cgroup *cgroup);
int cgroup_enter(struct cgroup *cgroup, struct error **err);
/* systemd makes a new scope only around a process: that one must be attached by its parent. */
bool cgroup_wants_pid(const struct cgroup *cgroup);
int cgroup_attach(struct cgroup *cgroup, pid_t pid, struct error **err);
/* v2: makes it the user's, as far as the kernel's list of what is delegated says; else nothing. */
int cgroup_delegate(struct cgroup *cgroup, uid_t uid, gid_t gid, struct error **err);
/*
 * A new group of v1 has no time for real-time processes, so none can become one, whatever its
 * rights. Gives it some of what its parent has left, unless a limit has said how much; best effort.
 */
void cgroup_allow_realtime(struct cgroup *cgroup);
/* Only what is set in limits is changed; memory and swap in the order the kernel wants. */
int cgroup_update(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
/* SIGKILL to all, as often as it takes, until none is left; bounded by about two seconds. */
int cgroup_kill(struct cgroup *cgroup, struct error **err);
int cgroup_freeze(struct cgroup *cgroup, bool frozen, struct error **err);
/* Asked to be, by whomever. */
bool cgroup_frozen(struct cgroup *cgroup);
/* rmdir of all directories, retried while the kernel still sees dying processes; missing ones are
 * fine. */
int cgroup_remove(struct cgroup *cgroup, struct error **err);
/* Kills what is inside, and removes it; at once, where nothing is inside any more. */
int cgroup_bury(struct cgroup *cgroup, struct error **err);
/* Pids of all processes, in the caller's pid namespace; the caller frees. Returns the count. */
ssize_t cgroup_pids(struct cgroup *cgroup, pid_t **ret, struct error **err);
/*
 * How many processes the kernel's OOM killer has killed in here; also after the directory is gone,
 * as far as it was seen while it was there. systemd removes a scope's directory as soon as its last
 * process has ended, so whoever must know asks first, or watches.
 */
uint64_t cgroup_oom_kills(struct cgroup *cgroup);
/*
 * v2: an fd that polls EPOLLPRI when that may have changed; ask cgroup_oom_kills() then, which
 * remembers. -1 where the kernel has no such notice. It belongs to cgroup.
 */
int cgroup_oom_fd(struct cgroup *cgroup);
/*
 * For who waits for it on any host: an fd to poll for *ret_events, which come when memory has run
 * out, also where nothing was killed, and when the cgroup goes. It belongs to cgroup. Then ask how
 * often that was so far.
 */
int cgroup_oom_watch(struct cgroup *cgroup, short *ret_events, struct error **err);
uint64_t cgroup_oom_count(struct cgroup *cgroup);

struct cgroup_stats { /* what is not available is 0, limits UINT64_MAX */
	uint64_t cpu_usage_ns, cpu_throttled_ns;
	uint64_t memory_usage, memory_inactive_file, memory_limit, memory_peak;
	uint64_t pids_current, pids_limit;
	uint64_t io_read_bytes, io_write_bytes;
};
int cgroup_read_stats(struct cgroup *cgroup, struct cgroup_stats *ret, struct error **err);

DEFINE_CLEANUP(struct cgroup *, cgroup_free)
#define cleanup_cgroup CLEANUP(cgroup_free)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the cgroup module share: the host's hierarchies, and the files of one cgroup.
 *
 * A hierarchy's root directory is opened once per process and kept; a cgroup is then a path below
 * it, the same in every hierarchy. So making, entering and removing cost one mkdirat, one
 * openat-write-close and one unlinkat per hierarchy, and nothing else.
 *
 * A hierarchy in which we may not make directories (EROFS, EACCES, EPERM: a rootless user, a
 * container in a container) is left out of the cgroup, unless a limit was asked for there: then it
 * is an error. Any other failure is an error always.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cgroup/cgroup.h"

/* cpuacct has no controller of its own on v2, devices is a program, freezer is part of the core. */
enum cgroup_controller {
	CONTROLLER_CPU,
	CONTROLLER_CPUACCT,
	CONTROLLER_CPUSET,
	CONTROLLER_MEMORY,
	CONTROLLER_IO, /* v1: blkio */
	CONTROLLER_PIDS,
	CONTROLLER_DEVICES,
	CONTROLLER_FREEZER,
	CONTROLLER_HUGETLB,
	CONTROLLER_RDMA,
	CONTROLLER_MISC,
	CONTROLLER_NET_CLS,
	CONTROLLER_NET_PRIO,
	CONTROLLER_MAX_, /* keep last: sizes tables */
};

#define CGROUP_HIERARCHIES_MAX 24
#define CGROUP_PATH_MAX 1024 /* of a cgroup below its hierarchy's root */
#define CGROUP_WAIT_MS 2000 /* for the kernel to finish killing, freezing, removing */
#define CGROUP_DEPTH_MAX 32 /* of directories that a container makes below its own */

struct cgroup_hierarchy {
	char *mount_point;
	dev_t device;
	int root_fd; /* O_PATH */
	unsigned int controllers; /* bit per enum cgroup_controller */
	bool v2;
	bool whole; /* the mount shows the hierarchy from its root */
};

struct cgroup_host {
	enum cgroup_mode mode;
	struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES_MAX];
	size_t count;
	const struct cgroup_hierarchy *of[CONTROLLER_MAX_]; /* NULL: not on this host */
	const struct cgroup_hierarchy *unified; /* the v2 tree, NULL on v1 */
	const struct cgroup_hierarchy *main; /* whose cgroup.procs says who is inside */
};

struct cgroup {
	const struct cgroup_host *host;
	enum cgroup_driver driver;
	char *dir; /* below each hierarchy's root: "vessel/<id>"; systemd: once it is known */
	/* NULL: dir. Of a process that is put further down in some hierarchies. */
	char *below[CGROUP_HIERARCHIES_MAX];
	bool is_shared; /* somebody was there before us */
	uint32_t present; /* bit per hierarchy: has the directory */
	int v2_fd; /* of the directory in the v2 tree, where there is one */
	int oom_fd; /* the file that counts OOM kills, once it was wanted */
	int watch_fd; /* v1: an eventfd that the kernel counts in */
	uint64_t ooms; /* as last seen */
	int log_fd; /* the kernel's log, where the scope's life began */
	uint64_t oom_kills; /* as last seen */
	char *slice, *unit; /* systemd */
	struct spec_resources *pending; /* systemd: limits to write once the scope exists */
};

/* host.c. The same pointer each time; -1 when the host has no cgroups. */
int cgroup_host_get(const struct cgroup_host **ret, struct error **err);
/* Of the text of mountinfo; opens nothing. */
int cgroup_host_parse(char *mountinfo, struct cgroup_host *ret, struct error **err);
void cgroup_host_done(struct cgroup_host *host);
const char *cgroup_controller_name(enum cgroup_controller controller, bool v2);

static inline size_t cgroup_index(
	const struct cgroup_host *host, const struct cgroup_hierarchy *hierarchy)
{
	return (size_t)(hierarchy - host->hierarchies);
}
static inline bool cgroup_is_in(
	const struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy)
{
	return hierarchy && (cgroup->present & 1U << cgroup_index(cgroup->host, hierarchy)) != 0;
}

/* The directory in one hierarchy. */
static inline const char *cgroup_dir(
	const struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy)
{
	const char *below = cgroup->below[cgroup_index(cgroup->host, hierarchy)];

	return below ? below : cgroup->dir;
}

/* file.c: files of a cgroup. Errors name the file as a person would reach it. */
struct cgroup_file {
	const struct cgroup *cgroup;
	const struct cgroup_hierarchy *hierarchy;
	const char *name;
};
/* What a failed cgroup file means to the user who asked for it. */
enum error_kind cgroup_error_kind(const struct error *err);
/* With err NULL: errno says why. */
int cgroup_file_open(const struct cgroup_file *file, int flags, struct error **err);
int cgroup_file_write(const struct cgroup_file *file, const char *text, struct error **err);
int cgroup_file_put(const struct cgroup_file *file, int fd, const char *text, struct error **err);
/* 1 read, 0 no such file; what is there is cut at size - 1. */
int cgroup_file_read(const struct cgroup_file *file, char *ret, size_t size, struct error **err);
/* The number of a file of one, or after key in a flat-keyed file; 1, or 0 when there is none. */
int cgroup_file_number(const struct cgroup_file *file, const char *key, uint64_t *ret);
bool cgroup_flat_number(const char *text, const char *key, uint64_t *ret);

/* v1.c, v2.c: the directory in one hierarchy. Returns 1 when somebody lives there. */
int cgroup_v1_make(const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err);
/* pid 0: the calling process, which has one thread. */
int cgroup_v1_enter(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy, pid_t pid,
	struct error **err);
/* enabled: bits of the controllers that shall work there, where the host has them. */
int cgroup_v2_make(const struct cgroup_hierarchy *hierarchy, const char *dir, unsigned int enabled,
	struct error **err);
/* mkdir -p of dir's parents; each made one is given to made (may be NULL). */
int cgroup_make_parents(const struct cgroup_hierarchy *hierarchy, const char *dir,
	int (*made)(const struct cgroup_hierarchy *, const char *, struct error **),
	struct error **err);
/* Returns 1 when somebody lives there. */
int cgroup_mkdir(const struct cgroup_hierarchy *hierarchy, const char *dir, struct error **err);
int cgroup_open_v2(struct cgroup *cgroup, struct error **err);
struct cgroup *cgroup_new(enum cgroup_driver driver, struct error **err);

/* limits.c. */
unsigned int cgroup_limits_controllers(const struct spec_resources *limits); /* asked for */
int cgroup_limits_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
uint64_t cgroup_weight_of_shares(uint64_t shares);
uint64_t cgroup_io_weight(uint64_t weight);

/* oom.c. */
void cgroup_oom_init(struct cgroup *cgroup);
bool cgroup_oom_is_record(const char *record, const char *unit);

/* devices.c. */
int cgroup_devices_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);

/* systemd.c. Fills dir, slice and unit from "slice:prefix:name". */
int cgroup_systemd_parse(const char *path, struct cgroup *cgroup, struct error **err);
/* Keeps a copy of limits until the scope can be started. */
void cgroup_systemd_record(struct cgroup *cgroup, const struct spec_resources *limits);
void cgroup_systemd_forget(struct cgroup *cgroup);
int cgroup_systemd_start(struct cgroup *cgroup, pid_t pid, struct error **err);
int cgroup_systemd_update(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
void cgroup_systemd_stop(struct cgroup *cgroup);

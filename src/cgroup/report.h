/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the kernel counts of a cgroup, for who passes it on (the OCI runtimes' events). What
 * this host does not count is 0 or empty; no limit is UINT64_MAX on v2, and the number of whole
 * pages on v1. cgroup_read_stats() is the short form for people.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct cgroup;
struct error;

struct cgroup_numbers {
	uint64_t *items;
	size_t count;
};

struct cgroup_memory_use {
	uint64_t limit, usage, max, failures;
};

struct cgroup_named_number {
	char name[48];
	uint64_t value;
};

struct cgroup_named_numbers {
	struct cgroup_named_number *items;
	size_t count;
};

struct cgroup_io_number {
	uint64_t major, minor, value;
	char operation[16]; /* "Read"; "" for counts of both directions */
};

struct cgroup_io_numbers {
	struct cgroup_io_number *items;
	size_t count;
};

struct cgroup_hugepage_use {
	char size[16]; /* "2MB" */
	uint64_t usage, max, failures;
};

struct cgroup_hugepages {
	struct cgroup_hugepage_use *items;
	size_t count;
};

/* blkio's files. */
enum cgroup_io_kind {
	IO_SERVICE_BYTES,
	IO_SERVICED,
	IO_QUEUED,
	IO_SERVICE_TIME,
	IO_WAIT_TIME,
	IO_MERGED,
	IO_TIME,
	IO_SECTORS,
	IO_KINDS
};

struct cgroup_report {
	uint64_t cpu_total, cpu_kernel, cpu_user; /* nanoseconds */
	struct cgroup_numbers cpu_each, cpu_each_kernel, cpu_each_user;
	uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled_time;
	struct cgroup_numbers cpus, mems;
	uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
		memory_spread_slab, memory_pressure, sched_load_balance;
	int64_t sched_relax_domain_level;
	uint64_t memory_cache;
	struct cgroup_memory_use memory, swap, kernel, kernel_tcp; /* swap: with memory */
	struct cgroup_named_numbers memory_raw;
	uint64_t pids_current, pids_limit;
	struct cgroup_io_numbers io[IO_KINDS];
	struct cgroup_hugepages hugepages;
};

/* *ret holds nothing before; it is the caller's to release. */
int cgroup_report_read(struct cgroup *cgroup, struct cgroup_report *ret, struct error **err);
void cgroup_report_done(struct cgroup_report *report);

static inline void cgroup_report_done_p_(struct cgroup_report *report)
{
	cgroup_report_done(report);
}
#define cleanup_cgroup_report CLEANUP(cgroup_report_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources: what a container may use, as plain structs. Numbers are as the specification has
 * them, in v1's units; src/cgroup knows what v2 has instead.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"

struct error;
struct json_object;

struct spec_device_rule {
	bool allow;
	char type; /* a, c, b */
	int64_t major, minor; /* -1: any */
	char access[4]; /* of "rwm" */
};

struct spec_throttle {
	int64_t major, minor;
	uint64_t rate;
};

struct spec_throttles {
	struct spec_throttle *items;
	size_t count;
};

#define SPEC_UNSET INT64_MIN

struct spec_weight_device {
	int64_t major, minor;
	int64_t weight, leaf_weight; /* SPEC_UNSET or 10 to 1000 */
};

struct spec_hugepage_limit {
	char *size; /* "2MB": part of a file's name, and checked to be no more */
	uint64_t limit;
};

struct spec_priority {
	char *interface;
	uint32_t priority;
};

struct spec_rdma {
	char *device;
	int64_t handles, objects; /* SPEC_UNSET: no limit */
};

/* SPEC_UNSET: leave as it is; -1: unlimited, where the limit has that. */
struct spec_resources {
	int64_t memory_limit, memory_reservation, memory_swap; /* swap: memory + swap together */
	int64_t memory_swappiness, memory_oom_disable; /* 0 to 100; 0 or 1 */
	bool memory_check; /* a limit below what is used is refused */
	int64_t cpu_shares, cpu_quota, cpu_period; /* period in microseconds */
	int64_t cpu_burst, cpu_rt_runtime, cpu_rt_period, cpu_idle;
	char *cpuset_cpus, *cpuset_mems;
	int64_t pids_limit;
	int64_t blkio_weight, blkio_leaf_weight; /* 10 to 1000 */
	struct spec_weight_device *weight_devices;
	size_t weight_device_count;
	struct spec_throttles read_bps, write_bps, read_iops, write_iops;
	struct spec_hugepage_limit *hugepages;
	size_t hugepage_count;
	int64_t net_class;
	struct spec_priority *priorities;
	size_t priority_count;
	struct spec_rdma *rdma;
	size_t rdma_count;
	struct spec_device_rule *devices;
	size_t device_count;
	strv unified; /* "memory.high=123": v2 files, written as they are */
};

void spec_resources_init(struct spec_resources *resources);
void spec_resources_done(struct spec_resources *resources);
/* Overwrites *ret, which holds nothing. */
void spec_resources_copy(const struct spec_resources *from, struct spec_resources *ret);
/* An object like linux.resources: errors begin with where, "resources.memory.limit: ...". */
int spec_resources_parse(struct json_object *obj, struct spec_resources *ret, struct error **err);
struct json_object *spec_resources_json(const struct spec_resources *resources);

void spec_add_throttle(struct spec_throttles *list, int64_t major, int64_t minor, uint64_t rate);
void spec_add_device_rule(struct spec_resources *resources, const struct spec_device_rule *rule);

static inline void spec_resources_done_p_(struct spec_resources *resources)
{
	spec_resources_done(resources);
}
#define cleanup_spec_resources CLEANUP(spec_resources_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format has its own idea of what is left out: most numbers that are 0 and all empty lists, but
 * not each; the members below say it, as readers may want those that are always there.
 */
#include "oci-runtime/stats_json.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cgroup/report.h"

static void put(struct json_object *obj, const char *key, uint64_t value)
{
	json_put(obj, key, json_object_new_uint64(value));
}

static void put_some(struct json_object *obj, const char *key, uint64_t value)
{
	if (value != 0)
		put(obj, key, value);
}

static void put_numbers(
	struct json_object *obj, const char *key, const struct cgroup_numbers *numbers)
{
	struct json_object *array;

	if (numbers->count == 0)
		return;
	array = json_object_new_array();
	for (size_t i = 0; i < numbers->count; i++)
		json_object_array_add(array, json_object_new_uint64(numbers->items[i]));
	json_put(obj, key, array);
}

static struct json_object *cpu_json(const struct cgroup_report *report)
{
	struct json_object *cpu = json_object_new_object(), *usage = json_object_new_object();
	struct json_object *throttling = json_object_new_object();

	put_some(usage, "total", report->cpu_total);
	put_numbers(usage, "percpu", &report->cpu_each);
	put_numbers(usage, "percpu_kernel", &report->cpu_each_kernel);
	put_numbers(usage, "percpu_user", &report->cpu_each_user);
	put(usage, "kernel", report->cpu_kernel);
	put(usage, "user", report->cpu_user);
	put_some(throttling, "periods", report->cpu_periods);
	put_some(throttling, "throttledPeriods", report->cpu_throttled_periods);
	put_some(throttling, "throttledTime", report->cpu_throttled_time);
	json_put(cpu, "usage", usage);
	json_put(cpu, "throttling", throttling);
	return cpu;
}

static struct json_object *cpuset_json(const struct cgroup_report *report)
{
	struct json_object *cpuset = json_object_new_object();

	put_numbers(cpuset, "cpus", &report->cpus);
	put(cpuset, "cpu_exclusive", report->cpu_exclusive);
	put_numbers(cpuset, "mems", &report->mems);
	put(cpuset, "mem_hardwall", report->mem_hardwall);
	put(cpuset, "mem_exclusive", report->mem_exclusive);
	put(cpuset, "memory_migrate", report->memory_migrate);
	put(cpuset, "memory_spread_page", report->memory_spread_page);
	put(cpuset, "memory_spread_slab", report->memory_spread_slab);
	put(cpuset, "memory_pressure", report->memory_pressure);
	put(cpuset, "sched_load_balance", report->sched_load_balance);
	json_put_int(cpuset, "sched_relax_domain_level", report->sched_relax_domain_level);
	return cpuset;
}

static void put_memory(
	struct json_object *obj, const char *key, const struct cgroup_memory_use *use)
{
	struct json_object *entry = json_object_new_object();

	put(entry, "limit", use->limit);
	put_some(entry, "usage", use->usage);
	put_some(entry, "max", use->max);
	put(entry, "failcnt", use->failures);
	json_put(obj, key, entry);
}

static struct json_object *memory_json(const struct cgroup_report *report)
{
	struct json_object *memory = json_object_new_object(), *raw;

	put_some(memory, "cache", report->memory_cache);
	put_memory(memory, "usage", &report->memory);
	put_memory(memory, "swap", &report->swap);
	put_memory(memory, "kernel", &report->kernel);
	put_memory(memory, "kernelTCP", &report->kernel_tcp);
	if (report->memory_raw.count == 0)
		return memory;
	raw = json_object_new_object();
	for (size_t i = 0; i < report->memory_raw.count; i++)
		put(raw, report->memory_raw.items[i].name, report->memory_raw.items[i].value);
	json_put(memory, "raw", raw);
	return memory;
}

static struct json_object *pids_json(const struct cgroup_report *report)
{
	struct json_object *pids = json_object_new_object();

	put_some(pids, "current", report->pids_current);
	if (report->pids_limit != UINT64_MAX) /* "max" is 0 there */
		put_some(pids, "limit", report->pids_limit);
	return pids;
}

static struct json_object *blkio_json(const struct cgroup_report *report)
{
	static const char *const names[IO_KINDS] = {
		[IO_SERVICE_BYTES] = "ioServiceBytesRecursive",
		[IO_SERVICED] = "ioServicedRecursive",
		[IO_QUEUED] = "ioQueueRecursive",
		[IO_SERVICE_TIME] = "ioServiceTimeRecursive",
		[IO_WAIT_TIME] = "ioWaitTimeRecursive",
		[IO_MERGED] = "ioMergedRecursive",
		[IO_TIME] = "ioTimeRecursive",
		[IO_SECTORS] = "sectorsRecursive",
	};
	struct json_object *blkio = json_object_new_object();

	for (int kind = 0; kind < IO_KINDS; kind++) {
		const struct cgroup_io_numbers *list = &report->io[kind];
		struct json_object *array;

		if (list->count == 0)
			continue;
		array = json_object_new_array();
		for (size_t i = 0; i < list->count; i++) {
			struct json_object *entry = json_object_new_object();

			put_some(entry, "major", list->items[i].major);
			put_some(entry, "minor", list->items[i].minor);
			if (list->items[i].operation[0])
				json_put_text(entry, "op", list->items[i].operation);
			put_some(entry, "value", list->items[i].value);
			json_object_array_add(array, entry);
		}
		json_put(blkio, names[kind], array);
	}
	return blkio;
}

static struct json_object *hugetlb_json(const struct cgroup_report *report)
{
	struct json_object *hugetlb = json_object_new_object();

	for (size_t i = 0; i < report->hugepages.count; i++) {
		const struct cgroup_hugepage_use *use = &report->hugepages.items[i];
		struct json_object *entry = json_object_new_object();

		put_some(entry, "usage", use->usage);
		put_some(entry, "max", use->max);
		put(entry, "failcnt", use->failures);
		json_put(hugetlb, use->size, entry);
	}
	return hugetlb;
}

struct json_object *stats_report_json(const struct cgroup_report *report)
{
	struct json_object *stats = json_object_new_object();

	json_put(stats, "cpu", cpu_json(report));
	json_put(stats, "cpuset", cpuset_json(report));
	json_put(stats, "memory", memory_json(report));
	json_put(stats, "pids", pids_json(report));
	json_put(stats, "blkio", blkio_json(report));
	json_put(stats, "hugetlb", hugetlb_json(report));
	json_put(stats, "intel_rdt", json_object_new_object());
	/* An OCI runtime makes no interface; there is a place for them all the same. */
	json_object_object_add(stats, "network_interfaces", NULL);
	return stats;
}

struct json_object *stats_json(struct cgroup *cgroup, struct error **err)
{
	cleanup_cgroup_report struct cgroup_report report = { 0 };

	if (cgroup_report_read(cgroup, &report, err) < 0)
		return NULL;
	return stats_report_json(&report);
}

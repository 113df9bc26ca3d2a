/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroup uses, from its files: a table of numbers, and the sums of the block devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cgroup/internal.h"

#define AT(member) offsetof(struct cgroup_stats, member)
#define IO_TEXT_MAX (64UL * 1024)
/* v1's "no limit" is the largest number of whole pages. */
#define V1_UNLIMITED (UINT64_C(1) << 62)

static const struct number {
	size_t at;
	enum cgroup_controller controller;
	struct {
		const char *file, *key; /* no key: the file is one number */
		uint64_t scale;
	} v1, v2;
} numbers[] = {
	{ AT(cpu_usage_ns), CONTROLLER_CPUACCT, { "cpuacct.usage", NULL, 1 },
		{ "cpu.stat", "usage_usec", 1000 } },
	{ AT(cpu_throttled_ns), CONTROLLER_CPU, { "cpu.stat", "throttled_time", 1 },
		{ "cpu.stat", "throttled_usec", 1000 } },
	{ AT(memory_usage), CONTROLLER_MEMORY, { "memory.usage_in_bytes", NULL, 1 },
		{ "memory.current", NULL, 1 } },
	{ AT(memory_inactive_file), CONTROLLER_MEMORY, { "memory.stat", "total_inactive_file", 1 },
		{ "memory.stat", "inactive_file", 1 } },
	{ AT(memory_limit), CONTROLLER_MEMORY, { "memory.limit_in_bytes", NULL, 1 },
		{ "memory.max", NULL, 1 } },
	{ AT(memory_peak), CONTROLLER_MEMORY, { "memory.max_usage_in_bytes", NULL, 1 },
		{ "memory.peak", NULL, 1 } },
	{ AT(pids_current), CONTROLLER_PIDS, { "pids.current", NULL, 1 },
		{ "pids.current", NULL, 1 } },
	{ AT(pids_limit), CONTROLLER_PIDS, { "pids.max", NULL, 1 }, { "pids.max", NULL, 1 } },
};

static void read_number(
	const struct cgroup *cgroup, const struct number *number, struct cgroup_stats *ret)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[number->controller];
	struct cgroup_file file = { cgroup, hierarchy, number->v1.file };
	const char *key = number->v1.key;
	uint64_t value, scale = number->v1.scale;

	/* Every v2 directory counts processor time, with or without the controller (4.15). */
	if (!hierarchy && cgroup->host->mode == CGROUP_V2 &&
		number->controller == CONTROLLER_CPUACCT)
		file.hierarchy = hierarchy = cgroup->host->unified;
	if (!cgroup_is_in(cgroup, hierarchy))
		return;
	if (hierarchy->v2) {
		file.name = number->v2.file;
		key = number->v2.key;
		scale = number->v2.scale;
	}
	if (cgroup_file_number(&file, key, &value) > 0)
		*(uint64_t *)((char *)ret + number->at) = value * scale;
}

/* "8:0 Read 123", one device and direction a line. */
static void add_io_v1(const char *line, struct cgroup_stats *ret)
{
	const char *word = strchr(line, ' ');

	if (!word)
		return;
	if (strncmp(word, " Read ", 6) == 0)
		ret->io_read_bytes += strtoull(word + 6, NULL, 10);
	else if (strncmp(word, " Write ", 7) == 0)
		ret->io_write_bytes += strtoull(word + 7, NULL, 10);
}

/* "8:0 rbytes=1 wbytes=2 rios=3 ..." */
static void add_io_v2(const char *line, struct cgroup_stats *ret)
{
	const char *read = strstr(line, " rbytes="), *write = strstr(line, " wbytes=");

	if (read)
		ret->io_read_bytes += strtoull(read + strlen(" rbytes="), NULL, 10);
	if (write)
		ret->io_write_bytes += strtoull(write + strlen(" wbytes="), NULL, 10);
}

static void read_io(const struct cgroup *cgroup, struct cgroup_stats *ret)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_IO];
	struct cgroup_file file = { cgroup, hierarchy,
		"blkio.throttle.io_service_bytes_recursive" };
	cleanup_error struct error *ignored = NULL;
	char text[IO_TEXT_MAX], *save = NULL;

	if (!cgroup_is_in(cgroup, hierarchy))
		return;
	if (hierarchy->v2)
		file.name = "io.stat";
	if (cgroup_file_read(&file, text, sizeof(text), &ignored) <= 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (hierarchy->v2)
			add_io_v2(line, ret);
		else
			add_io_v1(line, ret);
	}
}

int cgroup_read_stats(struct cgroup *cgroup, struct cgroup_stats *ret, struct error **err)
{
	struct cgroup_stats stats = { .memory_limit = UINT64_MAX, .pids_limit = UINT64_MAX };

	if (!cgroup->present)
		return error_new(err, ERROR_NOT_FOUND, "no cgroup '%s'", cgroup->dir);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		read_number(cgroup, &numbers[i], &stats);
	if (stats.memory_limit >= V1_UNLIMITED)
		stats.memory_limit = UINT64_MAX;
	read_io(cgroup, &stats);
	*ret = stats;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/report.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cgroup/internal.h"

#define AT(member) offsetof(struct cgroup_report, member)
#define TEXT_MAX (64UL * 1024)
#define CPUS_MAX 8192
#define LINES_MAX 4096
#define TICK_NS 10000000 /* USER_HZ is 100 on every architecture that we run on */

struct source {
	const char *file, *key; /* no file: not there; no key: the file is one number */
	uint64_t scale;
};

static const struct number {
	size_t at;
	enum cgroup_controller controller;
	struct source v1, v2;
} numbers[] = {
	{ AT(cpu_total), CONTROLLER_CPUACCT, { "cpuacct.usage", NULL, 1 },
		{ "cpu.stat", "usage_usec", 1000 } },
	{ AT(cpu_user), CONTROLLER_CPUACCT, { "cpuacct.stat", "user", TICK_NS },
		{ "cpu.stat", "user_usec", 1000 } },
	{ AT(cpu_kernel), CONTROLLER_CPUACCT, { "cpuacct.stat", "system", TICK_NS },
		{ "cpu.stat", "system_usec", 1000 } },
	{ AT(cpu_periods), CONTROLLER_CPU, { "cpu.stat", "nr_periods", 1 },
		{ "cpu.stat", "nr_periods", 1 } },
	{ AT(cpu_throttled_periods), CONTROLLER_CPU, { "cpu.stat", "nr_throttled", 1 },
		{ "cpu.stat", "nr_throttled", 1 } },
	{ AT(cpu_throttled_time), CONTROLLER_CPU, { "cpu.stat", "throttled_time", 1 },
		{ "cpu.stat", "throttled_usec", 1000 } },
	{ AT(cpu_exclusive), CONTROLLER_CPUSET, { "cpuset.cpu_exclusive", NULL, 1 }, { 0 } },
	{ AT(mem_hardwall), CONTROLLER_CPUSET, { "cpuset.mem_hardwall", NULL, 1 }, { 0 } },
	{ AT(mem_exclusive), CONTROLLER_CPUSET, { "cpuset.mem_exclusive", NULL, 1 }, { 0 } },
	{ AT(memory_migrate), CONTROLLER_CPUSET, { "cpuset.memory_migrate", NULL, 1 }, { 0 } },
	{ AT(memory_spread_page), CONTROLLER_CPUSET, { "cpuset.memory_spread_page", NULL, 1 },
		{ 0 } },
	{ AT(memory_spread_slab), CONTROLLER_CPUSET, { "cpuset.memory_spread_slab", NULL, 1 },
		{ 0 } },
	{ AT(memory_pressure), CONTROLLER_CPUSET, { "cpuset.memory_pressure", NULL, 1 }, { 0 } },
	{ AT(sched_load_balance), CONTROLLER_CPUSET, { "cpuset.sched_load_balance", NULL, 1 },
		{ 0 } },
	{ AT(memory_cache), CONTROLLER_MEMORY, { "memory.stat", "cache", 1 },
		{ "memory.stat", "file", 1 } },
	{ AT(memory.usage), CONTROLLER_MEMORY, { "memory.usage_in_bytes", NULL, 1 },
		{ "memory.current", NULL, 1 } },
	{ AT(memory.limit), CONTROLLER_MEMORY, { "memory.limit_in_bytes", NULL, 1 },
		{ "memory.max", NULL, 1 } },
	{ AT(memory.max), CONTROLLER_MEMORY, { "memory.max_usage_in_bytes", NULL, 1 },
		{ "memory.peak", NULL, 1 } },
	{ AT(memory.failures), CONTROLLER_MEMORY, { "memory.failcnt", NULL, 1 },
		{ "memory.events", "max", 1 } },
	{ AT(swap.usage), CONTROLLER_MEMORY, { "memory.memsw.usage_in_bytes", NULL, 1 },
		{ "memory.swap.current", NULL, 1 } },
	{ AT(swap.limit), CONTROLLER_MEMORY, { "memory.memsw.limit_in_bytes", NULL, 1 },
		{ "memory.swap.max", NULL, 1 } },
	{ AT(swap.max), CONTROLLER_MEMORY, { "memory.memsw.max_usage_in_bytes", NULL, 1 },
		{ "memory.swap.peak", NULL, 1 } },
	{ AT(swap.failures), CONTROLLER_MEMORY, { "memory.memsw.failcnt", NULL, 1 },
		{ "memory.swap.events", "fail", 1 } },
	{ AT(kernel.usage), CONTROLLER_MEMORY, { "memory.kmem.usage_in_bytes", NULL, 1 },
		{ "memory.stat", "kernel", 1 } },
	{ AT(kernel.limit), CONTROLLER_MEMORY, { "memory.kmem.limit_in_bytes", NULL, 1 }, { 0 } },
	{ AT(kernel.max), CONTROLLER_MEMORY, { "memory.kmem.max_usage_in_bytes", NULL, 1 }, { 0 } },
	{ AT(kernel.failures), CONTROLLER_MEMORY, { "memory.kmem.failcnt", NULL, 1 }, { 0 } },
	{ AT(kernel_tcp.usage), CONTROLLER_MEMORY, { "memory.kmem.tcp.usage_in_bytes", NULL, 1 },
		{ "memory.stat", "sock", 1 } },
	{ AT(kernel_tcp.limit), CONTROLLER_MEMORY, { "memory.kmem.tcp.limit_in_bytes", NULL, 1 },
		{ 0 } },
	{ AT(kernel_tcp.max), CONTROLLER_MEMORY, { "memory.kmem.tcp.max_usage_in_bytes", NULL, 1 },
		{ 0 } },
	{ AT(kernel_tcp.failures), CONTROLLER_MEMORY, { "memory.kmem.tcp.failcnt", NULL, 1 },
		{ 0 } },
	{ AT(pids_current), CONTROLLER_PIDS, { "pids.current", NULL, 1 },
		{ "pids.current", NULL, 1 } },
	{ AT(pids_limit), CONTROLLER_PIDS, { "pids.max", NULL, 1 }, { "pids.max", NULL, 1 } },
};

/* v1: bfq counts what it schedules; the throttling layer counts all that passes. */
static const struct io_file {
	const char *bfq, *throttle;
	const char *v2_read, *v2_write, *v2_discard; /* keys of io.stat */
} io_files[IO_KINDS] = {
	[IO_SERVICE_BYTES] = { "blkio.bfq.io_service_bytes_recursive",
		"blkio.throttle.io_service_bytes_recursive", "rbytes", "wbytes", "dbytes" },
	[IO_SERVICED] = { "blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive",
		"rios", "wios", "dios" },
	[IO_QUEUED] = { "blkio.bfq.io_queued_recursive", NULL, NULL, NULL, NULL },
	[IO_SERVICE_TIME] = { "blkio.bfq.io_service_time_recursive", NULL, NULL, NULL, NULL },
	[IO_WAIT_TIME] = { "blkio.bfq.io_wait_time_recursive", NULL, NULL, NULL, NULL },
	[IO_MERGED] = { "blkio.bfq.io_merged_recursive", NULL, NULL, NULL, NULL },
	[IO_TIME] = { "blkio.bfq.time_recursive", NULL, NULL, NULL, NULL },
	[IO_SECTORS] = { "blkio.bfq.sectors_recursive", NULL, NULL, NULL, NULL },
};

static const struct cgroup_hierarchy *hierarchy_of(
	const struct cgroup *cgroup, enum cgroup_controller controller)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[controller];

	/* Every v2 directory counts processor time, with or without the controller (4.15). */
	if (!hierarchy && cgroup->host->mode == CGROUP_V2 && controller == CONTROLLER_CPUACCT)
		hierarchy = cgroup->host->unified;
	return cgroup_is_in(cgroup, hierarchy) ? hierarchy : NULL;
}

static void read_number(
	const struct cgroup *cgroup, const struct number *number, struct cgroup_report *ret)
{
	struct cgroup_file file = { .cgroup = cgroup };
	const struct source *source;
	uint64_t value;

	file.hierarchy = hierarchy_of(cgroup, number->controller);
	if (!file.hierarchy)
		return;
	source = file.hierarchy->v2 ? &number->v2 : &number->v1;
	file.name = source->file;
	if (file.name && cgroup_file_number(&file, source->key, &value) > 0)
		*(uint64_t *)((char *)ret + number->at) =
			value == UINT64_MAX ? value : value * source->scale;
}

/* The text of a file of a controller; false when there is none. */
static bool read_text(const struct cgroup *cgroup, enum cgroup_controller controller,
	const char *name, char text[static TEXT_MAX])
{
	struct cgroup_file file = { .cgroup = cgroup, .name = name };
	cleanup_error struct error *ignored = NULL;

	file.hierarchy = hierarchy_of(cgroup, controller);
	return name && file.hierarchy && cgroup_file_read(&file, text, TEXT_MAX, &ignored) > 0;
}

static void add_number(struct cgroup_numbers *list, uint64_t value)
{
	if (list->count == CPUS_MAX)
		return;
	list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = value;
}

/* "0-2,5" */
static void read_list(const struct cgroup *cgroup, const char *name, struct cgroup_numbers *ret)
{
	char text[TEXT_MAX], *save = NULL;

	if (!read_text(cgroup, CONTROLLER_CPUSET, name, text))
		return;
	for (char *word = strtok_r(text, ",\n", &save); word; word = strtok_r(NULL, ",\n", &save)) {
		char *end;
		unsigned long first = strtoul(word, &end, 10);
		unsigned long last = *end == '-' ? strtoul(end + 1, NULL, 10) : first;

		for (; first <= last && last < CPUS_MAX; first++)
			add_number(ret, first);
	}
}

/* v1: one number per processor, and "cpu user system" lines. */
static void read_each_cpu(const struct cgroup *cgroup, struct cgroup_report *ret)
{
	char text[TEXT_MAX], *save = NULL;

	if (read_text(cgroup, CONTROLLER_CPUACCT, "cpuacct.usage_percpu", text))
		for (char *word = strtok_r(text, " \n", &save); word;
			word = strtok_r(NULL, " \n", &save))
			add_number(&ret->cpu_each, strtoull(word, NULL, 10));
	if (!read_text(cgroup, CONTROLLER_CPUACCT, "cpuacct.usage_all", text))
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *user = strchr(line, ' '), *end;

		if (line[0] < '0' || line[0] > '9' || !user)
			continue; /* the heading */
		add_number(&ret->cpu_each_user, strtoull(user, &end, 10));
		add_number(&ret->cpu_each_kernel, strtoull(end, NULL, 10));
	}
}

static void read_raw(const struct cgroup *cgroup, struct cgroup_named_numbers *ret)
{
	char text[TEXT_MAX], *save = NULL;

	if (!read_text(cgroup, CONTROLLER_MEMORY, "memory.stat", text))
		return;
	for (char *line = strtok_r(text, "\n", &save); line && ret->count < LINES_MAX;
		line = strtok_r(NULL, "\n", &save)) {
		struct cgroup_named_number *item;
		char *space = strchr(line, ' ');

		if (!space)
			continue;
		ret->items = xrealloc(ret->items, ret->count + 1, sizeof(*ret->items));
		item = &ret->items[ret->count++];
		(void)snprintf(item->name, sizeof(item->name), "%.*s", (int)(space - line), line);
		item->value = strtoull(space, NULL, 10);
	}
}

static void add_io(struct cgroup_io_numbers *list, const struct cgroup_io_number *number)
{
	if (list->count == LINES_MAX)
		return;
	list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = *number;
}

/* "8:0 Read 123", or "8:0 123"; the last line is "Total 123". */
static void parse_io_v1(char *text, struct cgroup_io_numbers *ret)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct cgroup_io_number number = { 0 };
		char *at = line;

		if (*line < '0' || *line > '9')
			continue;
		number.major = strtoull(at, &at, 10);
		number.minor = *at == ':' ? strtoull(at + 1, &at, 10) : 0;
		at += strspn(at, " ");
		if (*at < '0' || *at > '9') {
			size_t length = strcspn(at, " ");

			(void)snprintf(number.operation, sizeof(number.operation), "%.*s",
				(int)length, at);
			at += length;
		}
		number.value = strtoull(at, NULL, 10);
		add_io(ret, &number);
	}
}

static void add_io_v2(
	const char *line, const char *key, const char *operation, struct cgroup_io_numbers *ret)
{
	struct cgroup_io_number number = { 0 };
	char *end, word[32];
	const char *at;

	(void)snprintf(word, sizeof(word), " %s=", key);
	at = strstr(line, word);
	if (!at)
		return;
	number.major = strtoull(line, &end, 10);
	number.minor = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
	number.value = strtoull(at + strlen(word), NULL, 10);
	(void)snprintf(number.operation, sizeof(number.operation), "%s", operation);
	add_io(ret, &number);
}

/* "8:0 rbytes=1 wbytes=2 rios=3 ..." */
static void read_io_v2(const struct cgroup *cgroup, struct cgroup_report *ret)
{
	char text[TEXT_MAX], *save = NULL;

	if (!read_text(cgroup, CONTROLLER_IO, "io.stat", text))
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		for (int kind = 0; kind < IO_KINDS; kind++) {
			const struct io_file *file = &io_files[kind];

			if (!file->v2_read)
				continue;
			add_io_v2(line, file->v2_read, "Read", &ret->io[kind]);
			add_io_v2(line, file->v2_write, "Write", &ret->io[kind]);
			add_io_v2(line, file->v2_discard, "Discard", &ret->io[kind]);
		}
	}
}

static void read_io(const struct cgroup *cgroup, struct cgroup_report *ret)
{
	const struct cgroup_hierarchy *hierarchy = hierarchy_of(cgroup, CONTROLLER_IO);
	char text[TEXT_MAX];

	if (!hierarchy)
		return;
	if (hierarchy->v2) {
		read_io_v2(cgroup, ret);
		return;
	}
	for (int kind = 0; kind < IO_KINDS; kind++) {
		const struct io_file *file = &io_files[kind];

		if (read_text(cgroup, CONTROLLER_IO, file->bfq, text))
			parse_io_v1(text, &ret->io[kind]);
		if (ret->io[kind].count == 0 &&
			read_text(cgroup, CONTROLLER_IO, file->throttle, text))
			parse_io_v1(text, &ret->io[kind]);
	}
}

/* Which sizes there are is told by the names of the files: "hugetlb.2MB.max". */
static void add_hugepages(
	const struct cgroup *cgroup, const char *name, struct cgroup_hugepages *ret)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_HUGETLB];
	static const char *const files[][2] = { { "usage_in_bytes", "current" },
		{ "max_usage_in_bytes", NULL }, { "failcnt", "events" } };
	const char *suffix = hierarchy->v2 ? ".current" : ".usage_in_bytes";
	struct cgroup_hugepage_use use = { 0 };
	uint64_t *const values[] = { &use.usage, &use.max, &use.failures };
	size_t length = strlen(name);
	char path[64];
	const struct cgroup_file file = { cgroup, hierarchy, path };

	if (strncmp(name, "hugetlb.", 8) != 0 || length <= 8 + strlen(suffix) ||
		strcmp(name + length - strlen(suffix), suffix) != 0)
		return;
	length -= 8 + strlen(suffix);
	if (length >= sizeof(use.size) || memchr(name + 8, '.', length))
		return; /* ".rsvd" */
	memcpy(use.size, name + 8, length);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		const char *what = files[i][hierarchy->v2];

		if (!what)
			continue;
		(void)snprintf(path, sizeof(path), "hugetlb.%s.%s", use.size, what);
		(void)cgroup_file_number(&file, hierarchy->v2 && i == 2 ? "max" : NULL, values[i]);
	}
	ret->items = xrealloc(ret->items, ret->count + 1, sizeof(*ret->items));
	ret->items[ret->count++] = use;
}

static void read_hugepages(const struct cgroup *cgroup, struct cgroup_hugepages *ret)
{
	const struct cgroup_hierarchy *hierarchy = hierarchy_of(cgroup, CONTROLLER_HUGETLB);
	const struct dirent *entry;
	DIR *stream;
	int fd;

	if (!hierarchy)
		return;
	fd = openat(hierarchy->root_fd, cgroup_dir(cgroup, hierarchy),
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		close_fd(fd);
		return;
	}
	while ((entry = readdir(stream)) != NULL)
		add_hugepages(cgroup, entry->d_name, ret);
	closedir(stream);
}

/* v2's swap is counted with memory, as v1 has it. */
static void adjust(const struct cgroup *cgroup, struct cgroup_report *report)
{
	const struct cgroup_hierarchy *hierarchy = hierarchy_of(cgroup, CONTROLLER_MEMORY);

	if (!hierarchy || !hierarchy->v2)
		return;
	report->swap.usage += report->memory.usage;
	if (report->swap.limit != UINT64_MAX && report->memory.limit != UINT64_MAX)
		report->swap.limit += report->memory.limit;
	else
		report->swap.limit = UINT64_MAX;
}

int cgroup_report_read(struct cgroup *cgroup, struct cgroup_report *ret, struct error **err)
{
	struct cgroup_report report = { .pids_limit = UINT64_MAX };
	const struct cgroup_file level = { cgroup, hierarchy_of(cgroup, CONTROLLER_CPUSET),
		"cpuset.sched_relax_domain_level" };
	cleanup_error struct error *ignored = NULL;
	char text[32];

	if (!cgroup->present)
		return error_new(err, ERROR_NOT_FOUND, "no cgroup '%s'", cgroup->dir);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		read_number(cgroup, &numbers[i], &report);
	if (level.hierarchy && cgroup_file_read(&level, text, sizeof(text), &ignored) > 0)
		report.sched_relax_domain_level = strtoll(text, NULL, 10);
	read_each_cpu(cgroup, &report);
	read_list(cgroup, "cpuset.cpus", &report.cpus);
	read_list(cgroup, "cpuset.mems", &report.mems);
	read_raw(cgroup, &report.memory_raw);
	read_io(cgroup, &report);
	read_hugepages(cgroup, &report.hugepages);
	adjust(cgroup, &report);
	*ret = report;
	return 0;
}

void cgroup_report_done(struct cgroup_report *report)
{
	free(report->cpu_each.items);
	free(report->cpu_each_kernel.items);
	free(report->cpu_each_user.items);
	free(report->cpus.items);
	free(report->mems.items);
	free(report->memory_raw.items);
	for (int kind = 0; kind < IO_KINDS; kind++)
		free(report->io[kind].items);
	free(report->hugepages.items);
	*report = (struct cgroup_report){ 0 };
}

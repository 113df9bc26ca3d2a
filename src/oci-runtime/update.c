/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New limits for a container. The flags become the members of a "resources" object that they stand
 * for, so that they are checked and carried out by what reads them from a configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"
#include "oci/spec_json.h"

#define FILE_MAX (1024UL * 1024)

struct update_opts {
	const char *resources;
	const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period,
		*cpu_rt_runtime, *cpu_idle, *cpuset_cpus, *cpuset_mems, *memory,
		*memory_reservation, *memory_swap, *pids_limit;
	const char *kernel_memory, *kernel_memory_tcp; /* gone from the kernel: accepted */
	const char *l3_cache_schema, *mem_bw_schema;
};

#define UPDATE_FLAG(name, field, arg, help) \
	{ \
		0, name, arg, help, FLAG_TEXT, FLAG_AT(update_opts, field, const char *) \
	}

static const struct flag update_flags[] = {
	{ 'r', "resources", "FILE", "a resources object; - is stdin", FLAG_TEXT,
		FLAG_AT(update_opts, resources, const char *) },
	UPDATE_FLAG("blkio-weight", blkio_weight, "WEIGHT", "share of the block devices"),
	UPDATE_FLAG("cpu-period", cpu_period, "US", "period of the CPU quota"),
	UPDATE_FLAG("cpu-quota", cpu_quota, "US", "CPU time in a period"),
	UPDATE_FLAG("cpu-burst", cpu_burst, "US", "unused CPU time that may be used later"),
	UPDATE_FLAG("cpu-share", cpu_share, "SHARES", "share of the CPUs"),
	UPDATE_FLAG("cpu-shares", cpu_share, "SHARES", NULL),
	UPDATE_FLAG("cpu-rt-period", cpu_rt_period, "US", "period of the realtime quota"),
	UPDATE_FLAG("cpu-rt-runtime", cpu_rt_runtime, "US", "realtime CPU time in a period"),
	UPDATE_FLAG("cpu-idle", cpu_idle, "0|1", "run only when nothing else does"),
	UPDATE_FLAG("cpuset-cpus", cpuset_cpus, "LIST", "CPUs it may use"),
	UPDATE_FLAG("cpuset-mems", cpuset_mems, "LIST", "memory nodes it may use"),
	UPDATE_FLAG("memory", memory, "BYTES", "memory limit"),
	UPDATE_FLAG("memory-reservation", memory_reservation, "BYTES", "soft memory limit"),
	UPDATE_FLAG("memory-swap", memory_swap, "BYTES", "limit of memory and swap together"),
	UPDATE_FLAG("pids-limit", pids_limit, "N", "number of processes"),
	UPDATE_FLAG("kernel-memory", kernel_memory, "BYTES", NULL),
	UPDATE_FLAG("kernel-memory-tcp", kernel_memory_tcp, "BYTES", NULL),
	UPDATE_FLAG("l3-cache-schema", l3_cache_schema, "SCHEMA", NULL),
	UPDATE_FLAG("mem-bw-schema", mem_bw_schema, "SCHEMA", NULL),
	{},
};

enum value { VALUE_NUMBER, VALUE_SIZE, VALUE_TEXT };

static const struct {
	const char *flag, *section, *member;
	enum value value;
	size_t offset;
} members[] = {
	{ "blkio-weight", "blockIO", "weight", VALUE_NUMBER,
		offsetof(struct update_opts, blkio_weight) },
	{ "cpu-period", "cpu", "period", VALUE_NUMBER, offsetof(struct update_opts, cpu_period) },
	{ "cpu-quota", "cpu", "quota", VALUE_NUMBER, offsetof(struct update_opts, cpu_quota) },
	{ "cpu-burst", "cpu", "burst", VALUE_NUMBER, offsetof(struct update_opts, cpu_burst) },
	{ "cpu-share", "cpu", "shares", VALUE_NUMBER, offsetof(struct update_opts, cpu_share) },
	{ "cpu-rt-period", "cpu", "realtimePeriod", VALUE_NUMBER,
		offsetof(struct update_opts, cpu_rt_period) },
	{ "cpu-rt-runtime", "cpu", "realtimeRuntime", VALUE_NUMBER,
		offsetof(struct update_opts, cpu_rt_runtime) },
	{ "cpu-idle", "cpu", "idle", VALUE_NUMBER, offsetof(struct update_opts, cpu_idle) },
	{ "cpuset-cpus", "cpu", "cpus", VALUE_TEXT, offsetof(struct update_opts, cpuset_cpus) },
	{ "cpuset-mems", "cpu", "mems", VALUE_TEXT, offsetof(struct update_opts, cpuset_mems) },
	{ "memory", "memory", "limit", VALUE_SIZE, offsetof(struct update_opts, memory) },
	{ "memory-reservation", "memory", "reservation", VALUE_SIZE,
		offsetof(struct update_opts, memory_reservation) },
	{ "memory-swap", "memory", "swap", VALUE_SIZE, offsetof(struct update_opts, memory_swap) },
	{ "pids-limit", "pids", "limit", VALUE_NUMBER, offsetof(struct update_opts, pids_limit) },
};

/* NULL with *err. */
static struct json_object *value_json(const char *text, enum value value, struct error **err)
{
	int64_t number = 0;
	char *end = NULL;

	if (value == VALUE_TEXT)
		return json_object_new_string(text);
	if (value == VALUE_SIZE && strcmp(text, "-1") != 0) {
		if (size_parse(text, &number, err) < 0)
			return NULL;
		return json_object_new_int64(number);
	}
	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end || errno) {
		error_new(err, ERROR_INVALID, "'%s' is not a number", text);
		return NULL;
	}
	return json_object_new_int64(number);
}

/* 1 when a flag was given. */
static int add_flags(
	const struct update_opts *opts, struct json_object *resources, struct error **err)
{
	int given = 0;

	for (size_t i = 0; i < LENGTH(members); i++) {
		const char *text = *(const char *const *)((const char *)opts + members[i].offset);
		struct json_object *section = NULL, *value;

		if (!text)
			continue;
		given = 1;
		value = value_json(text, members[i].value, err);
		if (!value)
			return error_wrap(err, "--%s", members[i].flag);
		if (!json_object_object_get_ex(resources, members[i].section, &section)) {
			section = json_object_new_object();
			json_put(resources, members[i].section, section);
		}
		json_object_object_del(section, members[i].member);
		json_put(section, members[i].member, value);
	}
	return given;
}

static int read_resources(const char *path, struct json_object **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	ssize_t length = strcmp(path, "-") == 0
				 ? file_read_fd(STDIN_FILENO, "stdin", FILE_MAX, &text, err)
				 : file_read_at(AT_FDCWD, path, FILE_MAX, &text, err);

	if (length < 0)
		return -1;
	return json_parse(text, (size_t)length, path, ret, err);
}

static int choose(const struct update_opts *opts, struct spec_resources *ret, struct error **err)
{
	cleanup_json struct json_object *resources = NULL;

	if (opts->l3_cache_schema || opts->mem_bw_schema)
		return error_new(err, ERROR_UNSUPPORTED,
			"a running container's Intel RDT settings cannot be changed");
	if (opts->resources && read_resources(opts->resources, &resources, err) < 0)
		return error_wrap(err, "--resources");
	if (!resources)
		resources = json_object_new_object();
	if (add_flags(opts, resources, err) < 0)
		return -1;
	return spec_resources_parse(resources, ret, err);
}

static int update_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	struct spec_resources resources cleanup_spec_resources;
	cleanup_cgroup struct cgroup *cgroup = NULL;
	cleanup_state struct state state = STATE_INIT;

	spec_resources_init(&resources);
	if (state_open(runtime, args[0], STATE_CHANGE, &state, err) < 0)
		return -1;
	if (state_status(&state) == STATUS_STOPPED)
		return error_new(err, ERROR_CONFLICT, "container not running: '%s'", args[0]);
	if (choose(opts, &resources, err) < 0 || state_cgroup(&state, &cgroup, err) < 0)
		return -1;
	if (!cgroup)
		return error_new(err, ERROR_UNSUPPORTED, "container '%s' has no cgroup", args[0]);
	return cgroup_update(cgroup, &resources, err);
}

const struct command oci_update = {
	.name = "update",
	.args = "CONTAINER",
	.summary = "Change a container's limits",
	.flags = update_flags,
	.opts_size = sizeof(struct update_opts),
	.min_args = 1,
	.max_args = 1,
	.run = update_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources of config.json, and of what "update" is given.
 *
 * Three members are read and have no effect, as nothing can be done for them: memory.kernel and
 * memory.kernelTCP (the kernel has dropped these limits, or counts them with the others), and
 * memory.useHierarchy (always so).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"
#include "oci/spec_limit.h"

#define DEVICE_RULES_MAX 4096
#define DEVICES_MAX 1024
#define NAME_LENGTH_MAX 64
#define AT(member) offsetof(struct spec_resources, member)

const struct spec_limit spec_limits[] = {
	{ "memory", "limit", AT(memory_limit), -1, INT64_MAX, false },
	{ "memory", "reservation", AT(memory_reservation), -1, INT64_MAX, false },
	{ "memory", "swap", AT(memory_swap), -1, INT64_MAX, false },
	{ "memory", "swappiness", AT(memory_swappiness), 0, 100, false },
	{ "memory", "disableOOMKiller", AT(memory_oom_disable), 0, 1, true },
	{ "cpu", "shares", AT(cpu_shares), 0, INT64_MAX, false },
	{ "cpu", "quota", AT(cpu_quota), -1, INT64_MAX, false },
	{ "cpu", "period", AT(cpu_period), 0, INT64_MAX, false },
	{ "cpu", "burst", AT(cpu_burst), 0, INT64_MAX, false },
	{ "cpu", "realtimeRuntime", AT(cpu_rt_runtime), -1, INT64_MAX, false },
	{ "cpu", "realtimePeriod", AT(cpu_rt_period), 0, INT64_MAX, false },
	{ "cpu", "idle", AT(cpu_idle), 0, 1, false },
	{ "pids", "limit", AT(pids_limit), -1, INT64_MAX, false },
	{ "blockIO", "weight", AT(blkio_weight), 0, 1000, false },
	{ "blockIO", "leafWeight", AT(blkio_leaf_weight), 0, 1000, false },
	{ "network", "classID", AT(net_class), 0, UINT32_MAX, false },
};
const size_t spec_limit_count = LENGTH(spec_limits);

const struct spec_throttle_list spec_throttle_lists[SPEC_THROTTLE_LISTS] = {
	{ "throttleReadBpsDevice", AT(read_bps) },
	{ "throttleWriteBpsDevice", AT(write_bps) },
	{ "throttleReadIOPSDevice", AT(read_iops) },
	{ "throttleWriteIOPSDevice", AT(write_iops) },
};

static int get_limit(
	struct json_object *group, const struct spec_limit *limit, int64_t *ret, struct error **err)
{
	bool flag = false;
	int found;

	if (!limit->is_bool)
		return spec_get_int(group, limit->key, limit->min, limit->max, ret, err);
	found = spec_get_bool(group, limit->key, &flag, err);
	if (found > 0)
		*ret = flag;
	return found;
}

static int parse_limits(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	for (size_t i = 0; i < spec_limit_count; i++) {
		const struct spec_limit *limit = &spec_limits[i];
		struct json_object *group = NULL;
		int found = spec_get(obj, limit->group, json_type_object, &group, err);

		if (found < 0)
			return -1;
		if (found > 0 &&
			get_limit(group, limit, spec_limit_at(ret, limit->offset), err) < 0)
			return spec_at(err, "%s", limit->group);
	}
	return 0;
}

static int parse_memory(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *memory = NULL;
	int found = spec_get(obj, "memory", json_type_object, &memory, err);
	int64_t ignored;
	bool always;

	if (found <= 0)
		return found;
	if (spec_get_int(memory, "kernel", -1, INT64_MAX, &ignored, err) < 0 ||
		spec_get_int(memory, "kernelTCP", -1, INT64_MAX, &ignored, err) < 0 ||
		spec_get_bool(memory, "useHierarchy", &always, err) < 0 ||
		spec_get_bool(memory, "checkBeforeUpdate", &ret->memory_check, err) < 0)
		return spec_at(err, "memory");
	return 0;
}

static int parse_cpusets(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *cpu = NULL;
	int found = spec_get(obj, "cpu", json_type_object, &cpu, err);

	if (found <= 0)
		return found;
	if (spec_get_text(cpu, "cpus", &ret->cpuset_cpus, err) < 0 ||
		spec_get_text(cpu, "mems", &ret->cpuset_mems, err) < 0)
		return spec_at(err, "cpu");
	return 0;
}

static int get_needed(struct json_object *obj, const char *key, int64_t *ret, struct error **err)
{
	int found = spec_get_number(obj, key, UINT32_MAX, ret, err);

	return found == 0 ? spec_missing(key, err) : found;
}

static int parse_throttle(struct json_object *obj, void *list, struct error **err)
{
	int64_t major, minor;
	uint64_t rate;
	int found;

	if (get_needed(obj, "major", &major, err) < 0 || get_needed(obj, "minor", &minor, err) < 0)
		return -1;
	found = spec_get_u64(obj, "rate", &rate, err);
	if (found <= 0)
		return found < 0 ? -1 : spec_missing("rate", err);
	spec_add_throttle(list, major, minor, rate);
	return 0;
}

static int parse_weight_device(struct json_object *obj, void *arg, struct error **err)
{
	struct spec_resources *ret = arg;
	struct spec_weight_device device = { .weight = SPEC_UNSET, .leaf_weight = SPEC_UNSET };

	if (get_needed(obj, "major", &device.major, err) < 0 ||
		get_needed(obj, "minor", &device.minor, err) < 0 ||
		spec_get_number(obj, "weight", 1000, &device.weight, err) < 0 ||
		spec_get_number(obj, "leafWeight", 1000, &device.leaf_weight, err) < 0)
		return -1;
	ret->weight_devices = xrealloc(
		ret->weight_devices, ret->weight_device_count + 1, sizeof(*ret->weight_devices));
	ret->weight_devices[ret->weight_device_count++] = device;
	return 0;
}

static int parse_block_io(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *group = NULL;
	int found = spec_get(obj, "blockIO", json_type_object, &group, err);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < SPEC_THROTTLE_LISTS; i++)
		if (spec_each(group, spec_throttle_lists[i].key, DEVICES_MAX, parse_throttle,
			    spec_throttles_at(ret, spec_throttle_lists[i].offset), err) < 0)
			return spec_at(err, "blockIO");
	if (spec_each(group, "weightDevice", DEVICES_MAX, parse_weight_device, ret, err) < 0)
		return spec_at(err, "blockIO");
	return 0;
}

/* A number and a unit, as in the names of hugetlb's files. */
static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 12 && text[0] != '0' && text[digits] &&
	       strchr("KMG", text[digits]) && strcmp(text + digits + 1, "B") == 0;
}

static int parse_hugepage(struct json_object *obj, void *arg, struct error **err)
{
	struct spec_resources *ret = arg;
	const char *size = NULL;
	uint64_t limit = 0;
	int found = spec_get_word(obj, "pageSize", &size, err);

	if (found <= 0)
		return found < 0 ? -1 : spec_missing("pageSize", err);
	if (!is_page_size(size))
		return error_new(err, ERROR_INVALID, "pageSize: \"%s\" is not like \"2MB\"", size);
	found = spec_get_u64(obj, "limit", &limit, err);
	if (found <= 0)
		return found < 0 ? -1 : spec_missing("limit", err);
	ret->hugepages = xrealloc(ret->hugepages, ret->hugepage_count + 1, sizeof(*ret->hugepages));
	ret->hugepages[ret->hugepage_count++] =
		(struct spec_hugepage_limit){ .size = xstrdup(size), .limit = limit };
	return 0;
}

/* Written into a line of a cgroup's file: one word of it, and no other line. */
static bool is_word(const char *text)
{
	size_t length = strlen(text);

	for (const char *at = text; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '=')
			return false;
	return length > 0 && length < NAME_LENGTH_MAX;
}

static int parse_priority(struct json_object *obj, void *arg, struct error **err)
{
	struct spec_resources *ret = arg;
	const char *name = NULL;
	uint32_t priority = 0;
	int found = spec_get_word(obj, "name", &name, err);

	if (found <= 0)
		return found < 0 ? -1 : spec_missing("name", err);
	if (!is_word(name))
		return error_new(err, ERROR_INVALID, "name: is not that of a network interface");
	found = spec_get_u32(obj, "priority", &priority, err);
	if (found <= 0)
		return found < 0 ? -1 : spec_missing("priority", err);
	ret->priorities =
		xrealloc(ret->priorities, ret->priority_count + 1, sizeof(*ret->priorities));
	ret->priorities[ret->priority_count++] =
		(struct spec_priority){ .interface = xstrdup(name), .priority = priority };
	return 0;
}

static int parse_network(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *network = NULL;
	int found = spec_get(obj, "network", json_type_object, &network, err);

	if (found > 0 &&
		spec_each(network, "priorities", DEVICES_MAX, parse_priority, ret, err) < 0)
		return spec_at(err, "network");
	return found;
}

static int add_rdma(const char *name, struct json_object *limits, struct spec_resources *ret,
	struct error **err)
{
	struct spec_rdma rdma = { .handles = SPEC_UNSET, .objects = SPEC_UNSET };

	if (!is_word(name))
		return error_new(err, ERROR_INVALID, ": is not the name of a device");
	if (spec_get_number(limits, "hcaHandles", UINT32_MAX, &rdma.handles, err) < 0 ||
		spec_get_number(limits, "hcaObjects", UINT32_MAX, &rdma.objects, err) < 0)
		return -1;
	ret->rdma = xrealloc(ret->rdma, ret->rdma_count + 1, sizeof(*ret->rdma));
	rdma.device = xstrdup(name);
	ret->rdma[ret->rdma_count++] = rdma;
	return 0;
}

static int parse_rdma(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *map = NULL;
	int found = spec_get(obj, "rdma", json_type_object, &map, err);

	if (found <= 0)
		return found;
	if (json_object_object_length(map) > DEVICES_MAX)
		return error_new(err, ERROR_INVALID, "rdma: has more than %d entries", DEVICES_MAX);
	json_object_object_foreach(map, name, limits)
	{
		if (add_rdma(name, limits, ret, err) < 0)
			return spec_at(err, "rdma[\"%s\"]", name);
	}
	return 0;
}

/* Each of r, w and m once. Callers are seen to write "rwa" too, and runc to pass over the "a". */
static int parse_access(const char *text, char ret[static 4], struct error **err)
{
	char access[4] = "";
	size_t length = 0;

	for (const char *at = text; *at; at++) {
		if (*at == 'a')
			continue;
		if (!strchr("rwm", *at) || strchr(access, *at))
			return error_new(err, ERROR_INVALID,
				"access: \"%s\" is not made of r, w and m", text);
		access[length++] = *at;
	}
	memcpy(ret, access, sizeof(access));
	return 0;
}

static int parse_device_rule(struct json_object *obj, void *resources, struct error **err)
{
	struct spec_device_rule rule = { .type = 'a', .major = -1, .minor = -1 };
	const char *type = "a", *access = "rwm";
	int has_allow = spec_get_bool(obj, "allow", &rule.allow, err);

	if (has_allow < 0 || spec_get_word(obj, "type", &type, err) < 0 ||
		spec_get_word(obj, "access", &access, err) < 0 ||
		spec_get_int(obj, "major", -1, UINT32_MAX, &rule.major, err) < 0 ||
		spec_get_int(obj, "minor", -1, UINT32_MAX, &rule.minor, err) < 0)
		return -1;
	if (!has_allow)
		return spec_missing("allow", err);
	if (strlen(type) > 1 || (*type && !strchr("abc", *type)))
		return error_new(err, ERROR_INVALID, "type: \"%s\" is not a, b or c", type);
	if (*type)
		rule.type = *type;
	if (parse_access(access, rule.access, err) < 0)
		return -1;
	if (rule.access[0]) /* an access of nothing changes nothing */
		spec_add_device_rule(resources, &rule);
	return 0;
}

/* Names of files in the container's cgroup: one component, which cannot climb. */
static int check_unified(char *const *unified, struct error **err)
{
	for (; unified && *unified; unified++) {
		size_t length = strcspn(*unified, "=");

		if (length == 0 || memchr(*unified, '/', length) ||
			!memchr(*unified, '.', length) || (*unified)[0] == '.')
			return error_new(err, ERROR_INVALID,
				"unified: the specified key has not the form CONTROLLER.VALUE "
				"`%.*s`",
				(int)length, *unified);
	}
	return 0;
}

int spec_resources_parse(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	cleanup_spec_resources struct spec_resources resources;

	spec_resources_init(&resources);
	if (parse_limits(obj, &resources, err) < 0 || parse_memory(obj, &resources, err) < 0 ||
		parse_cpusets(obj, &resources, err) < 0 ||
		parse_block_io(obj, &resources, err) < 0 ||
		spec_each(obj, "hugepageLimits", DEVICES_MAX, parse_hugepage, &resources, err) <
			0 ||
		parse_network(obj, &resources, err) < 0 || parse_rdma(obj, &resources, err) < 0 ||
		spec_each(obj, "devices", DEVICE_RULES_MAX, parse_device_rule, &resources, err) <
			0 ||
		spec_get_map(obj, "unified", &resources.unified, err) < 0 ||
		check_unified(resources.unified, err) < 0)
		return spec_at(err, "resources");
	*ret = resources;
	spec_resources_init(&resources);
	return 0;
}

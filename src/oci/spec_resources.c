/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define DEVICE_RULES_MAX 4096
#define THROTTLES_MAX 1024

static const struct {
	const char *group, *key;
	size_t offset;
	bool may_be_negative; /* -1: unlimited */
} limits[] = {
	{ "memory", "limit", offsetof(struct spec_resources, memory_limit), true },
	{ "memory", "reservation", offsetof(struct spec_resources, memory_reservation), true },
	{ "memory", "swap", offsetof(struct spec_resources, memory_swap), true },
	{ "cpu", "shares", offsetof(struct spec_resources, cpu_shares), false },
	{ "cpu", "quota", offsetof(struct spec_resources, cpu_quota), true },
	{ "cpu", "period", offsetof(struct spec_resources, cpu_period), false },
	{ "pids", "limit", offsetof(struct spec_resources, pids_limit), true },
	{ "blockIO", "weight", offsetof(struct spec_resources, blkio_weight), false },
};

static const struct {
	const char *key;
	size_t offset;
} throttles[] = {
	{ "throttleReadBpsDevice", offsetof(struct spec_resources, read_bps) },
	{ "throttleWriteBpsDevice", offsetof(struct spec_resources, write_bps) },
	{ "throttleReadIOPSDevice", offsetof(struct spec_resources, read_iops) },
	{ "throttleWriteIOPSDevice", offsetof(struct spec_resources, write_iops) },
};

/*
 * memory.kernel, kernelTCP, useHierarchy and checkBeforeUpdate are not among them: current kernels
 * have no such thing any more, or have it always.
 */
static const struct {
	const char *group;
	const char *const *keys;
} unsupported[] = {
	{ "memory", (const char *const[]){ "swappiness", "disableOOMKiller", NULL } },
	{ "cpu", (const char *const[]){ "realtimeRuntime", "realtimePeriod", "burst", "idle",
			 NULL } },
	{ "blockIO", (const char *const[]){ "leafWeight", "weightDevice", NULL } },
};

static const char *const unsupported_groups[] = { "hugepageLimits", "network", "rdma", NULL };

static void *field(const struct spec_resources *resources, size_t offset)
{
	return (char *)resources + offset;
}

static int parse_limits(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	for (size_t i = 0; i < LENGTH(limits); i++) {
		struct json_object *group = NULL;
		int64_t value = 0;
		int found = json_get(obj, limits[i].group, json_type_object, &group, err);

		if (found > 0)
			found = json_get_int(group, limits[i].key, &value, err);
		if (found < 0)
			return error_wrap(err, "'%s'", limits[i].group);
		if (found == 0)
			continue;
		if (value < (limits[i].may_be_negative ? -1 : 0))
			return error_new(err, ERROR_INVALID, "'%s.%s' is %lld", limits[i].group,
				limits[i].key, (long long)value);
		*(int64_t *)field(ret, limits[i].offset) = value;
	}
	return 0;
}

static int parse_cpusets(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *cpu = NULL;
	int found = json_get(obj, "cpu", json_type_object, &cpu, err);

	if (found <= 0)
		return found;
	if (spec_get_text(cpu, "cpus", &ret->cpuset_cpus, err) < 0 ||
		spec_get_text(cpu, "mems", &ret->cpuset_mems, err) < 0)
		return -1;
	return 0;
}

static int parse_throttle(struct json_object *obj, struct spec_throttles *list, struct error **err)
{
	int64_t major = -1, minor = -1, rate = -1;

	if (spec_get_number(obj, "major", UINT32_MAX, &major, err) < 0 ||
		spec_get_number(obj, "minor", UINT32_MAX, &minor, err) < 0 ||
		spec_get_number(obj, "rate", INT64_MAX, &rate, err) < 0)
		return -1;
	if (major < 0 || minor < 0 || rate < 0)
		return error_new(err, ERROR_INVALID, "'major', 'minor' or 'rate' is missing");
	spec_add_throttle(list, major, minor, (uint64_t)rate);
	return 0;
}

static int parse_throttles(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *group = NULL, *array;

	if (json_get(obj, "blockIO", json_type_object, &group, err) < 0)
		return -1;
	for (size_t i = 0; group && i < LENGTH(throttles); i++) {
		array = NULL;
		if (spec_get_array(group, throttles[i].key, THROTTLES_MAX, &array, err) < 0)
			return -1;
		for (size_t k = 0; array && k < json_object_array_length(array); k++)
			if (parse_throttle(json_object_array_get_idx(array, k),
				    field(ret, throttles[i].offset), err) < 0)
				return error_wrap(err, "'%s'", throttles[i].key);
	}
	return 0;
}

static bool access_is_valid(const char *access)
{
	size_t length = strlen(access);

	return length <= 3 && strspn(access, "rwm") == length &&
	       (length < 2 || access[0] != access[1]) &&
	       (length < 3 || (access[0] != access[2] && access[1] != access[2]));
}

static int get_number_or_any(
	struct json_object *obj, const char *key, int64_t *ret, struct error **err)
{
	if (json_get_int(obj, key, ret, err) < 0)
		return -1;
	if (*ret < -1 || *ret > UINT32_MAX)
		return error_new(err, ERROR_INVALID, "'%s' is %lld", key, (long long)*ret);
	return 0;
}

static int parse_device_rule(
	struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct spec_device_rule rule = { .type = 'a', .major = -1, .minor = -1 };
	const char *type = "a", *access = "rwm";
	int has_allow = json_get_bool(obj, "allow", &rule.allow, err);

	if (has_allow < 0 || json_get_text(obj, "type", &type, err) < 0 ||
		json_get_text(obj, "access", &access, err) < 0 ||
		get_number_or_any(obj, "major", &rule.major, err) < 0 ||
		get_number_or_any(obj, "minor", &rule.minor, err) < 0)
		return -1;
	if (!has_allow)
		return error_new(err, ERROR_INVALID, "'allow' is missing");
	if (strlen(type) != 1 || !strchr("abc", *type))
		return error_new(err, ERROR_INVALID, "type '%s' is not a, b or c", type);
	if (!access_is_valid(access))
		return error_new(
			err, ERROR_INVALID, "access '%s' is not made of r, w and m", access);
	rule.type = *type;
	memcpy(rule.access, access, strlen(access));
	spec_add_device_rule(ret, &rule);
	return 0;
}

static int parse_device_rules(
	struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	struct json_object *array = NULL;

	if (spec_get_array(obj, "devices", DEVICE_RULES_MAX, &array, err) < 0)
		return -1;
	for (size_t i = 0; array && i < json_object_array_length(array); i++)
		if (parse_device_rule(json_object_array_get_idx(array, i), ret, err) < 0)
			return error_wrap(err, "'devices'");
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
				"'unified': '%.*s' is not the name of a cgroup file", (int)length,
				*unified);
	}
	return 0;
}

static int refuse_unsupported(struct json_object *obj, struct error **err)
{
	for (size_t i = 0; i < LENGTH(unsupported); i++) {
		struct json_object *group = NULL;

		if (json_get(obj, unsupported[i].group, json_type_object, &group, err) < 0)
			return -1;
		if (group && spec_refuse(group, unsupported[i].keys, unsupported[i].group, err) < 0)
			return -1;
	}
	return spec_refuse(obj, unsupported_groups, "resources", err);
}

int spec_resources_parse(struct json_object *obj, struct spec_resources *ret, struct error **err)
{
	cleanup_spec_resources struct spec_resources resources;

	spec_resources_init(&resources);
	if (parse_limits(obj, &resources, err) < 0 || parse_cpusets(obj, &resources, err) < 0 ||
		parse_throttles(obj, &resources, err) < 0 ||
		parse_device_rules(obj, &resources, err) < 0 ||
		spec_get_map(obj, "unified", &resources.unified, err) < 0 ||
		check_unified(resources.unified, err) < 0 || refuse_unsupported(obj, err) < 0)
		return error_wrap(err, "'resources'");
	*ret = resources;
	resources = (struct spec_resources){ 0 };
	return 0;
}

/* ---- writing ---- */

/* The member object, made when it is first needed. */
static struct json_object *group_of(struct json_object *obj, const char *name)
{
	struct json_object *group = NULL;

	if (!json_object_object_get_ex(obj, name, &group)) {
		group = json_object_new_object();
		json_put(obj, name, group);
	}
	return group;
}

static struct json_object *device_rules_json(const struct spec_resources *resources)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < resources->device_count; i++) {
		const struct spec_device_rule *rule = &resources->devices[i];
		struct json_object *object = json_object_new_object();
		const char type[2] = { rule->type, '\0' };

		json_put_bool(object, "allow", rule->allow);
		json_put_text(object, "type", type);
		if (rule->major >= 0)
			json_put_int(object, "major", rule->major);
		if (rule->minor >= 0)
			json_put_int(object, "minor", rule->minor);
		json_put_text(object, "access", rule->access);
		json_object_array_add(array, object);
	}
	return array;
}

static void put_throttles(struct json_object *obj, const struct spec_resources *resources)
{
	for (size_t i = 0; i < LENGTH(throttles); i++) {
		const struct spec_throttles *list = field(resources, throttles[i].offset);
		struct json_object *array;

		if (list->count == 0)
			continue;
		array = json_object_new_array();
		for (size_t k = 0; k < list->count; k++) {
			struct json_object *object = json_object_new_object();

			json_put_int(object, "major", list->items[k].major);
			json_put_int(object, "minor", list->items[k].minor);
			json_put(object, "rate", json_object_new_uint64(list->items[k].rate));
			json_object_array_add(array, object);
		}
		json_put(group_of(obj, "blockIO"), throttles[i].key, array);
	}
}

struct json_object *spec_resources_json(const struct spec_resources *resources)
{
	struct json_object *object = json_object_new_object();

	if (resources->device_count > 0)
		json_put(object, "devices", device_rules_json(resources));
	for (size_t i = 0; i < LENGTH(limits); i++) {
		int64_t value = *(int64_t *)field(resources, limits[i].offset);

		if (value != SPEC_UNSET)
			json_put_int(group_of(object, limits[i].group), limits[i].key, value);
	}
	if (resources->cpuset_cpus)
		json_put_text(group_of(object, "cpu"), "cpus", resources->cpuset_cpus);
	if (resources->cpuset_mems)
		json_put_text(group_of(object, "cpu"), "mems", resources->cpuset_mems);
	put_throttles(object, resources);
	spec_put_map(object, "unified", resources->unified);
	return object;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources: the life of the struct, and its JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "oci/spec_json.h"
#include "oci/spec_limit.h"

void spec_resources_init(struct spec_resources *resources)
{
	*resources = (struct spec_resources){ 0 };
	for (size_t i = 0; i < spec_limit_count; i++)
		*spec_limit_at(resources, spec_limits[i].offset) = SPEC_UNSET;
}

void spec_resources_done(struct spec_resources *resources)
{
	free(resources->cpuset_cpus);
	free(resources->cpuset_mems);
	for (size_t i = 0; i < SPEC_THROTTLE_LISTS; i++)
		free(spec_throttles_at(resources, spec_throttle_lists[i].offset)->items);
	for (size_t i = 0; i < resources->hugepage_count; i++)
		free(resources->hugepages[i].size);
	for (size_t i = 0; i < resources->priority_count; i++)
		free(resources->priorities[i].interface);
	for (size_t i = 0; i < resources->rdma_count; i++)
		free(resources->rdma[i].device);
	free(resources->weight_devices);
	free(resources->hugepages);
	free(resources->priorities);
	free(resources->rdma);
	free(resources->devices);
	strv_free(resources->unified);
	spec_resources_init(resources);
}

static void *copy_array(const void *items, size_t count, size_t size)
{
	return count > 0 ? memcpy(xcalloc(count, size), items, count * size) : NULL;
}

void spec_resources_copy(const struct spec_resources *from, struct spec_resources *ret)
{
	*ret = *from;
	ret->cpuset_cpus = xstrdup_null(from->cpuset_cpus);
	ret->cpuset_mems = xstrdup_null(from->cpuset_mems);
	ret->unified = strv_copy(from->unified);
	for (size_t i = 0; i < SPEC_THROTTLE_LISTS; i++) {
		struct spec_throttles *list = spec_throttles_at(ret, spec_throttle_lists[i].offset);

		list->items = copy_array(list->items, list->count, sizeof(*list->items));
	}
	ret->devices = copy_array(from->devices, from->device_count, sizeof(*ret->devices));
	ret->weight_devices = copy_array(
		from->weight_devices, from->weight_device_count, sizeof(*ret->weight_devices));
	ret->hugepages = copy_array(from->hugepages, from->hugepage_count, sizeof(*ret->hugepages));
	for (size_t i = 0; i < ret->hugepage_count; i++)
		ret->hugepages[i].size = xstrdup(from->hugepages[i].size);
	ret->priorities =
		copy_array(from->priorities, from->priority_count, sizeof(*ret->priorities));
	for (size_t i = 0; i < ret->priority_count; i++)
		ret->priorities[i].interface = xstrdup(from->priorities[i].interface);
	ret->rdma = copy_array(from->rdma, from->rdma_count, sizeof(*ret->rdma));
	for (size_t i = 0; i < ret->rdma_count; i++)
		ret->rdma[i].device = xstrdup(from->rdma[i].device);
}

void spec_add_throttle(struct spec_throttles *list, int64_t major, int64_t minor, uint64_t rate)
{
	list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] =
		(struct spec_throttle){ .major = major, .minor = minor, .rate = rate };
}

void spec_add_device_rule(struct spec_resources *resources, const struct spec_device_rule *rule)
{
	resources->devices = xrealloc(
		resources->devices, resources->device_count + 1, sizeof(*resources->devices));
	resources->devices[resources->device_count++] = *rule;
}

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

static struct json_object *device_json(int64_t major, int64_t minor)
{
	struct json_object *object = json_object_new_object();

	json_put_int(object, "major", major);
	json_put_int(object, "minor", minor);
	return object;
}

static void put_set(struct json_object *obj, const char *key, int64_t value)
{
	if (value != SPEC_UNSET)
		json_put_int(obj, key, value);
}

static void put_block_io(struct json_object *obj, const struct spec_resources *resources)
{
	struct json_object *array;

	for (size_t i = 0; i < SPEC_THROTTLE_LISTS; i++) {
		const struct spec_throttles *list =
			spec_throttles_at(resources, spec_throttle_lists[i].offset);

		if (list->count == 0)
			continue;
		array = json_object_new_array();
		for (size_t k = 0; k < list->count; k++) {
			struct json_object *object =
				device_json(list->items[k].major, list->items[k].minor);

			json_put(object, "rate", json_object_new_uint64(list->items[k].rate));
			json_object_array_add(array, object);
		}
		json_put(group_of(obj, "blockIO"), spec_throttle_lists[i].key, array);
	}
	if (resources->weight_device_count == 0)
		return;
	array = json_object_new_array();
	for (size_t i = 0; i < resources->weight_device_count; i++) {
		const struct spec_weight_device *device = &resources->weight_devices[i];
		struct json_object *object = device_json(device->major, device->minor);

		put_set(object, "weight", device->weight);
		put_set(object, "leafWeight", device->leaf_weight);
		json_object_array_add(array, object);
	}
	json_put(group_of(obj, "blockIO"), "weightDevice", array);
}

static void put_hugepages(struct json_object *obj, const struct spec_resources *resources)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < resources->hugepage_count; i++) {
		struct json_object *object = json_object_new_object();

		json_put_text(object, "pageSize", resources->hugepages[i].size);
		json_put(object, "limit", json_object_new_uint64(resources->hugepages[i].limit));
		json_object_array_add(array, object);
	}
	json_put(obj, "hugepageLimits", array);
}

static void put_priorities(struct json_object *obj, const struct spec_resources *resources)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < resources->priority_count; i++) {
		struct json_object *object = json_object_new_object();

		json_put_text(object, "name", resources->priorities[i].interface);
		json_put_int(object, "priority", resources->priorities[i].priority);
		json_object_array_add(array, object);
	}
	json_put(group_of(obj, "network"), "priorities", array);
}

static void put_rdma(struct json_object *obj, const struct spec_resources *resources)
{
	struct json_object *map = json_object_new_object();

	for (size_t i = 0; i < resources->rdma_count; i++) {
		struct json_object *object = json_object_new_object();

		put_set(object, "hcaHandles", resources->rdma[i].handles);
		put_set(object, "hcaObjects", resources->rdma[i].objects);
		json_put(map, resources->rdma[i].device, object);
	}
	json_put(obj, "rdma", map);
}

static void put_limits(struct json_object *obj, const struct spec_resources *resources)
{
	for (size_t i = 0; i < spec_limit_count; i++) {
		const struct spec_limit *limit = &spec_limits[i];
		int64_t value = *spec_limit_at(resources, limit->offset);

		if (value == SPEC_UNSET)
			continue;
		if (limit->is_bool)
			json_put_bool(group_of(obj, limit->group), limit->key, value != 0);
		else
			json_put_int(group_of(obj, limit->group), limit->key, value);
	}
}

struct json_object *spec_resources_json(const struct spec_resources *resources)
{
	struct json_object *object = json_object_new_object();

	if (resources->device_count > 0)
		json_put(object, "devices", device_rules_json(resources));
	put_limits(object, resources);
	if (resources->memory_check)
		json_put_bool(group_of(object, "memory"), "checkBeforeUpdate", true);
	if (resources->cpuset_cpus)
		json_put_text(group_of(object, "cpu"), "cpus", resources->cpuset_cpus);
	if (resources->cpuset_mems)
		json_put_text(group_of(object, "cpu"), "mems", resources->cpuset_mems);
	put_block_io(object, resources);
	if (resources->hugepage_count > 0)
		put_hugepages(object, resources);
	if (resources->priority_count > 0)
		put_priorities(object, resources);
	if (resources->rdma_count > 0)
		put_rdma(object, resources);
	spec_put_map(object, "unified", resources->unified);
	return object;
}

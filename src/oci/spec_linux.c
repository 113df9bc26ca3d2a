/* SPDX-License-Identifier: Apache-2.0 */
/* The member linux of a spec. */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"
#include "oci/spec_seccomp.h"

#define NAMESPACES_MAX 8
#define DEVICES_MAX 1024
#define NET_DEVICES_MAX 256
#define MINOR_MAX 0xfffff /* 20 bits */
#define MAJOR_MAX 0xfff /* 12 bits */

static const struct spec_name domains[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
	{ NULL, 0 },
};

static const struct spec_name personality_flags[] = {
	{ "UNAME26", UNAME26 },
	{ "ADDR_NO_RANDOMIZE", ADDR_NO_RANDOMIZE },
	{ "FDPIC_FUNCPTRS", FDPIC_FUNCPTRS },
	{ "MMAP_PAGE_ZERO", MMAP_PAGE_ZERO },
	{ "ADDR_COMPAT_LAYOUT", ADDR_COMPAT_LAYOUT },
	{ "READ_IMPLIES_EXEC", READ_IMPLIES_EXEC },
	{ "ADDR_LIMIT_32BIT", ADDR_LIMIT_32BIT },
	{ "SHORT_INODE", SHORT_INODE },
	{ "WHOLE_SECONDS", WHOLE_SECONDS },
	{ "STICKY_TIMEOUTS", STICKY_TIMEOUTS },
	{ "ADDR_LIMIT_3GB", ADDR_LIMIT_3GB },
	{ NULL, 0 },
};

static int parse_namespace(struct json_object *obj, void *arg, struct error **err)
{
	struct spec *spec = arg;
	const char *name = NULL, *path = "";
	int type;

	if (spec_get_word(obj, "type", &name, err) < 0 ||
		spec_get_word(obj, "path", &path, err) < 0)
		return -1;
	if (!name)
		return spec_missing("type", err);
	type = namespace_type(name);
	if (type < 0)
		return error_new(err, ERROR_INVALID, "type: \"%s\" is not known", name);
	if (spec_has_namespace(spec, type))
		return error_new(err, ERROR_INVALID, "type: \"%s\" is there twice", name);
	if (path[0] != '\0' && path[0] != '/')
		return error_new(err, ERROR_INVALID, "path: '%s' is not absolute", path);
	spec_add_namespace(spec, type, *path ? path : NULL);
	return 0;
}

/* A FIFO has no number. */
static int device_number(struct json_object *obj, struct spec_device *device, struct error **err)
{
	int has_major = spec_get_number(obj, "major", MAJOR_MAX, &device->major, err);
	int has_minor =
		has_major < 0 ? -1 : spec_get_number(obj, "minor", MINOR_MAX, &device->minor, err);

	if (has_minor < 0)
		return -1;
	if (device->type != 'p' && (!has_major || !has_minor))
		return spec_missing(has_major ? "minor" : "major", err);
	return 0;
}

static int parse_device(struct json_object *obj, void *arg, struct error **err)
{
	struct spec *spec = arg;
	struct spec_device device = { 0 };
	const char *type = NULL, *path = NULL;
	int64_t mode = 0666;

	if (spec_get_word(obj, "path", &path, err) < 0 ||
		spec_get_word(obj, "type", &type, err) < 0 ||
		spec_get_number(obj, "fileMode", 07777777, &mode, err) < 0 ||
		spec_get_u32(obj, "uid", &device.uid, err) < 0 ||
		spec_get_u32(obj, "gid", &device.gid, err) < 0)
		return -1;
	if (!path || !type)
		return spec_missing(path ? "type" : "path", err);
	if (path[0] != '/')
		return error_new(err, ERROR_INVALID, "path: '%s' is not absolute", path);
	if (strlen(type) != 1 || !strchr("bcup", *type))
		return error_new(err, ERROR_INVALID, "type: \"%s\" is not b, c, u or p", type);
	device.type = *type;
	if (*type == 'u') /* mknod(1)'s word for an unbuffered one */
		device.type = 'c';
	if (device_number(obj, &device, err) < 0)
		return -1;
	device.mode = (mode_t)mode & 07777;
	device.path = xstrdup(path);
	spec->devices = xrealloc(spec->devices, spec->device_count + 1, sizeof(*spec->devices));
	spec->devices[spec->device_count++] = device;
	return 0;
}

static int parse_propagation(struct json_object *obj, struct spec *spec, struct error **err)
{
	const char *name = "";

	if (spec_get_word(obj, "rootfsPropagation", &name, err) < 0)
		return -1;
	spec->root_propagation = propagation_flags(name);
	if (*name && spec->root_propagation == 0)
		return error_new(
			err, ERROR_INVALID, "rootfsPropagation: \"%s\" is not known", name);
	return 0;
}

/* Without nanosecs the offset is whole seconds. */
static int parse_time_offset(struct json_object *offsets, const char *key,
	struct spec_time_offset *ret, struct error **err)
{
	struct spec_time_offset offset = { .set = true };
	struct json_object *obj = NULL;
	int64_t nanosecs = 0;
	int found = spec_get(offsets, key, json_type_object, &obj, err);

	if (found <= 0)
		return found;
	if (spec_get_int(obj, "secs", INT64_MIN, INT64_MAX, &offset.secs, err) < 0 ||
		spec_get_number(obj, "nanosecs", 999999999, &nanosecs, err) < 0)
		return spec_at(err, "%s", key);
	offset.nanosecs = (uint32_t)nanosecs;
	*ret = offset;
	return 0;
}

static int parse_time_offsets(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *offsets = NULL;
	int found = spec_get(obj, "timeOffsets", json_type_object, &offsets, err);

	if (found <= 0)
		return found;
	if (parse_time_offset(offsets, "monotonic", &spec->monotonic, err) < 0 ||
		parse_time_offset(offsets, "boottime", &spec->boottime, err) < 0)
		return spec_at(err, "timeOffsets");
	return 0;
}

static int parse_personality(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *personality = NULL;
	uint64_t flags = 0;
	int64_t domain = 0;
	int found = spec_get(obj, "personality", json_type_object, &personality, err);

	if (found <= 0)
		return found;
	found = spec_get_name(personality, "domain", domains, &domain, err);
	if (found == 0)
		spec_missing("domain", err);
	if (found <= 0 || spec_get_flags(personality, "flags", personality_flags, &flags, err) < 0)
		return spec_at(err, "personality");
	spec->personality = (struct spec_personality){ .set = true,
		.value = (uint32_t)domain | (uint32_t)flags };
	return 0;
}

/* The name of a directory. */
static bool is_component(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int parse_rdt(struct json_object *obj, struct spec_intel_rdt *rdt, struct error **err)
{
	/* enableCMT and enableMBM are how 1.2 said what enableMonitoring says. */
	static const char *const monitoring[] = { "enableMonitoring", "enableCMT", "enableMBM" };
	struct json_object *member = NULL;
	int found = spec_get(obj, "intelRdt", json_type_object, &member, err);

	if (found <= 0)
		return found;
	rdt->set = true;
	if (spec_get_text(member, "closID", &rdt->clos_id, err) < 0 ||
		spec_get_list(member, "schemata", &rdt->schemata, err) < 0 ||
		spec_get_text(member, "l3CacheSchema", &rdt->l3_schema, err) < 0 ||
		spec_get_text(member, "memBwSchema", &rdt->mem_bw_schema, err) < 0)
		return spec_at(err, "intelRdt");
	for (size_t i = 0; i < LENGTH(monitoring); i++) {
		bool wanted = false;

		if (spec_get_bool(member, monitoring[i], &wanted, err) < 0)
			return spec_at(err, "intelRdt");
		rdt->monitoring |= wanted;
	}
	/* "/" is the group of all that is in no other. */
	if (rdt->clos_id && !is_component(rdt->clos_id) && strcmp(rdt->clos_id, "/") != 0)
		return error_new(err, ERROR_INVALID,
			"intelRdt.closID: '%s' is not the name of a directory", rdt->clos_id);
	return 0;
}

/* What the kernel takes as one (dev_valid_name()), and no longer. */
static bool is_device_name(const char *name)
{
	return is_component(name) && strlen(name) < IFNAMSIZ && !strpbrk(name, ": \t\n\v\f\r");
}

static int add_net_device(
	struct spec *spec, const char *host, struct json_object *obj, struct error **err)
{
	struct spec_net_device *device;

	if (!is_device_name(host))
		return error_new(err, ERROR_INVALID, ": is not the name of a network device");
	spec->net_devices =
		xrealloc(spec->net_devices, spec->net_device_count + 1, sizeof(*spec->net_devices));
	device = &spec->net_devices[spec->net_device_count++];
	*device = (struct spec_net_device){ .host = xstrdup(host) };
	if (spec_get_text(obj, "name", &device->name, err) < 0)
		return -1;
	if (device->name && !is_device_name(device->name))
		return error_new(err, ERROR_INVALID,
			"name: '%s' is not the name of a network device", device->name);
	return 0;
}

static int parse_net_devices(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *devices = NULL;
	int found = spec_get(obj, "netDevices", json_type_object, &devices, err);

	if (found <= 0)
		return found;
	if (json_object_object_length(devices) > NET_DEVICES_MAX)
		return error_new(err, ERROR_INVALID, "netDevices: has %d entries; %d is the most",
			json_object_object_length(devices), NET_DEVICES_MAX);
	json_object_object_foreach(devices, host, device)
	{
		if (add_net_device(spec, host, device, err) < 0)
			return spec_at(err, "netDevices[\"%s\"]", host);
	}
	return 0;
}

static int get_paths(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	if (spec_get_list(obj, key, ret, err) < 0)
		return -1;
	for (size_t i = 0; *ret && (*ret)[i]; i++)
		if ((*ret)[i][0] != '/')
			return error_new(err, ERROR_INVALID, "%s[%zu]: '%s' is not absolute", key,
				i, (*ret)[i]);
	return 0;
}

static int parse_simple(struct json_object *obj, struct spec *spec, struct error **err)
{
	if (spec_each(obj, "namespaces", NAMESPACES_MAX, parse_namespace, spec, err) < 0 ||
		spec_each(obj, "devices", DEVICES_MAX, parse_device, spec, err) < 0 ||
		spec_get_id_map(obj, "uidMappings", &spec->uid_map, &spec->uid_map_count, err) <
			0 ||
		spec_get_id_map(obj, "gidMappings", &spec->gid_map, &spec->gid_map_count, err) <
			0 ||
		spec_get_text(obj, "cgroupsPath", &spec->cgroups_path, err) < 0 ||
		spec_get_text(obj, "mountLabel", &spec->mount_label, err) < 0 ||
		get_paths(obj, "maskedPaths", &spec->masked_paths, err) < 0 ||
		get_paths(obj, "readonlyPaths", &spec->readonly_paths, err) < 0 ||
		spec_get_map(obj, "sysctl", &spec->sysctl, err) < 0)
		return -1;
	return 0;
}

static int parse_seccomp(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *seccomp = NULL;
	int found = spec_get(obj, "seccomp", json_type_object, &seccomp, err);

	if (found <= 0)
		return found;
	spec->seccomp_profile = xcalloc(1, sizeof(*spec->seccomp_profile));
	if (spec_seccomp_parse(seccomp, spec->seccomp_profile, err) < 0)
		return spec_at(err, "seccomp");
	return 0;
}

static int parse_objects(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *resources = NULL;

	if (parse_propagation(obj, spec, err) < 0 || parse_time_offsets(obj, spec, err) < 0 ||
		parse_personality(obj, spec, err) < 0 || parse_rdt(obj, &spec->rdt, err) < 0 ||
		parse_net_devices(obj, spec, err) < 0 ||
		spec_memory_policy_parse(obj, &spec->memory_policy, err) < 0 ||
		parse_seccomp(obj, spec, err) < 0 ||
		spec_get(obj, "resources", json_type_object, &resources, err) < 0)
		return -1;
	return resources ? spec_resources_parse(resources, &spec->resources, err) : 0;
}

int spec_linux_parse(struct json_object *top, struct spec *spec, struct error **err)
{
	struct json_object *obj = NULL;
	int found = spec_get(top, "linux", json_type_object, &obj, err);

	if (found <= 0)
		return found;
	if (parse_simple(obj, spec, err) < 0 || parse_objects(obj, spec, err) < 0)
		return spec_at(err, "linux");
	return 0;
}

/* ---- writing ---- */

static void put_personality(struct json_object *obj, const struct spec_personality *personality)
{
	struct json_object *object;
	uint64_t flags = 0;

	if (!personality->set)
		return;
	for (size_t i = 0; personality_flags[i].name; i++)
		flags |= personality->value & (uint64_t)personality_flags[i].value;
	object = json_object_new_object();
	spec_put_name(object, "domain", domains, (int64_t)(personality->value & ~flags));
	spec_put_flags(object, "flags", personality_flags, flags);
	json_put(obj, "personality", object);
}

static void put_rdt(struct json_object *obj, const struct spec_intel_rdt *rdt)
{
	struct json_object *object;

	if (!rdt->set)
		return;
	object = json_object_new_object();
	json_put_text(object, "closID", rdt->clos_id);
	json_put_strv(object, "schemata", rdt->schemata);
	json_put_text(object, "l3CacheSchema", rdt->l3_schema);
	json_put_text(object, "memBwSchema", rdt->mem_bw_schema);
	if (rdt->monitoring)
		json_put_bool(object, "enableMonitoring", true);
	json_put(obj, "intelRdt", object);
}

static void put_net_devices(struct json_object *obj, const struct spec *spec)
{
	struct json_object *object;

	if (spec->net_device_count == 0)
		return;
	object = json_object_new_object();
	for (size_t i = 0; i < spec->net_device_count; i++) {
		struct json_object *device = json_object_new_object();

		json_put_text(device, "name", spec->net_devices[i].name);
		json_put(object, spec->net_devices[i].host, device);
	}
	json_put(obj, "netDevices", object);
}

void spec_linux_objects_put(struct json_object *obj, const struct spec *spec)
{
	put_personality(obj, &spec->personality);
	put_rdt(obj, &spec->rdt);
	put_net_devices(obj, spec);
	spec_memory_policy_put(obj, &spec->memory_policy);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"
#include "oci/spec_seccomp.h"

#define SPEC_BYTES_MAX (16UL * 1024 * 1024)
#define MOUNTS_MAX 4096
#define NAMESPACES_MAX 8
#define ID_MAPS_MAX 340 /* the kernel's own limit (user_namespaces(7)) */
#define DEVICES_MAX 1024
#define DEVICE_NUMBER_MAX 0xfffff /* of 20 bits for the minor, 12 for the major */

static const char *const unsupported[] = { "windows", "vm", "solaris", "zos", "freebsd", NULL };
static const char *const unsupported_linux[] = { "mountLabel", "intelRdt", "personality",
	"memoryPolicy", "netDevices", NULL };
static const char *const unsupported_mount[] = { "uidMappings", "gidMappings", NULL };

static int parse_version(struct json_object *obj, struct spec *spec, struct error **err)
{
	if (spec_get_text(obj, "ociVersion", &spec->version, err) < 0)
		return -1;
	if (!spec->version)
		return error_new(err, ERROR_INVALID, "'ociVersion' is missing");
	if (strncmp(spec->version, "1.", 2) != 0)
		return error_new(err, ERROR_UNSUPPORTED, "'ociVersion' is '%s'; 1.x is supported",
			spec->version);
	return 0;
}

static int parse_root(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *root = NULL;

	if (json_get(obj, "root", json_type_object, &root, err) < 0)
		return -1;
	if (root && (spec_get_text(root, "path", &spec->root_path, err) < 0 ||
			    json_get_bool(root, "readonly", &spec->root_readonly, err) < 0))
		return -1;
	if (spec->root_path && spec->root_path[0] == '\0')
		return error_new(err, ERROR_INVALID, "'root.path' is empty");
	return 0;
}

static int parse_mount(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct spec_mount *mount = spec_add_mount(spec, NULL, NULL, NULL, NULL);

	if (spec_get_text(obj, "destination", &mount->destination, err) < 0 ||
		spec_get_text(obj, "type", &mount->type, err) < 0 ||
		spec_get_text(obj, "source", &mount->source, err) < 0 ||
		spec_get_list(obj, "options", &mount->options, err) < 0 ||
		spec_refuse(obj, unsupported_mount, "mounts", err) < 0)
		return -1;
	if (!mount->destination || !mount->destination[0])
		return error_new(err, ERROR_INVALID, "'destination' is missing");
	return 0;
}

static int parse_namespace(struct json_object *obj, struct spec *spec, struct error **err)
{
	const char *name = NULL, *path = NULL;
	int type;

	if (json_get_text(obj, "type", &name, err) < 0 ||
		json_get_text(obj, "path", &path, err) < 0)
		return -1;
	type = name ? namespace_type(name) : -1;
	if (type < 0)
		return error_new(
			err, ERROR_INVALID, "'%s' is not a type of namespace", name ? name : "");
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == type)
			return error_new(err, ERROR_INVALID, "'%s' is there twice", name);
	if (path && path[0] != '\0' && path[0] != '/')
		return error_new(err, ERROR_INVALID, "path '%s' is not absolute", path);
	spec_add_namespace(spec, type, path && *path ? path : NULL);
	return 0;
}

static int parse_device(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct spec_device device = { .mode = 0666 };
	const char *type = NULL, *path = NULL;
	int64_t mode = 0666;

	if (json_get_text(obj, "path", &path, err) < 0 ||
		json_get_text(obj, "type", &type, err) < 0 ||
		spec_get_number(obj, "major", DEVICE_NUMBER_MAX, &device.major, err) < 0 ||
		spec_get_number(obj, "minor", DEVICE_NUMBER_MAX, &device.minor, err) < 0 ||
		spec_get_number(obj, "fileMode", 07777777, &mode, err) < 0 ||
		spec_get_u32(obj, "uid", &device.uid, err) < 0 ||
		spec_get_u32(obj, "gid", &device.gid, err) < 0)
		return -1;
	if (!path || path[0] != '/')
		return error_new(err, ERROR_INVALID, "'path' is not absolute");
	if (!type || strlen(type) != 1 || !strchr("bcup", *type))
		return error_new(err, ERROR_INVALID, "type '%s' of '%s' is not b, c, u or p",
			type ? type : "", path);
	device.type = *type;
	if (*type == 'u') /* mknod(1)'s word for an unbuffered one */
		device.type = 'c';
	device.mode = (mode_t)mode & 07777;
	device.path = xstrdup(path);
	spec->devices = xrealloc(spec->devices, spec->device_count + 1, sizeof(*spec->devices));
	spec->devices[spec->device_count++] = device;
	return 0;
}

static const struct {
	const char *key;
	size_t max;
	bool in_linux;
	int (*parse)(struct json_object *obj, struct spec *spec, struct error **err);
} arrays[] = {
	{ "mounts", MOUNTS_MAX, false, parse_mount },
	{ "namespaces", NAMESPACES_MAX, true, parse_namespace },
	{ "devices", DEVICES_MAX, true, parse_device },
};

static int parse_arrays(
	struct json_object *obj, bool in_linux, struct spec *spec, struct error **err)
{
	for (size_t i = 0; i < LENGTH(arrays); i++) {
		struct json_object *array = NULL;

		if (arrays[i].in_linux != in_linux)
			continue;
		if (spec_get_array(obj, arrays[i].key, arrays[i].max, &array, err) < 0)
			return -1;
		for (size_t k = 0; array && k < json_object_array_length(array); k++)
			if (arrays[i].parse(json_object_array_get_idx(array, k), spec, err) < 0)
				return error_wrap(err, "'%s', entry %zu", arrays[i].key, k + 1);
	}
	return 0;
}

static int parse_id_map(struct json_object *obj, const char *key, struct spec_id_map **ret,
	size_t *ret_count, struct error **err)
{
	struct json_object *array = NULL;
	size_t count;

	if (spec_get_array(obj, key, ID_MAPS_MAX, &array, err) <= 0)
		return *err ? -1 : 0;
	count = json_object_array_length(array);
	*ret = xcalloc(count, sizeof(**ret));
	*ret_count = count;
	for (size_t i = 0; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);
		struct spec_id_map *map = &(*ret)[i];
		int has_size = 0;

		if (spec_get_u32(entry, "containerID", &map->container, err) < 0 ||
			spec_get_u32(entry, "hostID", &map->host, err) < 0 ||
			(has_size = spec_get_u32(entry, "size", &map->size, err)) < 0)
			return error_wrap(err, "'%s'", key);
		if (!has_size || map->size == 0)
			return error_new(err, ERROR_INVALID, "'%s': a size is missing or 0", key);
	}
	return 0;
}

static int parse_propagation(struct json_object *obj, struct spec *spec, struct error **err)
{
	const char *name = "";

	if (json_get_text(obj, "rootfsPropagation", &name, err) < 0)
		return -1;
	if (*name == '\0')
		return 0;
	spec->root_propagation = propagation_flags(name);
	if (spec->root_propagation == 0)
		return error_new(err, ERROR_INVALID, "'rootfsPropagation' is '%s'", name);
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

static int parse_linux(struct json_object *top, struct spec *spec, struct error **err)
{
	struct json_object *obj = NULL, *resources = NULL;
	int found = json_get(top, "linux", json_type_object, &obj, err);

	if (found <= 0)
		return found;
	if (parse_arrays(obj, true, spec, err) < 0 ||
		parse_id_map(obj, "uidMappings", &spec->uid_map, &spec->uid_map_count, err) < 0 ||
		parse_id_map(obj, "gidMappings", &spec->gid_map, &spec->gid_map_count, err) < 0 ||
		spec_get_text(obj, "cgroupsPath", &spec->cgroups_path, err) < 0 ||
		spec_get_list(obj, "maskedPaths", &spec->masked_paths, err) < 0 ||
		spec_get_list(obj, "readonlyPaths", &spec->readonly_paths, err) < 0 ||
		spec_get_map(obj, "sysctl", &spec->sysctl, err) < 0 ||
		parse_propagation(obj, spec, err) < 0 || parse_time_offsets(obj, spec, err) < 0 ||
		parse_seccomp(obj, spec, err) < 0 ||
		json_get(obj, "resources", json_type_object, &resources, err) < 0 ||
		spec_refuse(obj, unsupported_linux, "linux", err) < 0)
		return error_wrap(err, "'linux'");
	if (resources && spec_resources_parse(resources, &spec->resources, err) < 0)
		return error_wrap(err, "'linux'");
	return 0;
}

static int parse_overlay(struct json_object *own, struct spec *spec, struct error **err)
{
	struct json_object *overlay = NULL;
	int found = json_get(own, "overlay", json_type_object, &overlay, err);

	if (found <= 0)
		return found;
	if (spec_get_list(overlay, "lower", &spec->overlay.lower, err) < 0 ||
		spec_get_text(overlay, "upper", &spec->overlay.upper, err) < 0 ||
		spec_get_text(overlay, "work", &spec->overlay.work, err) < 0)
		return -1;
	if (!spec->overlay.upper != !spec->overlay.work)
		return error_new(
			err, ERROR_INVALID, "'overlay' has one of 'upper' and 'work' only");
	return 0;
}

static int parse_own(struct json_object *top, struct spec *spec, struct error **err)
{
	struct json_object *own = NULL;
	int found = json_get(top, "vessel", json_type_object, &own, err);

	if (found <= 0)
		return found;
	if (parse_overlay(own, spec, err) < 0 || spec_get_text(own, "init", &spec->init, err) < 0 ||
		spec_get_text(own, "seccomp", &spec->seccomp, err) < 0)
		return error_wrap(err, "'vessel'");
	/* "unconfined" is how a person writes that there is none. */
	if (spec->seccomp && strcmp(spec->seccomp, "unconfined") == 0)
		replace_string(&spec->seccomp, NULL);
	return 0;
}

static int parse_spec(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *process = NULL;

	if (parse_version(obj, spec, err) < 0 ||
		spec_get_text(obj, "hostname", &spec->hostname, err) < 0 ||
		spec_get_text(obj, "domainname", &spec->domainname, err) < 0 ||
		parse_root(obj, spec, err) < 0 || parse_own(obj, spec, err) < 0 ||
		json_get(obj, "process", json_type_object, &process, err) < 0 ||
		parse_arrays(obj, false, spec, err) < 0 || parse_linux(obj, spec, err) < 0 ||
		spec_hooks_parse(obj, spec, err) < 0 ||
		spec_get_map(obj, "annotations", &spec->annotations, err) < 0 ||
		spec_refuse(obj, unsupported, "config.json", err) < 0)
		return -1;
	return process ? spec_process_parse(process, &spec->process, err) : 0;
}

int spec_parse(const char *text, size_t length, struct spec *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_spec struct spec spec;

	spec_init(&spec);
	if (length > SPEC_BYTES_MAX)
		return error_new(
			err, ERROR_INVALID, "config.json is larger than %lu bytes", SPEC_BYTES_MAX);
	if (json_parse(text, length, "config.json", &obj, err) < 0)
		return -1;
	if (parse_spec(obj, &spec, err) < 0)
		return error_wrap(err, "config.json");
	*ret = spec;
	spec_init(&spec);
	return 0;
}

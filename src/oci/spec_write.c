/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "oci/spec_json.h"
#include "oci/spec_seccomp.h"

#define VERSION "1.2.0"

static struct json_object *namespaces_json(const struct spec *spec)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < spec->namespace_count; i++) {
		struct json_object *object = json_object_new_object();

		json_put_text(object, "type", namespace_name(spec->namespaces[i].type));
		json_put_text(object, "path", spec->namespaces[i].path);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *devices_json(const struct spec *spec)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < spec->device_count; i++) {
		const struct spec_device *device = &spec->devices[i];
		struct json_object *object = json_object_new_object();
		const char type[2] = { device->type, '\0' };

		json_put_text(object, "path", device->path);
		json_put_text(object, "type", type);
		json_put_int(object, "major", device->major);
		json_put_int(object, "minor", device->minor);
		json_put_int(object, "fileMode", device->mode);
		json_put_int(object, "uid", device->uid);
		json_put_int(object, "gid", device->gid);
		json_object_array_add(array, object);
	}
	return array;
}

static void put_time_offset(
	struct json_object *obj, const char *key, const struct spec_time_offset *offset)
{
	struct json_object *object;

	if (!offset->set)
		return;
	object = json_object_new_object();
	json_put_int(object, "secs", offset->secs);
	json_put_int(object, "nanosecs", offset->nanosecs);
	json_put(obj, key, object);
}

static void put_time_offsets(struct json_object *obj, const struct spec *spec)
{
	struct json_object *object;

	if (!spec->monotonic.set && !spec->boottime.set)
		return;
	object = json_object_new_object();
	put_time_offset(object, "monotonic", &spec->monotonic);
	put_time_offset(object, "boottime", &spec->boottime);
	json_put(obj, "timeOffsets", object);
}

static struct json_object *linux_json(const struct spec *spec)
{
	struct json_object *object = json_object_new_object();

	spec_put_id_map(object, "uidMappings", spec->uid_map, spec->uid_map_count);
	spec_put_id_map(object, "gidMappings", spec->gid_map, spec->gid_map_count);
	spec_put_map(object, "sysctl", spec->sysctl);
	json_put(object, "resources", spec_resources_json(&spec->resources));
	json_put_text(object, "cgroupsPath", spec->cgroups_path);
	json_put(object, "namespaces", namespaces_json(spec));
	put_time_offsets(object, spec);
	if (spec->seccomp_profile)
		json_put(object, "seccomp", spec_seccomp_json(spec->seccomp_profile));
	if (spec->device_count > 0)
		json_put(object, "devices", devices_json(spec));
	json_put_text(object, "mountLabel", spec->mount_label);
	spec_linux_objects_put(object, spec);
	json_put_text(object, "rootfsPropagation", propagation_name(spec->root_propagation));
	json_put_strv(object, "maskedPaths", spec->masked_paths);
	json_put_strv(object, "readonlyPaths", spec->readonly_paths);
	return object;
}

static struct json_object *own_json(const struct spec *spec)
{
	const struct spec_overlay *overlay = &spec->overlay;
	struct json_object *object = json_object_new_object(), *inner;

	if (overlay->lower || overlay->upper) {
		inner = json_object_new_object();
		json_put_strv(inner, "lower", overlay->lower);
		json_put_text(inner, "upper", overlay->upper);
		json_put_text(inner, "work", overlay->work);
		json_put(object, "overlay", inner);
	}
	json_put_text(object, "init", spec->init);
	json_put_text(object, "seccomp", spec->seccomp);
	return object;
}

static struct json_object *root_json(const struct spec *spec)
{
	struct json_object *root = json_object_new_object();

	json_put_text(root, "path", spec->root_path);
	json_put_bool(root, "readonly", spec->root_readonly);
	return root;
}

char *spec_text(const struct spec *spec)
{
	cleanup_json struct json_object *object = json_object_new_object();
	struct json_object *own = own_json(spec);
	struct json_object *hooks = spec_hooks_json(spec);

	json_put_text(object, "ociVersion", spec->version ? spec->version : VERSION);
	if (spec->root_path || spec->overlay.lower)
		json_put(object, "root", root_json(spec));
	if (spec->process.args)
		json_put(object, "process", spec_process_json(&spec->process));
	json_put_text(object, "hostname", spec->hostname);
	json_put_text(object, "domainname", spec->domainname);
	json_put(object, "mounts", spec_mounts_json(spec));
	json_put(object, "linux", linux_json(spec));
	if (hooks)
		json_put(object, "hooks", hooks);
	spec_put_map(object, "annotations", spec->annotations);
	if (json_object_object_length(own) > 0)
		json_put(object, "vessel", own);
	else
		json_object_put(own);
	return json_compact(object);
}

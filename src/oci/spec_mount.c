/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define MOUNTS_MAX 4096

static int parse_mount(struct json_object *obj, void *arg, struct error **err)
{
	struct spec_mount *mount = spec_add_mount(arg, NULL, NULL, NULL, NULL);

	if (spec_get_text(obj, "destination", &mount->destination, err) < 0 ||
		spec_get_text(obj, "type", &mount->type, err) < 0 ||
		spec_get_text(obj, "source", &mount->source, err) < 0 ||
		spec_get_list(obj, "options", &mount->options, err) < 0 ||
		spec_get_id_map(obj, "uidMappings", &mount->uid_map, &mount->uid_map_count, err) <
			0 ||
		spec_get_id_map(obj, "gidMappings", &mount->gid_map, &mount->gid_map_count, err) <
			0)
		return -1;
	if (!mount->destination || !mount->destination[0])
		return spec_missing("destination", err);
	if (!mount->uid_map != !mount->gid_map)
		return spec_missing(mount->uid_map ? "gidMappings" : "uidMappings", err);
	return 0;
}

int spec_mounts_parse(struct json_object *top, struct spec *spec, struct error **err)
{
	return spec_each(top, "mounts", MOUNTS_MAX, parse_mount, spec, err) < 0 ? -1 : 0;
}

struct json_object *spec_mounts_json(const struct spec *spec)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];
		struct json_object *object = json_object_new_object();

		json_put_text(object, "destination", mount->destination);
		json_put_text(object, "type", mount->type);
		json_put_text(object, "source", mount->source);
		json_put_strv(object, "options", mount->options);
		spec_put_id_map(object, "uidMappings", mount->uid_map, mount->uid_map_count);
		spec_put_id_map(object, "gidMappings", mount->gid_map, mount->gid_map_count);
		json_object_array_add(array, object);
	}
	return array;
}

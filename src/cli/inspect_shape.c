/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspect_shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strv.h"
#include "cli/template.h"

static const char *const maps[] = { "Annotations", "Data", "DriverOpts", "ExposedPorts", "Labels",
	"Networks", "Options", "PortBindings", "Ports", "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
	NULL };

static const char *const lists[] = { "Aliases", "Args", "Binds", "BlkioDeviceReadBps",
	"BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps", "BlkioWeightDevice",
	"CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns",
	"DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd",
	"Layers", "Links", "MaskedPaths", "Mounts", "OnBuild", "ReadonlyPaths", "RepoDigests",
	"RepoTags", "SecurityOpt", "Shell", "Ulimits", "VolumesFrom", NULL };

/* Of an object that is itself the member `parent`: members that its type always has. */
static const struct {
	const char *parent, *name;
} always[] = {
	{ "Config", "Labels" },
	{ "Config", "Entrypoint" },
	{ "Config", "Cmd" },
	{ "Config", "Env" },
	{ "Config", "ExposedPorts" },
	{ "Config", "OnBuild" },
	{ "Config", "Shell" },
	{ "Config", "Volumes" },
	{ "State", "Health" },
};

static struct json_object *unset(struct json_object *value)
{
	template_mark(value, TEMPLATE_NIL);
	return value;
}

static void shape(struct json_object *object, const char *parent);

/* Maps hold lists and objects of their own kind: what is null in them is an unset list. */
static void shape_map(struct json_object *map)
{
	json_object_object_foreach(map, key, member)
	{
		if (!member)
			json_put(map, key, unset(json_object_new_array()));
		else
			shape(member, "");
	}
	template_mark(map, TEMPLATE_MAP);
}

static void shape_member(struct json_object *object, const char *parent, const char *name,
	struct json_object *member)
{
	bool is_map = strv_contains((strv)maps, name) ||
		      (strcmp(parent, "LogConfig") == 0 && strcmp(name, "Config") == 0);

	if (is_map && !member)
		json_put(object, name, unset(json_object_new_object()));
	else if (is_map && json_object_is_type(member, json_type_object))
		shape_map(member);
	else if (!member && strv_contains((strv)lists, name))
		json_put(object, name, unset(json_object_new_array()));
	else
		shape(member, name);
}

static void shape(struct json_object *object, const char *parent)
{
	if (json_object_is_type(object, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(object); i++)
			shape(json_object_array_get_idx(object, i), "");
		return;
	}
	if (!json_object_is_type(object, json_type_object))
		return;
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (strcmp(always[i].parent, parent) == 0 &&
			!json_object_object_get_ex(object, always[i].name, NULL))
			json_put(object, always[i].name, NULL);
	json_object_object_foreach(object, name, member)
	{
		shape_member(object, parent, name, member);
	}
}

void inspect_shape(struct json_object *object)
{
	shape(object, "");
}

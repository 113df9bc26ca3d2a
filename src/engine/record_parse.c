/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/record_members.h"

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(obj, key, &value) && value ? json_object_get_string(value)
								    : "";
}

static strv keys_of(struct json_object *obj, bool with_values)
{
	strv entries = NULL;

	json_object_object_foreach(obj, key, value)
	{
		if (with_values)
			strv_appendf(&entries, "%s=%s", key, json_object_get_string(value));
		else
			strv_append(&entries, key);
	}
	return entries;
}

/* One element of Ulimits, Devices or BlkioDevice…, as the text it was made from. */
static void append_element(strv *entries, enum record_member_type type, struct json_object *item)
{
	if (type == MEMBER_ULIMITS)
		strv_appendf(entries, "%s=%s:%s", text_of(item, "Name"), text_of(item, "Soft"),
			text_of(item, "Hard"));
	else if (type == MEMBER_DEVICES)
		strv_appendf(entries, "%s:%s:%s", text_of(item, "PathOnHost"),
			text_of(item, "PathInContainer"), text_of(item, "CgroupPermissions"));
	else
		strv_appendf(entries, "%s:%s", text_of(item, "Path"), text_of(item, "Rate"));
}

static int read_elements(
	struct json_object *group, const struct record_member *m, strv *entries, struct error **err)
{
	struct json_object *array = NULL;
	int found = json_get(group, m->key, json_type_array, &array, err);

	for (size_t i = 0; found > 0 && i < json_object_array_length(array); i++)
		append_element(entries, m->type, json_object_array_get_idx(array, i));
	return found;
}

static int read_entries(
	struct json_object *group, const struct record_member *m, strv *entries, struct error **err)
{
	struct json_object *obj = NULL;
	int found;

	if (m->type == MEMBER_LIST)
		return json_get_strv(group, m->key, entries, err);
	if (m->type != MEMBER_MAP && m->type != MEMBER_SET)
		return read_elements(group, m, entries, err);
	found = json_get(group, m->key, json_type_object, &obj, err);
	if (found > 0)
		*entries = keys_of(obj, m->type == MEMBER_MAP);
	return found;
}

static int read_member(
	struct json_object *group, const struct record_member *m, void *field, struct error **err)
{
	const char *text = NULL;
	int found;

	switch (m->type) {
	case MEMBER_TEXT:
		found = json_get_text(group, m->key, &text, err);
		if (found > 0 && *text)
			*(char **)field = xstrdup(text);
		return found;
	case MEMBER_BOOL:
		return json_get_bool(group, m->key, field, err);
	case MEMBER_INT:
	case MEMBER_LIMIT:
		found = json_get_int(group, m->key, field, err);
		if (found > 0 && m->type == MEMBER_LIMIT && *(int64_t *)field == 0)
			*(int64_t *)field = SPEC_UNSET;
		return found;
	default:
		return read_entries(group, m, field, err);
	}
}

static int read_members(struct json_object *top, struct record *record, struct error **err)
{
	struct json_object *config = NULL, *host = NULL;

	if (json_get(top, "Config", json_type_object, &config, err) < 0 ||
		json_get(top, "HostConfig", json_type_object, &host, err) < 0)
		return -1;
	for (size_t i = 0; i < record_member_count; i++) {
		const struct record_member *m = &record_members[i];
		struct json_object *group = !m->group ? top : m->group[0] == 'C' ? config : host;

		if (read_member(group, m, (char *)record + m->offset, err) < 0)
			return -1;
	}
	return 0;
}

static int read_ports(struct json_object *host, struct record *record, struct error **err)
{
	struct json_object *ports = NULL;

	if (json_get(host, "PortBindings", json_type_object, &ports, err) <= 0)
		return *err ? -1 : 0;
	json_object_object_foreach(ports, key, list)
	{
		struct port port;

		if (port_parse_exposed(key, &port, err) < 0)
			return -1;
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			struct json_object *binding = json_object_array_get_idx(list, i);

			port.host_port = (uint16_t)strtoul(text_of(binding, "HostPort"), NULL, 10);
			port.host_ip.s_addr = INADDR_ANY;
			(void)inet_pton(AF_INET, text_of(binding, "HostIp"), &port.host_ip);
			record->ports = xrealloc(
				record->ports, record->port_count + 1, sizeof(*record->ports));
			record->ports[record->port_count++] = port;
		}
	}
	return 0;
}

static int read_mounts(struct json_object *top, struct record *record, struct error **err)
{
	struct json_object *array = NULL;

	if (json_get(top, "Mounts", json_type_array, &array, err) < 0)
		return -1;
	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *obj = json_object_array_get_idx(array, i);
		struct record_mount *mount = record_add_mount(record, text_of(obj, "Type"),
			text_of(obj, "Source"), text_of(obj, "Destination"));

		if (*text_of(obj, "Name"))
			mount->name = xstrdup(text_of(obj, "Name"));
		mount->options = xstrdup(text_of(obj, "Mode"));
		if (json_get_bool(obj, "RW", &mount->writable, err) < 0)
			return -1;
	}
	return 0;
}

static void read_log_and_restart(struct json_object *host, struct record *record)
{
	struct json_object *log, *config, *restart;

	if (json_object_object_get_ex(host, "LogConfig", &log)) {
		record->log_driver = xstrdup(text_of(log, "Type"));
		if (json_object_object_get_ex(log, "Config", &config))
			record->log_opts = keys_of(config, true);
	}
	if (json_object_object_get_ex(host, "RestartPolicy", &restart))
		record->restart = xstrdup(text_of(restart, "Name"));
}

static int read_layers(struct json_object *top, struct record *record, struct error **err)
{
	cleanup_strv strv digests = NULL;

	if (json_get_strv(top, "Layers", &digests, err) < 0)
		return -1;
	record->layers = xcalloc(strv_length(digests), sizeof(*record->layers));
	for (; digests && digests[record->layer_count]; record->layer_count++)
		if (digest_parse(digests[record->layer_count], &record->layers[record->layer_count],
			    err) < 0)
			return -1;
	return 0;
}

static int read_identity(struct json_object *top, struct record *record, struct error **err)
{
	const char *id = text_of(top, "Id"), *name = text_of(top, "Name");
	cleanup_strv strv args = NULL;

	if (!id_is_valid(id) || name[0] != '/')
		return error_new(err, ERROR_INVALID, "the record has no valid id and name");
	memcpy(record->id, id, ID_MAX);
	record->name = xstrdup(name + 1);
	if (clock_parse(text_of(top, "Created"), &record->created_ns, err) < 0 ||
		json_get_strv(top, "Args", &args, err) < 0)
		return -1;
	strv_append(&record->args, text_of(top, "Path"));
	strv_concat(&record->args, args);
	return 0;
}

int record_from_json(struct json_object *obj, struct record *ret, struct error **err)
{
	cleanup_record struct record record;
	struct json_object *host = NULL;

	record_init(&record);
	if (read_identity(obj, &record, err) < 0 || read_members(obj, &record, err) < 0 ||
		json_get(obj, "HostConfig", json_type_object, &host, err) < 0 ||
		read_ports(host, &record, err) < 0 || read_mounts(obj, &record, err) < 0 ||
		read_layers(obj, &record, err) < 0)
		return -1;
	read_log_and_restart(host, &record);
	*ret = record;
	record_init(&record);
	return 0;
}

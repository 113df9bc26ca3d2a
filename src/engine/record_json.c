/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/record_members.h"

/* "a=b" -> key and the rest; the key is the caller's to free. */
static char *split_at(const char *text, char separator, const char **ret_rest)
{
	const char *at = strchr(text, separator);

	*ret_rest = at ? at + 1 : "";
	return at ? xstrndup(text, (size_t)(at - text)) : xstrdup(text);
}

static struct json_object *ulimit_json(const char *text)
{
	struct json_object *obj = json_object_new_object();
	const char *values, *hard;
	cleanup_free char *name = split_at(text, '=', &values);
	cleanup_free char *soft = split_at(values, ':', &hard);

	json_put_text(obj, "Name", name);
	json_put_int(obj, "Soft", strtoll(soft, NULL, 10));
	json_put_int(obj, "Hard", strtoll(*hard ? hard : soft, NULL, 10));
	return obj;
}

static struct json_object *device_json(const char *text)
{
	struct json_object *obj = json_object_new_object();
	const char *rest, *access;
	cleanup_free char *host = split_at(text, ':', &rest);
	cleanup_free char *inside = split_at(rest, ':', &access);

	json_put_text(obj, "PathOnHost", host);
	json_put_text(obj, "PathInContainer", inside);
	json_put_text(obj, "CgroupPermissions", access);
	return obj;
}

static struct json_object *throttle_json(const char *text)
{
	struct json_object *obj = json_object_new_object();
	const char *rate;
	cleanup_free char *path = split_at(text, ':', &rate);

	json_put_text(obj, "Path", path);
	json_put_int(obj, "Rate", strtoll(rate, NULL, 10));
	return obj;
}

static struct json_object *map_json(strv entries)
{
	struct json_object *obj = json_object_new_object();

	for (size_t i = 0; entries && entries[i]; i++) {
		const char *value;
		cleanup_free char *key = split_at(entries[i], '=', &value);

		json_put_text(obj, key, value);
	}
	return obj;
}

static struct json_object *set_json(strv entries)
{
	struct json_object *obj = json_object_new_object();

	for (size_t i = 0; entries && entries[i]; i++)
		json_put(obj, entries[i], json_object_new_object());
	return obj;
}

static struct json_object *list_json(strv entries, struct json_object *(*item)(const char *))
{
	struct json_object *array;

	if (!entries)
		return NULL;
	array = json_object_new_array();
	for (size_t i = 0; entries[i]; i++)
		json_object_array_add(array, item(entries[i]));
	return array;
}

/* unset is taken over. */
static struct json_object *number_json(int64_t number, struct json_object *unset)
{
	if (number == SPEC_UNSET)
		return unset;
	json_object_put(unset);
	return json_object_new_int64(number);
}

static struct json_object *member_json(const struct record_member *member, const void *field)
{
	switch (member->type) {
	case MEMBER_TEXT:
		return json_object_new_string(*(char *const *)field ? *(char *const *)field : "");
	case MEMBER_BOOL:
		return json_object_new_boolean(*(const bool *)field);
	case MEMBER_INT:
		return number_json(*(const int64_t *)field, NULL);
	case MEMBER_LIMIT:
		return number_json(*(const int64_t *)field, json_object_new_int64(0));
	case MEMBER_LIST:
		return *(const strv *)field ? json_from_strv(*(const strv *)field) : NULL;
	case MEMBER_MAP:
		return map_json(*(const strv *)field);
	case MEMBER_SET:
		return set_json(*(const strv *)field);
	case MEMBER_ULIMITS:
		return list_json(*(const strv *)field, ulimit_json);
	case MEMBER_DEVICES:
		return list_json(*(const strv *)field, device_json);
	case MEMBER_THROTTLES:
		return list_json(*(const strv *)field, throttle_json);
	}
	return NULL;
}

static struct json_object *ports_json(const struct record *record)
{
	struct json_object *ports = json_object_new_object();

	for (size_t i = 0; i < record->port_count; i++) {
		const struct port *port = &record->ports[i];
		struct json_object *list, *binding = json_object_new_object();
		char key[32], host[8], ip[INET_ADDRSTRLEN] = "";

		snprintf(key, sizeof(key), "%u/%s", port->container_port,
			port_protocol_name(port->protocol));
		snprintf(host, sizeof(host), "%u", port->host_port);
		if (port->host_ip.s_addr != INADDR_ANY)
			inet_ntop(AF_INET, &port->host_ip, ip, sizeof(ip));
		if (!json_object_object_get_ex(ports, key, &list)) {
			list = json_object_new_array();
			json_put(ports, key, list);
		}
		json_put_text(binding, "HostIp", ip);
		json_put_text(binding, "HostPort", port->host_port ? host : "");
		json_object_array_add(list, binding);
	}
	return ports;
}

static struct json_object *mounts_json(const struct record *record)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < record->mount_count; i++) {
		const struct record_mount *mount = &record->mounts[i];
		struct json_object *obj = json_object_new_object();

		json_put_text(obj, "Type", mount->type);
		json_put_text(obj, "Name", mount->name);
		json_put_text(obj, "Source", mount->source ? mount->source : "");
		json_put_text(obj, "Destination", mount->destination);
		json_put_text(obj, "Mode", mount->options ? mount->options : "");
		json_put_bool(obj, "RW", mount->writable);
		json_put_text(
			obj, "Propagation", strcmp(mount->type, "bind") == 0 ? "rprivate" : "");
		json_object_array_add(array, obj);
	}
	return array;
}

static void put_log_and_restart(struct json_object *host, const struct record *record)
{
	struct json_object *log = json_object_new_object();
	struct json_object *restart = json_object_new_object();

	json_put_text(log, "Type", record->log_driver ? record->log_driver : "json-file");
	json_put(log, "Config", map_json(record->log_opts));
	json_put(host, "LogConfig", log);
	json_put_text(restart, "Name", record->restart ? record->restart : "no");
	json_put_int(restart, "MaximumRetryCount", 0);
	json_put(host, "RestartPolicy", restart);
}

struct json_object *record_json(const struct record *record)
{
	struct json_object *top = json_object_new_object(), *config = json_object_new_object();
	struct json_object *host = json_object_new_object(), *layers = json_object_new_array();
	char time[CLOCK_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	cleanup_free char *name = xasprintf("/%s", record->name);

	json_put_text(top, "Id", record->id);
	json_put_text(top, "Created", clock_text(record->created_ns, time));
	json_put_text(top, "Path", record->args ? record->args[0] : "");
	json_put(top, "Args", json_from_strv(record->args ? record->args + 1 : NULL));
	json_put_text(top, "Name", name);
	for (size_t i = 0; i < record_member_count; i++) {
		const struct record_member *m = &record_members[i];
		struct json_object *group = !m->group ? top : m->group[0] == 'C' ? config : host;

		json_put(group, m->key, member_json(m, (const char *)record + m->offset));
	}
	json_put(host, "PortBindings", ports_json(record));
	put_log_and_restart(host, record);
	json_put(top, "Mounts", mounts_json(record));
	json_put(top, "Config", config);
	json_put(top, "HostConfig", host);
	for (size_t i = 0; i < record->layer_count; i++)
		json_object_array_add(
			layers, json_object_new_string(digest_text(&record->layers[i], digest)));
	json_put(top, "Layers", layers);
	return top;
}

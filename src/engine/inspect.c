/* SPDX-License-Identifier: Apache-2.0 */
/* docker inspect's object of a container: the record, and what is true of it now. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/container.h"
#include "engine/paths.h"
#include "engine/wiring.h"

static struct json_object *state_json(const struct container_status *status)
{
	struct json_object *state = json_object_new_object();
	char started[CLOCK_TEXT_MAX], finished[CLOCK_TEXT_MAX];

	json_put_text(state, "Status", container_state_name(status->state));
	json_put_bool(state, "Running", status->pid != 0);
	json_put_bool(state, "Paused", status->state == CONTAINER_PAUSED);
	json_put_bool(state, "Restarting", false);
	json_put_bool(state, "OOMKilled", status->oom_killed);
	json_put_bool(state, "Dead", status->state == CONTAINER_DEAD);
	json_put_int(state, "Pid", status->pid);
	json_put_int(state, "ExitCode", status->exit_code);
	json_put_text(state, "Error", status->error);
	json_put_text(state, "StartedAt", clock_text(status->started_ns, started));
	json_put_text(state, "FinishedAt", clock_text(status->finished_ns, finished));
	return state;
}

static struct json_object *bindings_json(const char *lines, strv exposed)
{
	struct json_object *ports = json_object_new_object();
	cleanup_free struct port *list = NULL;
	size_t count = wiring_parse_ports(lines, &list);

	for (size_t i = 0; exposed && exposed[i]; i++)
		json_put(ports, exposed[i], NULL);
	for (size_t i = 0; i < count; i++) {
		struct json_object *array = NULL, *binding = json_object_new_object();
		char key[32], ip[INET_ADDRSTRLEN], host[8];

		snprintf(key, sizeof(key), "%u/%s", list[i].container_port,
			port_protocol_name(list[i].protocol));
		snprintf(host, sizeof(host), "%u", list[i].host_port);
		inet_ntop(AF_INET, &list[i].host_ip, ip, sizeof(ip));
		json_put_text(binding, "HostIp", ip);
		json_put_text(binding, "HostPort", host);
		if (!json_object_object_get_ex(ports, key, &array) || !array) {
			array = json_object_new_array();
			json_put(ports, key, array);
		}
		json_object_array_add(array, binding);
	}
	return ports;
}

struct place { /* on the network; texts are "" where there is none */
	char address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN], mac[18];
	int64_t prefix;
};

static int find_place(
	struct engine *engine, const char *id, struct place *place, struct error **err)
{
	struct endpoint endpoint;
	struct register_db *db;
	struct bridge bridge;
	struct in_addr address;
	int found;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	found = register_address_of(db, id, &address, err);
	if (found <= 0)
		return found;
	if (wiring_bridge(engine, &bridge, err) < 0)
		return -1;
	endpoint_init(&endpoint, id, address);
	inet_ntop(AF_INET, &address, place->address, sizeof(place->address));
	inet_ntop(AF_INET, &bridge.gateway, place->gateway, sizeof(place->gateway));
	snprintf(place->mac, sizeof(place->mac), "%02x:%02x:%02x:%02x:%02x:%02x", endpoint.mac[0],
		endpoint.mac[1], endpoint.mac[2], endpoint.mac[3], endpoint.mac[4],
		endpoint.mac[5]);
	place->prefix = bridge.prefix;
	return 0;
}

static void put_place(struct json_object *obj, const struct place *place)
{
	json_put_text(obj, "Gateway", place->gateway);
	json_put_text(obj, "IPAddress", place->address);
	json_put_int(obj, "IPPrefixLen", place->prefix);
	json_put_text(obj, "MacAddress", place->mac);
}

static int network_json(struct engine *engine, const struct record *record,
	const struct container_row *row, struct json_object **ret, struct error **err)
{
	struct json_object *settings, *networks, *network;
	struct place place = { "", "", "", 0 };

	if (find_place(engine, record->id, &place, err) < 0)
		return -1;
	settings = json_object_new_object();
	networks = json_object_new_object();
	network = json_object_new_object();
	json_put(settings, "Ports", bindings_json(row->ports, record->exposed_ports));
	put_place(settings, &place);
	put_place(network, &place);
	if (strncmp(record->network, "container:", 10) != 0)
		json_put(networks, record->network, network);
	else
		json_object_put(network);
	json_put(settings, "Networks", networks);
	*ret = settings;
	return 0;
}

static void put_paths(struct engine *engine, const char *id, struct json_object *obj)
{
	cleanup_free char *file = xasprintf("%s-json.log", id);
	cleanup_free char *log = container_path(engine, id, file);
	cleanup_free char *hosts = run_path(engine, id, "hosts");
	cleanup_free char *hostname = run_path(engine, id, "hostname");
	cleanup_free char *resolv = run_path(engine, id, "resolv.conf");
	cleanup_free char *upper = container_path(engine, id, "fs");
	cleanup_free char *work = container_path(engine, id, "work");
	struct json_object *driver = json_object_new_object(), *data = json_object_new_object();

	json_put_text(obj, "LogPath", log);
	json_put_text(obj, "HostsPath", hosts);
	json_put_text(obj, "HostnamePath", hostname);
	json_put_text(obj, "ResolvConfPath", resolv);
	json_put_text(obj, "Driver", "overlay2");
	json_put_text(obj, "Platform", "linux");
	json_put_int(obj, "RestartCount", 0);
	json_put_text(driver, "Name", "overlay2");
	json_put_text(data, "UpperDir", upper);
	json_put_text(data, "WorkDir", work);
	json_put(driver, "Data", data);
	json_put(obj, "GraphDriver", driver);
}

int container_inspect(
	struct engine *engine, const char *name, struct json_object **ret, struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	cleanup_json struct json_object *obj = NULL;
	struct json_object *network = NULL;
	struct container_status status;
	cleanup_record struct record record;
	struct register_db *db;
	char id[ID_MAX];

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 || engine_register(engine, &db, err) < 0 ||
		register_find(db, id, &row, err) < 0 || record_load(engine, id, &record, err) < 0 ||
		container_status(engine, id, &status, err) < 0 ||
		network_json(engine, &record, &row, &network, err) < 0)
		return -1;
	obj = record_json(&record);
	json_put(obj, "State", state_json(&status));
	put_paths(engine, id, obj);
	json_put(obj, "NetworkSettings", network);
	*ret = take_ptr(obj);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wiring.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#define POOL_KEY "bridge.pool"

static void name_bridge(const struct engine *engine, struct bridge *bridge)
{
	bool is_default = engine->instance[0] == '\0';

	snprintf(bridge->name, sizeof(bridge->name), is_default ? "vessel0" : "vs%s",
		engine->instance);
	snprintf(bridge->table, sizeof(bridge->table), is_default ? "vessel" : "vessel_%s",
		engine->instance);
}

/* "172.17.0.1/16" */
static int parse_pool(const char *text, struct bridge *bridge, struct error **err)
{
	char address[INET_ADDRSTRLEN];
	unsigned int prefix;

	if (sscanf(text, "%15[0-9.]/%2u", address, &prefix) != 2 || prefix > 30 ||
		inet_pton(AF_INET, address, &bridge->gateway) != 1)
		return error_new(err, ERROR_INTERNAL, "the register has a bad pool: %s", text);
	bridge->prefix = (uint8_t)prefix;
	return 0;
}

int wiring_bridge(struct engine *engine, struct bridge *ret, struct error **err)
{
	struct bridge bridge = { 0 };
	char address[INET_ADDRSTRLEN], pool[INET_ADDRSTRLEN + 4];
	cleanup_free char *agreed = NULL;
	struct register_db *db;
	int found;

	name_bridge(engine, &bridge);
	if (engine_register(engine, &db, err) < 0)
		return -1;
	found = register_get(db, POOL_KEY, &agreed, err);
	if (found < 0)
		return -1;
	if (!found) {
		if (bridge_choose_pool(&bridge, err) < 0)
			return -1;
		inet_ntop(AF_INET, &bridge.gateway, address, sizeof(address));
		snprintf(pool, sizeof(pool), "%s/%u", address, bridge.prefix);
		if (register_agree(db, POOL_KEY, pool, &agreed, err) < 0)
			return -1;
	}
	if (parse_pool(agreed, &bridge, err) < 0)
		return -1;
	bridge.mtu = bridge_uplink_mtu();
	*ret = bridge;
	return 0;
}

static void print_ports(const struct wiring *wiring, struct buf *out)
{
	char ip[INET_ADDRSTRLEN];

	for (size_t i = 0; i < wiring->port_count; i++) {
		const struct port *port = &wiring->ports[i];

		inet_ntop(AF_INET, &port->host_ip, ip, sizeof(ip));
		buf_printf(out, "%s %s %u %u\n", port_protocol_name(port->protocol), ip,
			port->host_port, port->container_port);
	}
}

size_t wiring_parse_ports(const char *text, struct port **ret)
{
	struct port *ports = NULL;
	size_t count = 0;
	char protocol[8], ip[INET_ADDRSTRLEN];
	unsigned int host, inside;
	int used;

	while (text &&
		sscanf(text, "%7s %15s %5u %5u%n", protocol, ip, &host, &inside, &used) == 4) {
		ports = xrealloc(ports, count + 1, sizeof(*ports));
		ports[count] =
			(struct port){ .protocol = strcmp(protocol, "udp") == 0    ? IPPROTO_UDP
						   : strcmp(protocol, "sctp") == 0 ? IPPROTO_SCTP
										   : IPPROTO_TCP,
				.host_port = (uint16_t)host,
				.container_port = (uint16_t)inside };
		(void)inet_pton(AF_INET, ip, &ports[count].host_ip);
		count++;
		text = strchr(text + used, '\n');
	}
	*ret = ports;
	return count;
}

/*
 * The register learns of the ports before the firewall does: whoever finds this container dead
 * later withdraws what is written there, whether or not it was published.
 */
static int publish(struct engine *engine, const char *id, struct wiring *wiring, struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);
	struct register_db *db;

	if (wiring->port_count == 0)
		return 0;
	for (size_t i = 0; i < wiring->port_count; i++) {
		wiring->port_fds[i] = port_reserve(&wiring->ports[i], err);
		if (wiring->port_fds[i] < 0)
			return -1;
	}
	print_ports(wiring, &text);
	if (engine_register(engine, &db, err) < 0 ||
		register_set_ports(db, id, buf_text(&text), err) < 0)
		return -1;
	return ports_publish(
		&wiring->bridge, wiring->endpoint.address, wiring->ports, wiring->port_count, err);
}

int wiring_prepare(struct engine *engine, const char *id, const struct port *ports,
	size_t port_count, struct wiring *ret, struct error **err)
{
	const struct in_addr any = { INADDR_ANY };
	cleanup_wiring struct wiring wiring = WIRING_INIT;
	struct in_addr address;
	struct register_db *db;

	if (wiring_bridge(engine, &wiring.bridge, err) < 0 ||
		bridge_ensure(&wiring.bridge, err) < 0 || engine_register(engine, &db, err) < 0 ||
		register_take_address(db, id, wiring.bridge.gateway, wiring.bridge.prefix, any,
			&address, err) < 0)
		return -1;
	endpoint_init(&wiring.endpoint, id, address);
	wiring.ports = xcalloc(port_count, sizeof(*wiring.ports));
	wiring.port_fds = xcalloc(port_count, sizeof(*wiring.port_fds));
	wiring.port_count = port_count;
	for (size_t i = 0; i < port_count; i++) {
		wiring.ports[i] = ports[i];
		wiring.port_fds[i] = -1;
	}
	if (publish(engine, id, &wiring, err) < 0) {
		cleanup_error struct error *ignored = NULL;

		(void)wiring_withdraw(engine, id, &ignored);
		return -1;
	}
	*ret = wiring;
	wiring = (struct wiring)WIRING_INIT;
	return 0;
}

int wiring_plug(const struct wiring *wiring, pid_t pid, struct error **err)
{
	return bridge_plug(&wiring->bridge, &wiring->endpoint, pid, err);
}

int wiring_withdraw(struct engine *engine, const char *id, struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	cleanup_free struct port *ports = NULL;
	struct bridge bridge;
	struct in_addr address;
	struct register_db *db;
	size_t count;
	int found;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	found = register_address_of(db, id, &address, err);
	if (found <= 0)
		return found;
	if (register_find(db, id, &row, err) < 0)
		return -1;
	count = wiring_parse_ports(row.ports, &ports);
	if (count > 0 && (wiring_bridge(engine, &bridge, err) < 0 ||
				 ports_withdraw(&bridge, address, ports, count, err) < 0 ||
				 register_set_ports(db, id, "", err) < 0))
		return -1;
	return register_release_address(db, id, err);
}

void wiring_done(struct wiring *wiring)
{
	for (size_t i = 0; i < wiring->port_count; i++)
		close_fd(wiring->port_fds[i]);
	free(wiring->ports);
	free(wiring->port_fds);
	*wiring = (struct wiring)WIRING_INIT;
}

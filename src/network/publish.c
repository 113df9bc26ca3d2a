/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports as elements of the firewall table's two maps. */
#include <arpa/inet.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "network/conntrack.h"
#include "network/firewall.h"
#include "network/link.h"
#include "network/port.h"

/* A list of elements is one attribute, of at most 64 kB; an element takes up to 56 bytes. */
#define ELEMENTS_PER_REQUEST 1000
#define ELEMENT_BYTES_MAX 64
#define PORTS_PER_QUESTION 32
#define BATCH_EXTRA 4096 /* headers, names and bounds of all requests */

struct change {
	const struct bridge *bridge;
	struct in_addr address;
	uint16_t message; /* NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM */
};

static bool is_on_any(const struct port *port)
{
	return port->host_ip.s_addr == INADDR_ANY;
}

static const struct nft_map *map_of(const struct port *port)
{
	return is_on_any(port) ? &firewall_published : &firewall_published_at;
}

static void put_element(struct netlink *nl, const struct change *change, const struct port *port)
{
	const struct published_value value = { .address = change->address,
		.port = htons(port->container_port) };
	const void *data = change->message == NFT_MSG_NEWSETELEM ? &value : NULL;

	if (is_on_any(port)) {
		const struct published_key key = { .protocol = (uint8_t)port->protocol,
			.port = htons(port->host_port) };

		nft_element(nl, &firewall_published, &key, data);
	} else {
		const struct published_at_key key = { .protocol = (uint8_t)port->protocol,
			.address = port->host_ip,
			.port = htons(port->host_port) };

		nft_element(nl, &firewall_published_at, &key, data);
	}
}

/* The next ports that belong into the map, from *at on, as one request. */
static void put_request(struct netlink *nl, const struct change *change, const struct nft_map *map,
	const struct port *ports, size_t count, size_t *at)
{
	struct rtattr *list = NULL;
	size_t n = 0;

	for (; *at < count && n < ELEMENTS_PER_REQUEST; ++*at) {
		if (map_of(&ports[*at]) != map)
			continue;
		if (!list)
			list = nft_elements_begin(nl, "change published ports", change->message,
				change->bridge->table, map->name);
		put_element(nl, change, &ports[*at]);
		n++;
	}
	if (list)
		netlink_nest_end(nl, list);
}

static int apply(
	const struct change *change, const struct port *ports, size_t count, struct error **err)
{
	static const struct nft_map *const maps[] = { &firewall_published, &firewall_published_at };
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_NETFILTER, err) < 0 ||
		netlink_reserve(&nl, BATCH_EXTRA + count * ELEMENT_BYTES_MAX, err) < 0)
		return -1;
	nft_batch_begin(&nl);
	for (size_t m = 0; m < 2; m++)
		for (size_t at = 0; at < count;)
			put_request(&nl, change, maps[m], ports, count, &at);
	nft_batch_end(&nl);
	return netlink_send(&nl, err);
}

/* One by one: those that are not there do not keep the others. */
static int remove_each(
	const struct change *change, const struct port *ports, size_t count, struct error **err)
{
	for (size_t i = 0; i < count; i++)
		if (apply(change, &ports[i], 1, err) < 0 && !link_forgive(ENOENT, err))
			return -1;
	return 0;
}

static int failed(const struct bridge *bridge, struct error **err)
{
	if (error_errno(*err) == ENOENT)
		error_hint(err, "the table is gone: was the host's firewall flushed? Start the "
				"container again");
	return error_wrap(err, "firewall table '%s'", bridge->table);
}

static int publish(
	const struct change *add, const struct port *ports, size_t count, struct error **err)
{
	struct change remove = *add;

	remove.message = NFT_MSG_DELSETELEM;
	if (apply(add, ports, count, err) == 0)
		return 0;
	/* The kernel refuses an element that leads elsewhere (EBUSY, EEXIST). */
	if (!link_forgive(EBUSY, err) && !link_forgive(EEXIST, err))
		return -1;
	if (remove_each(&remove, ports, count, err) < 0)
		return -1;
	return apply(add, ports, count, err);
}

int ports_publish(const struct bridge *bridge, struct in_addr address, const struct port *ports,
	size_t count, struct error **err)
{
	const struct change add = { bridge, address, NFT_MSG_NEWSETELEM };

	if (count == 0)
		return 0;
	if (publish(&add, ports, count, err) < 0)
		return failed(bridge, err);
	conntrack_forget(ports, count);
	return 0;
}

/* ---- Who has an element ---- */

struct ownership {
	const struct port *ports;
	size_t count;
	struct in_addr address;
	bool *mine; /* of each port: its element leads to address */
};

static bool is_key(const struct port *port, const struct rtattr *key)
{
	struct published_key any;
	struct published_at_key at;

	if (is_on_any(port))
		return RTA_PAYLOAD(key) == sizeof(any) && netlink_get(key, &any, sizeof(any)) &&
		       any.protocol == port->protocol && any.port == htons(port->host_port);
	return RTA_PAYLOAD(key) == sizeof(at) && netlink_get(key, &at, sizeof(at)) &&
	       at.protocol == port->protocol && at.port == htons(port->host_port) &&
	       at.address.s_addr == port->host_ip.s_addr;
}

static int take_element(const struct nlmsghdr *h, void *arg)
{
	struct ownership *own = arg;
	const struct rtattr *key, *data;
	struct published_value value;

	if (!nft_element_read(h, &key, &data) || !netlink_get(data, &value, sizeof(value)))
		return 0;
	for (size_t i = 0; i < own->count; i++)
		if (is_key(&own->ports[i], key))
			own->mine[i] = value.address.s_addr == own->address.s_addr;
	return 0;
}

/* One question per port: a list of keys would be answered only up to the first that is missing. */
static int ask(const struct change *change, struct ownership *own, struct error **err)
{
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_NETFILTER, err) < 0)
		return -1;
	for (size_t i = 0; i < own->count; i++) {
		const struct port *port = &own->ports[i];
		struct rtattr *list = nft_elements_begin(&nl, "look for a published port",
			NFT_MSG_GETSETELEM, change->bridge->table, map_of(port)->name);

		put_element(&nl, change, port);
		netlink_nest_end(&nl, list);
	}
	if (netlink_dump(&nl, take_element, own, err) < 0 && !link_forgive(ENOENT, err))
		return -1;
	return 0;
}

/* Copies the ports that still lead to the address into kept; returns how many. */
static ssize_t find_mine(const struct change *change, const struct port *ports, size_t count,
	struct port *kept, struct error **err)
{
	size_t found = 0;

	for (size_t at = 0; at < count; at += PORTS_PER_QUESTION) {
		size_t n = count - at < PORTS_PER_QUESTION ? count - at : PORTS_PER_QUESTION;
		bool mine[PORTS_PER_QUESTION] = { 0 };
		struct ownership own = { ports + at, n, change->address, mine };

		if (ask(change, &own, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (mine[i])
				kept[found++] = ports[at + i];
	}
	return (ssize_t)found;
}

/*
 * Only what leads to this address is taken away: when a container's monitor was killed, its
 * reservations are gone before its elements, and the port may be another container's by now.
 */
int ports_withdraw(const struct bridge *bridge, struct in_addr address, const struct port *ports,
	size_t count, struct error **err)
{
	const struct change ask_change = { bridge, address, NFT_MSG_GETSETELEM };
	const struct change remove = { bridge, address, NFT_MSG_DELSETELEM };
	cleanup_free struct port *mine = xcalloc(count, sizeof(*mine));
	ssize_t found = find_mine(&ask_change, ports, count, mine, err);

	if (found < 0)
		return failed(bridge, err);
	if (found == 0)
		return 0;
	if (apply(&remove, mine, (size_t)found, err) < 0 &&
		(!link_forgive(ENOENT, err) || remove_each(&remove, mine, (size_t)found, err) < 0))
		return failed(bridge, err);
	conntrack_forget(mine, (size_t)found);
	return 0;
}

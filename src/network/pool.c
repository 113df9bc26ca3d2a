/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing a subnet that nothing on this host uses. Routes, addresses and name servers count: a
 * subnet over a name server's address would cut containers (and this host) off from it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"
#include "network/bridge.h"
#include "network/link.h"
#include "network/resolver.h"

/*
 * Shorter than that is "everything": default routes, and the halves and eighths of the Internet
 * that VPN programs put in place of one. More specific routes, such as ours, win over them.
 */
#define EVERYTHING_BITS 8

static const struct pool_range {
	uint32_t first; /* host byte order */
	uint8_t prefix;
	uint8_t count;
} ranges[] = {
	{ 0xac110000U, 16, 15 }, /* 172.17.0.0 to 172.31.0.0 */
	{ 0xc0a80000U, 20, 16 }, /* 192.168.0.0 to 192.168.240.0 */
};
#define POOLS 31

struct pool {
	uint32_t network;
	uint8_t prefix;
	bool used;
};

struct pools {
	struct pool list[POOLS];
	uint32_t own_index; /* of the bridge of our name; 0: there is none */
};

static uint32_t mask_of(uint8_t prefix)
{
	return prefix == 0 ? 0 : 0xffffffffU << (32U - prefix);
}

static void pools_fill(struct pools *pools)
{
	struct pool *pool = pools->list;

	for (size_t r = 0; r < sizeof(ranges) / sizeof(*ranges); r++)
		for (uint32_t i = 0; i < ranges[r].count; i++)
			*pool++ = (struct pool){ .network = ranges[r].first +
							    (i << (32U - ranges[r].prefix)),
				.prefix = ranges[r].prefix };
}

static void pools_use(struct pools *pools, struct in_addr address, uint8_t prefix)
{
	if (prefix < EVERYTHING_BITS || prefix > 32)
		return;
	for (size_t i = 0; i < POOLS; i++) {
		struct pool *pool = &pools->list[i];
		uint32_t mask = mask_of(prefix < pool->prefix ? prefix : pool->prefix);

		if (((ntohl(address.s_addr) ^ pool->network) & mask) == 0)
			pool->used = true;
	}
}

static int use_route(const struct nlmsghdr *h, void *arg)
{
	struct pools *pools = arg;
	const struct rtmsg *route = netlink_header(h, sizeof(*route));
	struct in_addr to;
	uint32_t link = 0;

	if (!route || route->rtm_family != AF_INET)
		return 0;
	netlink_get(netlink_find(h, sizeof(*route), RTA_OIF), &link, sizeof(link));
	if (pools->own_index != 0 && link == pools->own_index)
		return 0;
	if (netlink_get(netlink_find(h, sizeof(*route), RTA_DST), &to, sizeof(to)))
		pools_use(pools, to, route->rtm_dst_len);
	return 0;
}

static int use_address(const struct nlmsghdr *h, void *arg)
{
	struct pools *pools = arg;
	const struct ifaddrmsg *header = netlink_header(h, sizeof(*header));
	struct in_addr address;

	if (!header || header->ifa_family != AF_INET)
		return 0;
	if (pools->own_index != 0 && header->ifa_index == pools->own_index)
		return 0;
	if (netlink_get(netlink_find(h, sizeof(*header), IFA_ADDRESS), &address, sizeof(address)))
		pools_use(pools, address, header->ifa_prefixlen);
	if (netlink_get(netlink_find(h, sizeof(*header), IFA_LOCAL), &address, sizeof(address)))
		pools_use(pools, address, header->ifa_prefixlen);
	return 0;
}

static void use_resolver(struct in_addr address, void *arg)
{
	pools_use(arg, address, 32);
}

static int look(struct pools *pools, const char *own, struct error **err)
{
	cleanup_netlink struct netlink nl;
	struct rtmsg *route;
	struct ifaddrmsg *address;

	if (netlink_open(&nl, NETLINK_ROUTE, err) < 0)
		return -1;
	pools->own_index = (uint32_t)link_index(&nl, own);
	route = netlink_begin(&nl, "list routes", RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));
	route->rtm_family = AF_INET;
	if (netlink_dump(&nl, use_route, pools, err) < 0)
		return -1;
	/* Of a link that is down there is an address and no route. */
	address = netlink_begin(&nl, "list addresses", RTM_GETADDR, NLM_F_DUMP, sizeof(*address));
	address->ifa_family = AF_INET;
	return netlink_dump(&nl, use_address, pools, err);
}

int bridge_choose_pool(struct bridge *ret_gateway_and_prefix, struct error **err)
{
	struct pools pools = { 0 };

	pools_fill(&pools);
	if (look(&pools, ret_gateway_and_prefix->name, err) < 0)
		return error_wrap(err, "choose a subnet for '%s'", ret_gateway_and_prefix->name);
	resolver_each(use_resolver, &pools);
	for (size_t i = 0; i < POOLS; i++) {
		if (pools.list[i].used)
			continue;
		ret_gateway_and_prefix->gateway.s_addr = htonl(pools.list[i].network + 1);
		ret_gateway_and_prefix->prefix = pools.list[i].prefix;
		return 0;
	}
	error_new(err, ERROR_CONFLICT,
		"no subnet is free for '%s': routes or addresses of this host overlap all of "
		"172.17.0.0 to 172.31.0.0/16 and 192.168.0.0/16",
		ret_gateway_and_prefix->name);
	return error_hint(err, "see 'ip route' and 'ip address', or use --network host or none");
}

/* ---- The uplink ---- */

struct uplink {
	int index;
	uint32_t mtu;
};

static int take_route(const struct nlmsghdr *h, void *arg)
{
	struct uplink *uplink = arg;

	if (h->nlmsg_type == RTM_NEWROUTE)
		netlink_get(netlink_find(h, sizeof(struct rtmsg), RTA_OIF), &uplink->index,
			sizeof(uplink->index));
	return 0;
}

static int take_mtu(const struct nlmsghdr *h, void *arg)
{
	struct uplink *uplink = arg;

	if (h->nlmsg_type == RTM_NEWLINK)
		netlink_get(netlink_find(h, sizeof(struct ifinfomsg), IFLA_MTU), &uplink->mtu,
			sizeof(uplink->mtu));
	return 0;
}

/*
 * The kernel is asked how it would reach an address that nobody has (TEST-NET-3, RFC 5737), which
 * is by the default route: one look-up, where a list of routes can be a million long.
 */
static int uplink_find(struct netlink *nl, struct uplink *ret, struct error **err)
{
	const struct in_addr nobody = { .s_addr = htonl(0xcb007101U) };
	struct rtmsg *route =
		netlink_begin(nl, "look up the uplink", RTM_GETROUTE, 0, sizeof(*route));

	route->rtm_family = AF_INET;
	route->rtm_dst_len = 32;
	netlink_put(nl, RTA_DST, &nobody, sizeof(nobody));
	if (netlink_dump(nl, take_route, ret, err) < 0)
		return -1;
	((struct ifinfomsg *)netlink_begin(
		 nl, "ask for the uplink", RTM_GETLINK, 0, sizeof(struct ifinfomsg)))
		->ifi_index = ret->index;
	return netlink_dump(nl, take_mtu, ret, err);
}

uint32_t bridge_uplink_mtu(void)
{
	cleanup_error struct error *err = NULL;
	struct uplink uplink = { 0 };
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_ROUTE, &err) < 0 || uplink_find(&nl, &uplink, &err) < 0)
		return 1500;
	/* The least that IPv4 has, and the most a bridge takes: 65536 of lo is more. */
	return uplink.mtu < 68 || uplink.mtu > 65535 ? 1500 : uplink.mtu;
}

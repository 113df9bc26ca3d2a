/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the bridge and keeping it right.
 *
 * Every start of a container asks whether all is there, and nearly always it is. So the question is
 * cheap: one exchange tells the link's state (with its sysctls, which the kernel puts into the same
 * answer) and the route that its address and prefix have made, one more whether the table is there.
 * Anything else than "all is well" leads to the slow way, which sets everything again: each step of
 * it is fine when it was done already, so that two processes can walk it at once.
 */
#include "network/bridge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ip.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "network/firewall.h"
#include "network/link.h"

#ifndef RTEXT_FILTER_SKIP_STATS
#	define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif

struct bridge_state {
	const struct bridge *bridge;
	int index; /* 0: no such link */
	int route_link; /* of the subnet's route; 0: no such route */
	bool is_bridge, up, mtu, forwarding, route_localnet;
};

static bool conf_is_on(const struct rtattr *conf, unsigned int which)
{
	uint32_t values[IPV4_DEVCONF_MAX];

	/* Older kernels send fewer of them. */
	if (which > IPV4_DEVCONF_MAX || !netlink_get(conf, values, which * sizeof(*values)))
		return false;
	return values[which - 1] != 0;
}

static void take_link(struct bridge_state *state, const struct nlmsghdr *h)
{
	const struct ifinfomsg *link = netlink_header(h, sizeof(*link));
	const struct rtattr *info = netlink_find(h, sizeof(*link), IFLA_LINKINFO);
	const struct rtattr *spec = netlink_find(h, sizeof(*link), IFLA_AF_SPEC);
	const struct rtattr *conf = netlink_find_in(netlink_find_in(spec, AF_INET), IFLA_INET_CONF);
	uint32_t mtu = 0;

	if (!link)
		return;
	netlink_get(netlink_find(h, sizeof(*link), IFLA_MTU), &mtu, sizeof(mtu));
	state->index = link->ifi_index;
	state->up = (link->ifi_flags & IFF_UP) != 0;
	state->is_bridge = netlink_is_text(netlink_find_in(info, IFLA_INFO_KIND), "bridge");
	state->mtu = mtu == state->bridge->mtu;
	state->forwarding = conf_is_on(conf, IPV4_DEVCONF_FORWARDING);
	state->route_localnet = conf_is_on(conf, IPV4_DEVCONF_ROUTE_LOCALNET);
}

static void take_route(struct bridge_state *state, const struct nlmsghdr *h)
{
	const struct rtmsg *route = netlink_header(h, sizeof(*route));
	struct in_addr source = { 0 };

	if (!route || route->rtm_dst_len != state->bridge->prefix)
		return;
	netlink_get(netlink_find(h, sizeof(*route), RTA_PREFSRC), &source, sizeof(source));
	if (source.s_addr == state->bridge->gateway.s_addr)
		netlink_get(netlink_find(h, sizeof(*route), RTA_OIF), &state->route_link,
			sizeof(state->route_link));
}

static int take_state(const struct nlmsghdr *h, void *arg)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		take_link(arg, h);
	else if (h->nlmsg_type == RTM_NEWROUTE)
		take_route(arg, h);
	return 0;
}

static void ask_link(struct netlink *nl, const char *name)
{
	netlink_begin(nl, "ask for the link", RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_put_text(nl, IFLA_IFNAME, name);
	netlink_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

/* True when link, address and sysctls are as they should be. */
static bool link_is_right(const struct bridge *bridge)
{
	cleanup_error struct error *err = NULL;
	struct bridge_state state = { .bridge = bridge };
	struct in_addr neighbour = { .s_addr = htonl(ntohl(bridge->gateway.s_addr) + 1) };
	struct rtmsg *route;
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_ROUTE, &err) < 0)
		return false;
	ask_link(&nl, bridge->name);
	/* Which route leads to the first container? It names link, prefix and the gateway's
	 * address. */
	route = netlink_begin(&nl, "look up the subnet", RTM_GETROUTE, 0, sizeof(*route));
	route->rtm_family = AF_INET;
	route->rtm_dst_len = 32;
	route->rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH;
	netlink_put(&nl, RTA_DST, &neighbour, sizeof(neighbour));
	if (netlink_dump(&nl, take_state, &state, &err) < 0)
		return false;
	return state.is_bridge && state.up && state.mtu && state.forwarding &&
	       state.route_localnet && state.route_link == state.index;
}

/* ---- The slow way ---- */

static int set_of_link(const struct bridge *bridge, const char *family, const char *name,
	const char *value, struct error **err)
{
	char path[128];

	(void)snprintf(
		path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, bridge->name, name);
	if (file_poke_at(AT_FDCWD, path, value, err) < 0)
		return error_hint(err, "is /proc/sys read-only here?");
	return 0;
}

/*
 * The subnet is IPv4 alone, so the bridge takes no part in IPv6: a container could announce itself
 * as a router to this host (CVE-2020-13401). A kernel without IPv6 has no such files.
 */
static int refuse_ipv6(const struct bridge *bridge, struct error **err)
{
	if ((set_of_link(bridge, "ipv6", "disable_ipv6", "1", err) < 0 ||
		    set_of_link(bridge, "ipv6", "accept_ra", "0", err) < 0) &&
		!link_forgive(ENOENT, err))
		return -1;
	return 0;
}

/* This host has to forward; an administrator who has it on already is not overridden. */
static int enable_forwarding(struct error **err)
{
	const char *path = "/proc/sys/net/ipv4/ip_forward";
	cleanup_free char *value = NULL;

	if (file_read_at(AT_FDCWD, path, 16, &value, err) < 0)
		return -1;
	if (value[0] != '0')
		return 0;
	if (file_poke_at(AT_FDCWD, path, "1", err) < 0)
		return error_hint(err, "set net.ipv4.ip_forward=1, or use --network host or none");
	return 0;
}

static void bridge_mac(const struct bridge *bridge, uint8_t ret[static 6])
{
	struct endpoint gateway;

	endpoint_init(&gateway, "", bridge->gateway);
	memcpy(ret, gateway.mac, sizeof(gateway.mac));
}

/* Makes the link (down), or finds it; its index. */
static int link_make(struct netlink *nl, const struct bridge *bridge, struct error **err)
{
	struct bridge_state state = { .bridge = bridge };
	struct rtattr *info;
	uint8_t mac[6];

	bridge_mac(bridge, mac);
	link_begin(nl, "create the bridge", NLM_F_CREATE | NLM_F_EXCL, 0, false);
	netlink_put_text(nl, IFLA_IFNAME, bridge->name);
	/* Given, not made up: else it would change with each port that comes and goes. */
	netlink_put(nl, IFLA_ADDRESS, mac, sizeof(mac));
	netlink_put_u32(nl, IFLA_MTU, bridge->mtu);
	info = netlink_nest(nl, IFLA_LINKINFO);
	netlink_put_text(nl, IFLA_INFO_KIND, "bridge");
	netlink_nest_end(nl, info);
	if (netlink_send(nl, err) < 0 && !link_forgive(EEXIST, err))
		return -1;
	ask_link(nl, bridge->name);
	if (netlink_dump(nl, take_state, &state, err) < 0)
		return -1;
	if (!state.is_bridge) {
		error_new(err, ERROR_CONFLICT, "there is a link of that name, and it is no bridge");
		return error_hint(err, "rename or remove it (ip link)");
	}
	return state.index;
}

static int link_configure(
	struct netlink *nl, const struct bridge *bridge, int index, struct error **err)
{
	struct in_addr broadcast = bridge->gateway;
	struct ifaddrmsg *address;

	broadcast.s_addr |= htonl(0xffffffffU >> bridge->prefix);
	link_begin(nl, "set the bridge up", 0, index, true);
	netlink_put_u32(nl, IFLA_MTU, bridge->mtu);
	if (netlink_send(nl, err) < 0)
		return -1;
	address = netlink_begin(nl, "give the bridge its address", RTM_NEWADDR,
		NLM_F_CREATE | NLM_F_EXCL, sizeof(*address));
	address->ifa_family = AF_INET;
	address->ifa_prefixlen = bridge->prefix;
	address->ifa_index = (uint32_t)index;
	netlink_put(nl, IFA_LOCAL, &bridge->gateway, sizeof(bridge->gateway));
	netlink_put(nl, IFA_ADDRESS, &bridge->gateway, sizeof(bridge->gateway));
	netlink_put(nl, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	if (netlink_send(nl, err) < 0 && !link_forgive(EEXIST, err))
		return -1;
	return 0;
}

static int link_ensure(const struct bridge *bridge, struct error **err)
{
	cleanup_netlink struct netlink nl;
	int index;

	if (netlink_open(&nl, NETLINK_ROUTE, err) < 0)
		return -1;
	index = link_make(&nl, bridge, err);
	if (index < 0 || refuse_ipv6(bridge, err) < 0 ||
		set_of_link(bridge, "ipv4", "route_localnet", "1", err) < 0 ||
		link_configure(&nl, bridge, index, err) < 0 || enable_forwarding(err) < 0)
		return -1;
	return 0;
}

int bridge_ensure(const struct bridge *bridge, struct error **err)
{
	int exists;

	if (!link_is_right(bridge) && link_ensure(bridge, err) < 0) {
		if (error_errno(*err) == EPERM)
			error_hint(err, "run as root");
		return error_wrap(err, "bridge '%s'", bridge->name);
	}
	exists = firewall_exists(bridge, err);
	if (exists != 0)
		return exists < 0 ? -1 : 0;
	return firewall_make(bridge, err);
}

int bridge_remove(const struct bridge *bridge, struct error **err)
{
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_ROUTE, err) < 0)
		return -1;
	link_delete(&nl, bridge->name);
	if (netlink_send(&nl, err) < 0 && !link_forgive(ENODEV, err))
		return error_wrap(err, "bridge '%s'", bridge->name);
	return firewall_remove(bridge, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugging a container in: a veth pair whose one end is born as eth0 inside the container's network
 * namespace (no move, no rename: each would wait for a grace period of the kernel), and whose other
 * end is a port of the bridge.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "network/bridge.h"
#include "network/link.h"

#define INSIDE "eth0"
#ifndef NTF_STICKY
#	define NTF_STICKY (1 << 6)
#endif

void endpoint_init(struct endpoint *endpoint, const char *container_id, struct in_addr address)
{
	*endpoint = (struct endpoint){ .address = address, .mac = { 0x02, 0x42 } };
	(void)snprintf(endpoint->host_link, sizeof(endpoint->host_link), "veth%.11s", container_id);
	memcpy(endpoint->mac + 2, &address, sizeof(address));
}

/*
 * The pair, in one request. The port needs hairpin mode: where bridged packets pass the firewall
 * too (br_netfilter), one that comes back to its sender by a published port is bridged, not routed.
 */
static int pair_make(struct netlink *nl, const struct bridge *bridge,
	const struct endpoint *endpoint, int ns_fd, struct error **err)
{
	int master = link_index(nl, bridge->name);
	struct rtattr *info, *data, *peer;

	if (master == 0)
		return error_new(err, ERROR_NOT_FOUND, "bridge '%s' is gone", bridge->name);
	link_begin(nl, "create a veth pair", NLM_F_CREATE | NLM_F_EXCL, 0, true);
	netlink_put_text(nl, IFLA_IFNAME, endpoint->host_link);
	netlink_put_u32(nl, IFLA_MTU, bridge->mtu);
	netlink_put(nl, IFLA_MASTER, &master, sizeof(master));
	info = netlink_nest(nl, IFLA_LINKINFO);
	netlink_put_text(nl, IFLA_INFO_KIND, "veth");
	data = netlink_nest(nl, IFLA_INFO_DATA);
	peer = netlink_nest(nl, VETH_INFO_PEER);
	netlink_raw(nl, sizeof(struct ifinfomsg));
	netlink_put_text(nl, IFLA_IFNAME, INSIDE);
	netlink_put(nl, IFLA_ADDRESS, endpoint->mac, sizeof(endpoint->mac));
	netlink_put_u32(nl, IFLA_MTU, bridge->mtu);
	netlink_put(nl, IFLA_NET_NS_FD, &ns_fd, sizeof(ns_fd));
	netlink_nest_end(nl, peer);
	netlink_nest_end(nl, data);
	netlink_nest_end(nl, info);
	return netlink_send(nl, err);
}

/*
 * The forwarding entry is set, not learnt, and sticks to its port. An address is given again as
 * soon as it is free, and the MAC address follows it: while the kernel still tears down the
 * namespace of who had it before, frames would go there. And no neighbour can take the address
 * over.
 */
static int port_configure(struct netlink *nl, const struct endpoint *endpoint, struct error **err)
{
	int index = link_index(nl, endpoint->host_link);
	struct rtattr *info, *data;
	struct ndmsg *entry;
	const uint8_t on = 1;

	link_begin(nl, "set hairpin mode", 0, index, false);
	info = netlink_nest(nl, IFLA_LINKINFO);
	netlink_put_text(nl, IFLA_INFO_SLAVE_KIND, "bridge");
	data = netlink_nest(nl, IFLA_INFO_SLAVE_DATA);
	netlink_put(nl, IFLA_BRPORT_MODE, &on, sizeof(on));
	netlink_nest_end(nl, data);
	netlink_nest_end(nl, info);
	entry = netlink_begin(nl, "add a forwarding entry", RTM_NEWNEIGH,
		NLM_F_CREATE | NLM_F_REPLACE, sizeof(*entry));
	entry->ndm_family = AF_BRIDGE;
	entry->ndm_ifindex = index;
	entry->ndm_state = NUD_NOARP;
	entry->ndm_flags = NTF_MASTER | NTF_STICKY;
	netlink_put(nl, NDA_LLADDR, endpoint->mac, sizeof(endpoint->mac));
	return netlink_send(nl, err);
}

/* The network is IPv4 alone (CVE-2024-32473); a kernel without IPv6 has no such file. */
static int refuse_ipv6(struct error **err)
{
	const char *path = "/proc/sys/net/ipv6/conf/" INSIDE "/disable_ipv6";
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "open %s", path);
	return write(fd, "1", 1) < 0 ? error_sys(err, "write %s", path) : 0;
}

/*
 * What must be done by a process of the namespace, and nothing else: we enter it for these few
 * calls and come back. *ret_index is eth0's. A process left in the container's namespace would go
 * on to change the wrong network, so when the way back is barred there is no way on either.
 */
static int visit(int ns_fd, struct netlink *ret_nl, int *ret_index, struct error **err)
{
	cleanup_close int home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int result;

	if (home_fd < 0)
		return error_sys(err, "open our network namespace");
	if (setns(ns_fd, CLONE_NEWNET) < 0)
		return error_sys(err, "enter the container's network namespace");
	result = netlink_open(ret_nl, NETLINK_ROUTE, err);
	if (result == 0) {
		*ret_index = link_index(ret_nl, INSIDE);
		result = refuse_ipv6(err);
	}
	if (setns(home_fd, CLONE_NEWNET) < 0)
		abort();
	return result;
}

static int inside_configure(struct netlink *nl, int index, const struct bridge *bridge,
	const struct endpoint *endpoint, struct error **err)
{
	struct in_addr broadcast = endpoint->address;
	struct ifaddrmsg *address;
	struct rtmsg *route;

	broadcast.s_addr |= htonl(0xffffffffU >> bridge->prefix);
	address = netlink_begin(nl, "give " INSIDE " its address", RTM_NEWADDR,
		NLM_F_CREATE | NLM_F_EXCL, sizeof(*address));
	address->ifa_family = AF_INET;
	address->ifa_prefixlen = bridge->prefix;
	address->ifa_index = (uint32_t)index;
	netlink_put(nl, IFA_LOCAL, &endpoint->address, sizeof(endpoint->address));
	netlink_put(nl, IFA_ADDRESS, &endpoint->address, sizeof(endpoint->address));
	netlink_put(nl, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	link_begin(nl, "set " INSIDE " up", 0, index, true);
	route = netlink_begin(nl, "add the default route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
		sizeof(*route));
	route->rtm_family = AF_INET;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_BOOT;
	route->rtm_scope = RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	netlink_put(nl, RTA_GATEWAY, &bridge->gateway, sizeof(bridge->gateway));
	netlink_put(nl, RTA_OIF, &index, sizeof(index));
	return netlink_send(nl, err);
}

static int inside_make(
	const struct bridge *bridge, const struct endpoint *endpoint, int ns_fd, struct error **err)
{
	struct netlink nl = { .fd = -1 };
	int index = 0, result = visit(ns_fd, &nl, &index, err);

	if (result == 0)
		result = inside_configure(&nl, index, bridge, endpoint, err);
	netlink_close(&nl);
	return result;
}

static int plug(struct netlink *nl, const struct bridge *bridge, const struct endpoint *endpoint,
	int ns_fd, struct error **err)
{
	cleanup_error struct error *ignored = NULL;

	if (pair_make(nl, bridge, endpoint, ns_fd, err) < 0) {
		if (!link_forgive(EEXIST, err))
			return -1;
		/* Of this container's last run: the kernel has not come to removing it yet. */
		if (endpoint_remove(endpoint, err) < 0 ||
			pair_make(nl, bridge, endpoint, ns_fd, err) < 0)
			return -1;
	}
	if (port_configure(nl, endpoint, err) == 0 &&
		inside_make(bridge, endpoint, ns_fd, err) == 0)
		return 0;
	endpoint_remove(endpoint, &ignored); /* undo as well as can be; *err has the reason */
	return -1;
}

int bridge_plug(
	const struct bridge *bridge, const struct endpoint *endpoint, pid_t pid, struct error **err)
{
	char path[64];
	cleanup_close int ns_fd = -1;
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_ROUTE, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	ns_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ns_fd < 0)
		return error_sys(err, "open %s", path);
	if (plug(&nl, bridge, endpoint, ns_fd, err) < 0)
		return error_wrap(err, "plug process %d into '%s'", (int)pid, bridge->name);
	return 0;
}

int endpoint_remove(const struct endpoint *endpoint, struct error **err)
{
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_ROUTE, err) < 0)
		return -1;
	link_delete(&nl, endpoint->host_link);
	if (netlink_send(&nl, err) < 0 && !link_forgive(ENODEV, err))
		return error_wrap(err, "link '%s'", endpoint->host_link);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/net_device.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "oci/spec.h"
#include "sys/netlink.h"

#define ADDRESSES_MAX 64

struct address {
	unsigned char family, prefix;
	unsigned char length; /* of bytes: 4 or 16 */
	unsigned char bytes[16];
};

struct device {
	const char *host, *name; /* here and there */
	uint32_t index; /* here */
	struct address addresses[ADDRESSES_MAX];
	size_t count;
};

struct namespaces {
	int own_fd, theirs_fd;
};

struct sockets {
	struct netlink here, there;
};

/* In the namespace that the socket belongs to. */
static int index_of(const struct netlink *nl, const char *name)
{
	struct ifreq request = { 0 };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(nl->fd, SIOCGIFINDEX, &request) < 0 ? -1 : request.ifr_ifindex;
}

/* What the kernel gave by itself (link-local, by an advertisement) it gives again. */
static int take_address(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *header = netlink_header(h, sizeof(*header));
	const struct rtattr *flags, *local;
	struct device *device = arg;
	struct address *address = &device->addresses[device->count];
	uint32_t all_flags;

	if (!header || header->ifa_index != device->index ||
		header->ifa_scope != RT_SCOPE_UNIVERSE || device->count == ADDRESSES_MAX)
		return 0;
	flags = netlink_find(h, sizeof(*header), IFA_FLAGS);
	if (!netlink_get(flags, &all_flags, sizeof(all_flags)))
		all_flags = header->ifa_flags;
	/* IFA_ADDRESS of a point-to-point device is the other end. */
	local = netlink_find(h, sizeof(*header), IFA_LOCAL);
	if (!local)
		local = netlink_find(h, sizeof(*header), IFA_ADDRESS);
	address->family = header->ifa_family;
	address->prefix = header->ifa_prefixlen;
	address->length = header->ifa_family == AF_INET ? 4 : 16;
	if (all_flags & IFA_F_PERMANENT && netlink_get(local, address->bytes, address->length))
		device->count++;
	return 0;
}

static int look_up(struct netlink *nl, struct device *device, struct error **err)
{
	struct ifaddrmsg *header;
	int index = index_of(nl, device->host);

	if (index < 0)
		return error_sys(err, "look it up on the host");
	device->index = (uint32_t)index;
	header = netlink_begin(
		nl, "list the addresses of a device", RTM_GETADDR, NLM_F_DUMP, sizeof(*header));
	header->ifa_family = AF_UNSPEC;
	return netlink_dump(nl, take_address, device, err);
}

static int move(struct netlink *nl, const struct device *device, int theirs_fd, struct error **err)
{
	struct ifinfomsg *header = netlink_begin(
		nl, "move the device into the container", RTM_NEWLINK, 0, sizeof(*header));

	header->ifi_index = (int)device->index;
	netlink_put_u32(nl, IFLA_NET_NS_FD, (uint32_t)theirs_fd);
	netlink_put_text(nl, IFLA_IFNAME, device->name);
	return netlink_send(nl, err);
}

/* In the container's namespace: moved, it is down, and without addresses. */
static int set_up(struct netlink *nl, const struct device *device, int index, struct error **err)
{
	struct ifinfomsg *link;

	for (size_t i = 0; i < device->count; i++) {
		const struct address *from = &device->addresses[i];
		struct ifaddrmsg *header = netlink_begin(nl, "give the device its address",
			RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));

		header->ifa_family = from->family;
		header->ifa_prefixlen = from->prefix;
		header->ifa_index = (uint32_t)index;
		netlink_put(nl, IFA_LOCAL, from->bytes, from->length);
		netlink_put(nl, IFA_ADDRESS, from->bytes, from->length);
		if (netlink_send(nl, err) < 0)
			return -1;
	}
	link = netlink_begin(nl, "set the device up", RTM_NEWLINK, 0, sizeof(*link));
	link->ifi_index = index;
	link->ifi_flags = link->ifi_change = IFF_UP;
	return netlink_send(nl, err);
}

/* A socket belongs to the namespace that it is made in: there for a moment. */
static int open_there(struct netlink *nl, const struct namespaces *ns, struct error **err)
{
	int result;

	if (setns(ns->theirs_fd, CLONE_NEWNET) < 0)
		return error_sys(err, "enter the container's network namespace");
	result = netlink_open(nl, NETLINK_ROUTE, err);
	if (setns(ns->own_fd, CLONE_NEWNET) < 0)
		abort(); /* with another network than ours nothing we do is right any more */
	return result;
}

static int move_one(
	struct sockets *sockets, struct device *device, int theirs_fd, struct error **err)
{
	int index;

	if (look_up(&sockets->here, device, err) < 0)
		return -1;
	/* The kernel moves it first and then finds that its name is taken. */
	if (index_of(&sockets->there, device->name) > 0)
		return error_new(err, ERROR_CONFLICT, "the container has a device '%s' already",
			device->name);
	if (move(&sockets->here, device, theirs_fd, err) < 0)
		return -1;
	index = index_of(&sockets->there, device->name);
	if (index <= 0)
		return error_new(err, ERROR_INTERNAL, "'%s' did not arrive", device->name);
	return set_up(&sockets->there, device, index, err);
}

static void sockets_done_p_(struct sockets *sockets)
{
	netlink_close(&sockets->here);
	netlink_close(&sockets->there);
}

static int move_all(const struct spec *spec, const struct namespaces *ns, struct error **err)
{
	struct sockets sockets CLEANUP(sockets_done);

	sockets.there.fd = -1;
	sockets.there.large = NULL;
	if (netlink_open(&sockets.here, NETLINK_ROUTE, err) < 0 ||
		open_there(&sockets.there, ns, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->net_device_count; i++) {
		const struct spec_net_device *from = &spec->net_devices[i];
		struct device device = { .host = from->host,
			.name = from->name ? from->name : from->host };

		if (move_one(&sockets, &device, ns->theirs_fd, err) < 0)
			return error_as(err, ERROR_INVALID, "network device '%s'", device.host);
	}
	return 0;
}

int net_devices_move(const struct spec *spec, pid_t pid, struct error **err)
{
	cleanup_close int own_fd = -1, theirs_fd = -1;
	char path[64];

	if (spec->net_device_count == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	theirs_fd = open(path, O_RDONLY | O_CLOEXEC);
	own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (theirs_fd < 0 || own_fd < 0)
		return error_sys(err, "open the network namespaces");
	return move_all(spec, &(struct namespaces){ own_fd, theirs_fd }, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "floor_net.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETH0_INDEX 2 /* given by us, so that nobody has to look it up */
#define GATEWAY 0xac1e0001 /* 172.30.0.1, in namespaces of our own only */
#define ADDRESS 0xac1e0005
#define PREFIX_LENGTH 16

struct batch {
	char data[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t length;
	struct nlmsghdr *message;
	unsigned int count;
};

static void *message_begin(struct batch *batch, uint16_t type, uint16_t flags, size_t size)
{
	batch->message = (struct nlmsghdr *)(void *)(batch->data + batch->length);
	*batch->message = (struct nlmsghdr){ .nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags) };
	batch->count++;
	batch->length += NLMSG_ALIGN(batch->message->nlmsg_len);
	return NLMSG_DATA(batch->message);
}

static void *reserve(struct batch *batch, size_t size)
{
	void *at = batch->data + batch->length;

	batch->length += NLMSG_ALIGN(size);
	batch->message->nlmsg_len += (uint32_t)NLMSG_ALIGN(size);
	return at;
}

static struct rtattr *attribute(struct batch *batch, uint16_t type, const void *data, size_t size)
{
	struct rtattr *attr = reserve(batch, RTA_LENGTH(size));

	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(attr), data, size);
	return attr;
}

static void nest_end(struct batch *batch, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)(batch->data + batch->length - (char *)nest);
}

static void send_batch(int fd, const struct batch *batch)
{
	unsigned int left = batch->count;
	char answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));

	if (send(fd, batch->data, batch->length, 0) < 0)
		err(1, "netlink");
	while (left > 0) {
		ssize_t length = recv(fd, answer, sizeof(answer), 0);
		struct nlmsghdr *head = (struct nlmsghdr *)(void *)answer;

		if (length < 0)
			err(1, "netlink");
		for (; NLMSG_OK(head, (size_t)length); head = NLMSG_NEXT(head, length)) {
			const struct nlmsgerr *result = NLMSG_DATA(head);

			errno = head->nlmsg_type == NLMSG_ERROR ? -result->error : 0;
			if (errno)
				err(1, "netlink answers");
			left--;
		}
	}
}

static int open_netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		err(1, "netlink socket");
	return fd;
}

static void link_up(struct batch *batch, int index)
{
	struct ifinfomsg *info = message_begin(batch, RTM_NEWLINK, 0, sizeof(*info));

	*info = (struct ifinfomsg){ .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
}

static void add_address(struct batch *batch, int index, uint32_t address)
{
	struct ifaddrmsg *info = message_begin(batch, RTM_NEWADDR, NLM_F_CREATE, sizeof(*info));
	uint32_t wire = htonl(address);

	*info = (struct ifaddrmsg){
		.ifa_family = AF_INET, .ifa_prefixlen = PREFIX_LENGTH, .ifa_index = (uint32_t)index
	};
	(void)attribute(batch, IFA_LOCAL, &wire, sizeof(wire));
	(void)attribute(batch, IFA_ADDRESS, &wire, sizeof(wire));
}

static void add_route(struct batch *batch)
{
	struct rtmsg *info = message_begin(batch, RTM_NEWROUTE, NLM_F_CREATE, sizeof(*info));
	uint32_t gateway = htonl(GATEWAY);

	*info = (struct rtmsg){ .rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_type = RTN_UNICAST };
	(void)attribute(batch, RTA_GATEWAY, &gateway, sizeof(gateway));
}

void floor_net_init(struct floor_net *net)
{
	struct batch batch = { .length = 0 };
	struct ifinfomsg *info;
	struct rtattr *link;

	if (unshare(CLONE_NEWNET) < 0)
		err(1, "network namespace");
	net->fd = open_netlink();
	link_up(&batch, 1);
	info = message_begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
	*info = (struct ifinfomsg){ .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	(void)attribute(&batch, IFLA_IFNAME, "floor0", sizeof("floor0"));
	link = attribute(&batch, IFLA_LINKINFO, NULL, 0);
	(void)attribute(&batch, IFLA_INFO_KIND, "bridge", 6);
	nest_end(&batch, link);
	send_batch(net->fd, &batch);
	net->bridge_index = (int)if_nametoindex("floor0");
	batch = (struct batch){ .length = 0 };
	add_address(&batch, net->bridge_index, GATEWAY);
	send_batch(net->fd, &batch);
}

void floor_net_plug(struct floor_net *net, pid_t pid)
{
	static const unsigned char mac[] = { 0x02, 0x42, 0xac, 0x1e, 0x00, 0x05 };
	struct batch batch = { .length = 0 };
	struct ifinfomsg *info;
	struct rtattr *link, *data, *peer;
	uint32_t ns_pid = (uint32_t)pid;
	char name[IFNAMSIZ];

	(void)snprintf(name, sizeof(name), "veth%u", net->count++);
	info = message_begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
	*info = (struct ifinfomsg){ .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	(void)attribute(&batch, IFLA_IFNAME, name, strlen(name) + 1);
	(void)attribute(&batch, IFLA_MASTER, &net->bridge_index, sizeof(net->bridge_index));
	link = attribute(&batch, IFLA_LINKINFO, NULL, 0);
	(void)attribute(&batch, IFLA_INFO_KIND, "veth", 4);
	data = attribute(&batch, IFLA_INFO_DATA, NULL, 0);
	peer = attribute(&batch, VETH_INFO_PEER, NULL, 0);
	info = reserve(&batch, sizeof(*info));
	*info = (struct ifinfomsg){ .ifi_index = ETH0_INDEX };
	(void)attribute(&batch, IFLA_IFNAME, "eth0", sizeof("eth0"));
	(void)attribute(&batch, IFLA_ADDRESS, mac, sizeof(mac));
	(void)attribute(&batch, IFLA_NET_NS_PID, &ns_pid, sizeof(ns_pid));
	nest_end(&batch, peer);
	nest_end(&batch, data);
	nest_end(&batch, link);
	send_batch(net->fd, &batch);
}

void floor_net_configure(bool has_eth0)
{
	struct batch batch = { .length = 0 };
	int fd = open_netlink();

	link_up(&batch, 1);
	if (has_eth0) {
		add_address(&batch, ETH0_INDEX, ADDRESS);
		link_up(&batch, ETH0_INDEX);
		add_route(&batch);
	}
	send_batch(fd, &batch);
	(void)close(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink requests: several messages are put into one batch, sent by one send(2), and each is
 * acknowledged. The kernel's own words (extended ack) become part of the error. See netlink(7),
 * rtnetlink(7).
 */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define NETLINK_BATCH_MAX 16384

struct netlink {
	int fd;
	uint32_t sequence, pending; /* requests sent, acknowledgements outstanding */
	size_t length;
	struct nlmsghdr *current;
	const char *what[64]; /* what each request of the batch does, for errors */
	char batch[NETLINK_BATCH_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER. The socket belongs to the calling process's network
 * namespace. */
int netlink_open(struct netlink *nl, int protocol, struct error **err);
void netlink_close(struct netlink *nl);
/* Begins a request (NLM_F_REQUEST | NLM_F_ACK are added); returns room for header_size zeroed
 * bytes. what is borrowed. */
void *netlink_begin(
	struct netlink *nl, const char *what, uint16_t type, uint16_t flags, size_t header_size);
void netlink_put(struct netlink *nl, uint16_t type, const void *data, size_t length);
void netlink_put_text(struct netlink *nl, uint16_t type, const char *text);
void netlink_put_u32(struct netlink *nl, uint16_t type, uint32_t value);
struct rtattr *netlink_nest(struct netlink *nl, uint16_t type);
void netlink_nest_end(struct netlink *nl, struct rtattr *nest);
/* Room inside the current request that is no attribute (VETH_INFO_PEER's header). */
void *netlink_raw(struct netlink *nl, size_t size);
/* Sends the batch, waits for all acknowledgements; errno of the first that failed is in *err. */
int netlink_send(struct netlink *nl, struct error **err);
/* Sends one dump or get request and calls each() for every answer until it returns non-zero. */
int netlink_dump(struct netlink *nl, int (*each)(const struct nlmsghdr *h, void *arg), void *arg,
	struct error **err);
const struct rtattr *netlink_find(const struct nlmsghdr *h, size_t header_size, uint16_t type);

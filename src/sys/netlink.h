/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink requests: several messages are put into one batch, sent by one send(2), and each is
 * acknowledged. The kernel's own words (extended ack) become part of the error. See netlink(7),
 * rtnetlink(7).
 *
 * The builders cannot fail: what does not fit any more is dropped, and netlink_send() then refuses
 * the whole batch. So callers write requests straight down and look at one result.
 */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct error;

#define NETLINK_BATCH_MAX 16384
#define NETLINK_LARGE_MAX (2UL * 1024 * 1024)
#define NETLINK_REQUESTS_MAX 64
#define NETLINK_HEADER_MAX 64

struct netlink {
	int fd;
	bool overflow; /* something did not fit */
	uint32_t sequence, pending; /* requests sent, acknowledgements outstanding */
	uint32_t count; /* requests in the batch */
	size_t length, capacity;
	struct nlmsghdr *current;
	char *large; /* the batch, when netlink_reserve() made one */
	const char *what[NETLINK_REQUESTS_MAX]; /* what each request of the batch does, for errors
						 */
	char spare[NETLINK_HEADER_MAX] __attribute__((aligned(8))); /* for what does not fit */
	char batch[NETLINK_BATCH_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER. The socket belongs to the calling process's network
 * namespace. After a failure there is nothing to close, and closing is fine. */
int netlink_open(struct netlink *nl, int protocol, struct error **err);
void netlink_close(struct netlink *nl);
/* Room for a batch of bytes (at most NETLINK_LARGE_MAX); only while the batch is empty. */
int netlink_reserve(struct netlink *nl, size_t bytes, struct error **err);
/* Begins a request (NLM_F_REQUEST | NLM_F_ACK are added); returns room for header_size (at most
 * NETLINK_HEADER_MAX) zeroed bytes. what is borrowed. */
void *netlink_begin(
	struct netlink *nl, const char *what, uint16_t type, uint16_t flags, size_t header_size);
/* The current request is never acknowledged: the bounds of an nfnetlink batch. */
void netlink_no_ack(struct netlink *nl);
void netlink_put(struct netlink *nl, uint16_t type, const void *data, size_t length);
void netlink_put_text(struct netlink *nl, uint16_t type, const char *text);
void netlink_put_u32(struct netlink *nl, uint16_t type, uint32_t value);
void netlink_put_be32(struct netlink *nl, uint16_t type, uint32_t value); /* as nfnetlink does */
struct rtattr *netlink_nest(struct netlink *nl, uint16_t type);
void netlink_nest_end(struct netlink *nl, struct rtattr *nest);
/* Room inside the current request that is no attribute (VETH_INFO_PEER's header); at most
 * NETLINK_HEADER_MAX. */
void *netlink_raw(struct netlink *nl, size_t size);
/* Sends the batch, waits for all acknowledgements; errno of the first that failed is in *err. */
int netlink_send(struct netlink *nl, struct error **err);
/* The same for dump and get requests: calls each() for every answer until it returns non-zero. */
int netlink_dump(struct netlink *nl, int (*each)(const struct nlmsghdr *h, void *arg), void *arg,
	struct error **err);

/*
 * Reading. netlink_walk() calls each() for every message that is whole in data, until it returns
 * non-zero; returns what it returned last. Attributes that reach beyond their message or nest end
 * the search. Types compare without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
 */
int netlink_walk(const void *data, size_t length, int (*each)(const struct nlmsghdr *h, void *arg),
	void *arg);
/* The fixed header of a message, or NULL when the message is shorter. */
const void *netlink_header(const struct nlmsghdr *h, size_t header_size);
const struct rtattr *netlink_find(const struct nlmsghdr *h, size_t header_size, uint16_t type);
const struct rtattr *netlink_find_in(const struct rtattr *nest, uint16_t type);
/* False when attr is NULL or too short. */
bool netlink_get(const struct rtattr *attr, void *ret, size_t length);
/* Is attr this text, with or without the NUL? */
bool netlink_is_text(const struct rtattr *attr, const char *text);

static inline void netlink_close_p_(struct netlink *nl)
{
	int saved = errno;

	netlink_close(nl);
	errno = saved;
}
#define cleanup_netlink CLEANUP(netlink_close) /* netlink_open() must be what follows */

/* SPDX-License-Identifier: Apache-2.0 */
#include "network/conntrack.h"

#include <arpa/inet.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "base/error.h"
#include "sys/netlink.h"

#define NEST(type) ((uint16_t)((type) | NLA_F_NESTED))
/* Each costs a walk over the whole table; ranges beyond that are media ports, whose flows are new
 * ones. */
#define FORGET_MAX 32

#ifndef CTA_FILTER
#	define CTA_FILTER 25 /* Linux 5.8 */
#endif
enum { FILTER_ORIG_FLAGS = 1, FILTER_REPLY_FLAGS = 2 }; /* enum ctattr_filter */
#define FILTER_BY_PROTOCOL (1U << 3) /* CTA_FILTER_F_CTA_PROTO_NUM, of the kernel's own header */
#define FILTER_BY_DST_PORT (1U << 5) /* CTA_FILTER_F_CTA_PROTO_DST_PORT */

static void forget(struct netlink *nl, const struct port *port)
{
	const in_port_t host_port = htons(port->host_port);
	const uint8_t protocol = IPPROTO_UDP;
	struct nfgenmsg *header = netlink_begin(nl, "forget UDP flows",
		NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, sizeof(*header));
	struct rtattr *tuple, *part;

	header->nfgen_family = AF_INET;
	tuple = netlink_nest(nl, NEST(CTA_TUPLE_ORIG));
	part = netlink_nest(nl, NEST(CTA_TUPLE_PROTO));
	netlink_put(nl, CTA_PROTO_NUM, &protocol, sizeof(protocol));
	netlink_put(nl, CTA_PROTO_DST_PORT, &host_port, sizeof(host_port));
	netlink_nest_end(nl, part);
	netlink_nest_end(nl, tuple);
	part = netlink_nest(nl, NEST(CTA_FILTER));
	netlink_put_u32(nl, FILTER_ORIG_FLAGS, FILTER_BY_PROTOCOL | FILTER_BY_DST_PORT);
	netlink_put_u32(nl, FILTER_REPLY_FLAGS, 0);
	netlink_nest_end(nl, part);
}

void conntrack_forget(const struct port *ports, size_t count)
{
	cleanup_error struct error *ignored = NULL;
	struct netlink nl = { .fd = -1 };
	size_t n = 0;

	for (size_t i = 0; i < count && n < FORGET_MAX; i++) {
		if (ports[i].protocol != IPPROTO_UDP)
			continue;
		if (n++ == 0 && netlink_open(&nl, NETLINK_NETFILTER, &ignored) < 0)
			return;
		forget(&nl, &ports[i]);
	}
	if (n > 0)
		(void)netlink_send(&nl, &ignored);
	netlink_close(&nl);
}

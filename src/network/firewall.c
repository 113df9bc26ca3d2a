/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory. One table of family ip per bridge, with chains at five hooks:
 *
 * guard (prerouting, before connections are tracked)
 *	route_localnet on the bridge lets answers to 127.0.0.1 come back; it would also let a
 *	container send to the host's own 127.0.0.1 (CVE-2020-8558), so that is dropped here.
 * prerouting (dstnat)
 *	What comes in for an address of this host, and is published, goes to the container. "Of this
 *	host" matters: else traffic that is only routed through here would be taken
 *	(CVE-2025-67499). A port published on 127.0.0.1 is for local processes, which pass output
 *and never here: a neighbour who sends to 127.0.0.1 by our MAC address must not be translated, for
 *	translation comes before the kernel's check for martians. The same for the gateway's
 *address. output (dstnat) The same for processes of this host. input The gateway's address is for
 *containers and this host, not for neighbours. postrouting (srcnat) 127.0.0.1 as a source would not
 *be answered, and a container that reaches a neighbour or itself by a published port must get its
 *answer through us, or it would see it come from a stranger: both get the bridge's address. What
 *leaves elsewhere gets the host's. forward To a container go answers, neighbours, and what was
 *translated; nothing else: an unpublished port is closed for other machines even if they route to
 *our subnet. From a container all may go.
 *
 * Matching is by the bridge's name, not index, so the table may be there before the bridge. Another
 * program's table may still drop what ours accepts (a FORWARD policy of DROP): every table at a
 * hook has its say, and we change only ours; bridge_forward_blocked() tells.
 */
#include "network/firewall.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "network/link.h"

#define PREROUTING "prerouting"
#define OUTPUT "output"
#define POSTROUTING "postrouting"
#define CT_STATE_BIT(state) (1U << ((state) + 1)) /* as nft_ct reads them; bit 0 is invalid */

static const struct nft_chain chains[] = {
	{ "guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW },
	{ PREROUTING, "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
	{ "input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER },
	{ OUTPUT, "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
	{ POSTROUTING, "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
	{ "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
};

#define TYPE2(a, b) ((a) << 6 | (b))
#define TYPE3(a, b, c) (TYPE2(a, b) << 6 | (c))

const struct nft_map firewall_published = { "published", 1, TYPE2(NFT_TYPE_PROTOCOL, NFT_TYPE_PORT),
	sizeof(struct published_key), TYPE2(NFT_TYPE_ADDRESS, NFT_TYPE_PORT),
	sizeof(struct published_value) };
const struct nft_map firewall_published_at = { "published_at", 2,
	TYPE3(NFT_TYPE_PROTOCOL, NFT_TYPE_ADDRESS, NFT_TYPE_PORT), sizeof(struct published_at_key),
	TYPE2(NFT_TYPE_ADDRESS, NFT_TYPE_PORT), sizeof(struct published_value) };

enum link_match { ANY_LINK, BRIDGE, NOT_BRIDGE, ELSEWHERE /* neither the bridge nor lo */ };
enum net_match { ANY_NET, LOOPBACK, GATEWAY, SUBNET };
enum ct_match { ANY_CT, ANSWER, TRANSLATED };
enum action { ACCEPT, DROP, RETURN, MASQUERADE, TO_PUBLISHED, TO_PUBLISHED_AT };

static const struct rule {
	const char *chain;
	enum link_match in, out;
	enum net_match from, to;
	bool to_this_host; /* the destination is an address of this host */
	enum ct_match ct;
	enum action action;
} rules[] = {
	{ "guard", .in = BRIDGE, .to = LOOPBACK, .action = DROP },

	{ PREROUTING, .to = LOOPBACK, .action = RETURN },
	{ PREROUTING, .in = ELSEWHERE, .to = GATEWAY, .action = RETURN },
	{ PREROUTING, .to_this_host = true, .action = TO_PUBLISHED_AT },
	{ PREROUTING, .to_this_host = true, .action = TO_PUBLISHED },

	{ "input", .in = ELSEWHERE, .to = GATEWAY, .action = DROP },

	{ OUTPUT, .to_this_host = true, .action = TO_PUBLISHED_AT },
	{ OUTPUT, .to_this_host = true, .action = TO_PUBLISHED },

	{ POSTROUTING, .out = BRIDGE, .from = LOOPBACK, .action = MASQUERADE },
	{ POSTROUTING, .out = BRIDGE, .from = SUBNET, .ct = TRANSLATED, .action = MASQUERADE },
	{ POSTROUTING, .out = ELSEWHERE, .from = SUBNET, .action = MASQUERADE },

	{ "forward", .out = BRIDGE, .ct = ANSWER, .action = ACCEPT },
	{ "forward", .in = BRIDGE, .out = BRIDGE, .action = ACCEPT },
	{ "forward", .out = BRIDGE, .ct = TRANSLATED, .action = ACCEPT },
	{ "forward", .out = BRIDGE, .action = DROP },
};

static void match_name(
	struct netlink *nl, enum nft_meta_keys key, enum nft_cmp_ops op, const char *link)
{
	char name[IFNAMSIZ] = { 0 };

	memcpy(name, link, strnlen(link, sizeof(name) - 1));
	nft_meta(nl, key, NFT_REG_1);
	nft_compare(nl, op, name, sizeof(name));
}

static void match_link(struct netlink *nl, const struct bridge *bridge, enum nft_meta_keys key,
	enum link_match match)
{
	if (match == ANY_LINK)
		return;
	match_name(nl, key, match == BRIDGE ? NFT_CMP_EQ : NFT_CMP_NEQ, bridge->name);
	if (match == ELSEWHERE)
		match_name(nl, key, NFT_CMP_NEQ, "lo");
}

static void match_net(
	struct netlink *nl, const struct bridge *bridge, size_t offset, enum net_match match)
{
	struct in_addr address = bridge->gateway;
	uint32_t mask = 0xffffffffU;

	if (match == ANY_NET)
		return;
	if (match == LOOPBACK) {
		address.s_addr = htonl(INADDR_LOOPBACK);
		mask = IN_CLASSA_NET;
	} else if (match == SUBNET) {
		mask <<= 32U - bridge->prefix;
	}
	mask = htonl(mask);
	address.s_addr &= mask;
	nft_payload(nl, NFT_PAYLOAD_NETWORK_HEADER, (uint32_t)offset, sizeof(address), NFT_REG_1);
	if (match != GATEWAY)
		nft_mask(nl, mask);
	nft_compare(nl, NFT_CMP_EQ, &address, sizeof(address));
}

static void match_ct(struct netlink *nl, enum ct_match match)
{
	const uint32_t none = 0;

	if (match == ANY_CT)
		return;
	nft_ct(nl, match == ANSWER ? NFT_CT_STATE : NFT_CT_STATUS);
	nft_mask(nl, match == ANSWER ? CT_STATE_BIT(IP_CT_ESTABLISHED) | CT_STATE_BIT(IP_CT_RELATED)
				     : (uint32_t)IPS_DST_NAT);
	nft_compare(nl, NFT_CMP_NEQ, &none, sizeof(none));
}

static void match_local(struct netlink *nl)
{
	const uint32_t local = RTN_LOCAL;

	nft_fib_type(nl);
	nft_compare(nl, NFT_CMP_EQ, &local, sizeof(local));
}

/* The map's key is put together in consecutive registers, and its value comes back in the same. */
static void translate(struct netlink *nl, bool by_address)
{
	uint32_t port_register = by_address ? NFT_REG32_02 : NFT_REG32_01;

	nft_meta(nl, NFT_META_L4PROTO, NFT_REG_1);
	if (by_address)
		nft_payload(nl, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), 4,
			NFT_REG32_01);
	/* The destination port: the same place in TCP, UDP and SCTP. */
	nft_payload(nl, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, port_register);
	nft_lookup(nl, by_address ? firewall_published_at.name : firewall_published.name);
	nft_dnat(nl, NFT_REG_1, NFT_REG32_01);
}

static void act(struct netlink *nl, enum action action)
{
	switch (action) {
	case ACCEPT:
		nft_verdict(nl, NF_ACCEPT);
		break;
	case DROP:
		nft_verdict(nl, NF_DROP);
		break;
	case RETURN:
		nft_verdict(nl, (uint32_t)NFT_RETURN);
		break;
	case MASQUERADE:
		nft_masquerade(nl);
		break;
	case TO_PUBLISHED:
	case TO_PUBLISHED_AT:
		translate(nl, action == TO_PUBLISHED_AT);
		break;
	}
}

static void add_rule(struct netlink *nl, const struct bridge *bridge, const struct rule *rule)
{
	struct nft_rule begun;

	nft_rule_begin(nl, &begun, bridge->table, rule->chain);
	match_link(nl, bridge, NFT_META_IIFNAME, rule->in);
	match_link(nl, bridge, NFT_META_OIFNAME, rule->out);
	match_net(nl, bridge, offsetof(struct iphdr, saddr), rule->from);
	match_net(nl, bridge, offsetof(struct iphdr, daddr), rule->to);
	if (rule->to_this_host)
		match_local(nl);
	match_ct(nl, rule->ct);
	act(nl, rule->action);
	nft_rule_end(nl, &begun);
}

/* Wraps what may go wrong with the firewall as a whole. */
static int failed(const struct bridge *bridge, struct error **err)
{
	switch (error_errno(*err)) {
	case EPERM:
		error_hint(err, "run as root");
		break;
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case ENOENT: /* an expression or chain type without its module */
		error_as(err, ERROR_UNSUPPORTED,
			"this kernel lacks nftables or a part of it (nf_tables, nft_chain_nat, "
			"nft_fib_ipv4, nft_ct, nft_masq)");
		error_hint(err, "load these modules, or use --network host or none");
		break;
	default:
		break;
	}
	return error_wrap(err, "firewall table '%s'", bridge->table);
}

/*
 * What a table was made for stands in its comment, which nft shows: a table of another subnet or of
 * an older vessel is made again. Bytes as nft reads them: type 0, length, text with its NUL.
 */
#define COMMENT_MAX 96

static size_t comment(const struct bridge *bridge, uint8_t ret[static COMMENT_MAX])
{
	char gateway[INET_ADDRSTRLEN];
	int length;

	inet_ntop(AF_INET, &bridge->gateway, gateway, sizeof(gateway));
	length = snprintf((char *)ret + 2, COMMENT_MAX - 2, "vessel, form 1: %s %s/%u",
		bridge->name, gateway, bridge->prefix);
	ret[0] = 0;
	ret[1] = (uint8_t)(length + 1);
	return (size_t)length + 3;
}

struct table_check {
	const struct bridge *bridge;
	bool same;
};

static int check_table(const struct nlmsghdr *h, void *arg)
{
	struct table_check *check = arg;
	const struct rtattr *found = nft_table_comment(h);
	uint8_t wanted[COMMENT_MAX];
	size_t length = comment(check->bridge, wanted);

	/* Linux before 5.10 keeps no comment. */
	check->same = !found || (RTA_PAYLOAD(found) == length &&
					memcmp(RTA_DATA(found), wanted, length) == 0);
	return 1;
}

int firewall_exists(const struct bridge *bridge, struct error **err)
{
	cleanup_netlink struct netlink nl;
	struct table_check check = { .bridge = bridge };

	if (netlink_open(&nl, NETLINK_NETFILTER, err) < 0)
		return failed(bridge, err);
	nft_get_table(&nl, bridge->table);
	if (netlink_dump(&nl, check_table, &check, err) == 0)
		return check.same ? 1 : 0;
	return link_forgive(ENOENT, err) ? 0 : failed(bridge, err);
}

static int make(const struct bridge *bridge, bool replace, struct error **err)
{
	cleanup_netlink struct netlink nl;
	uint8_t text[COMMENT_MAX];
	size_t length = comment(bridge, text);

	if (netlink_open(&nl, NETLINK_NETFILTER, err) < 0)
		return -1;
	nft_batch_begin(&nl);
	if (replace)
		nft_table_delete(&nl, bridge->table);
	nft_table_add(&nl, bridge->table, text, length);
	nft_map_add(&nl, bridge->table, &firewall_published);
	nft_map_add(&nl, bridge->table, &firewall_published_at);
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		nft_chain_add(&nl, bridge->table, &chains[i]);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		add_rule(&nl, bridge, &rules[i]);
	nft_batch_end(&nl);
	return netlink_send(&nl, err);
}

int firewall_make(const struct bridge *bridge, struct error **err)
{
	int exists;

	if (make(bridge, false, err) == 0)
		return 0;
	if (!link_forgive(EEXIST, err))
		return failed(bridge, err);
	/* Another process was faster, and its batch was whole; or it is an old one. */
	exists = firewall_exists(bridge, err);
	if (exists != 0)
		return exists < 0 ? -1 : 0;
	return make(bridge, true, err) < 0 ? failed(bridge, err) : 0;
}

int firewall_remove(const struct bridge *bridge, struct error **err)
{
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_NETFILTER, err) < 0)
		return failed(bridge, err);
	nft_batch_begin(&nl);
	nft_table_delete(&nl, bridge->table);
	nft_batch_end(&nl);
	if (netlink_send(&nl, err) == 0 || link_forgive(ENOENT, err))
		return 0;
	return failed(bridge, err);
}

/* A base chain at the forward hook whose policy is to drop, in a table of ip or inet. */
static int check_chain(const struct nlmsghdr *h, void *arg)
{
	bool *blocked = arg;
	struct nft_chain_info chain;

	*blocked = nft_chain_read(h, &chain) && chain.hook == NF_INET_FORWARD &&
		   chain.policy == NF_DROP &&
		   (chain.family == NFPROTO_IPV4 || chain.family == NFPROTO_INET);
	return *blocked ? 1 : 0;
}

int bridge_forward_blocked(struct error **err)
{
	cleanup_netlink struct netlink nl;
	bool blocked = false;

	if (netlink_open(&nl, NETLINK_NETFILTER, err) < 0)
		return -1;
	nft_list_chains(&nl);
	if (netlink_dump(&nl, check_chain, &blocked, err) < 0)
		return -1;
	return blocked ? 1 : 0;
}

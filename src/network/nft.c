/* SPDX-License-Identifier: Apache-2.0 */
#include "network/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>

#define MESSAGE(type) ((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | (type)))
#define NEST(type) ((uint16_t)((type) | NLA_F_NESTED))

static void begin(struct netlink *nl, const char *what, uint16_t type, uint16_t flags)
{
	struct nfgenmsg *header = netlink_begin(nl, what, type, flags, sizeof(*header));

	header->nfgen_family = NFPROTO_IPV4;
	header->version = NFNETLINK_V0;
}

static void bound(struct netlink *nl, const char *what, uint16_t type)
{
	struct nfgenmsg *header = netlink_begin(nl, what, type, 0, sizeof(*header));

	header->res_id = htons(NFNL_SUBSYS_NFTABLES);
	netlink_no_ack(nl);
}

void nft_batch_begin(struct netlink *nl)
{
	bound(nl, "begin a change of the firewall", NFNL_MSG_BATCH_BEGIN);
}

void nft_batch_end(struct netlink *nl)
{
	bound(nl, "commit a change of the firewall", NFNL_MSG_BATCH_END);
}

void nft_table_add(
	struct netlink *nl, const char *table, const void *userdata, size_t userdata_length)
{
	begin(nl, "add the table", MESSAGE(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_EXCL);
	netlink_put_text(nl, NFTA_TABLE_NAME, table);
	netlink_put(nl, NFTA_TABLE_USERDATA, userdata, userdata_length);
}

void nft_table_delete(struct netlink *nl, const char *table)
{
	begin(nl, "remove the table", MESSAGE(NFT_MSG_DELTABLE), 0);
	netlink_put_text(nl, NFTA_TABLE_NAME, table);
}

void nft_get_table(struct netlink *nl, const char *table)
{
	begin(nl, "look for the table", MESSAGE(NFT_MSG_GETTABLE), 0);
	netlink_put_text(nl, NFTA_TABLE_NAME, table);
}

const struct rtattr *nft_table_comment(const struct nlmsghdr *h)
{
	return netlink_find(h, sizeof(struct nfgenmsg), NFTA_TABLE_USERDATA);
}

void nft_chain_add(struct netlink *nl, const char *table, const struct nft_chain *chain)
{
	struct rtattr *hook;

	begin(nl, "add a firewall chain", MESSAGE(NFT_MSG_NEWCHAIN), NLM_F_CREATE);
	netlink_put_text(nl, NFTA_CHAIN_TABLE, table);
	netlink_put_text(nl, NFTA_CHAIN_NAME, chain->name);
	hook = netlink_nest(nl, NEST(NFTA_CHAIN_HOOK));
	netlink_put_be32(nl, NFTA_HOOK_HOOKNUM, chain->hook);
	netlink_put_be32(nl, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	netlink_nest_end(nl, hook);
	netlink_put_be32(nl, NFTA_CHAIN_POLICY, NF_ACCEPT);
	netlink_put_text(nl, NFTA_CHAIN_TYPE, chain->type);
}

void nft_list_chains(struct netlink *nl)
{
	netlink_begin(nl, "list firewall chains", MESSAGE(NFT_MSG_GETCHAIN), NLM_F_DUMP,
		sizeof(struct nfgenmsg));
}

bool nft_chain_read(const struct nlmsghdr *h, struct nft_chain_info *ret)
{
	const struct nfgenmsg *header = netlink_header(h, sizeof(*header));
	const struct rtattr *hook = netlink_find(h, sizeof(*header), NFTA_CHAIN_HOOK);
	uint32_t hook_be, policy_be;

	if (!header ||
		!netlink_get(netlink_find_in(hook, NFTA_HOOK_HOOKNUM), &hook_be, sizeof(hook_be)) ||
		!netlink_get(netlink_find(h, sizeof(*header), NFTA_CHAIN_POLICY), &policy_be,
			sizeof(policy_be)))
		return false;
	*ret = (struct nft_chain_info){
		.family = header->nfgen_family, .hook = ntohl(hook_be), .policy = ntohl(policy_be)
	};
	return true;
}

void nft_map_add(struct netlink *nl, const char *table, const struct nft_map *map)
{
	begin(nl, "add a firewall map", MESSAGE(NFT_MSG_NEWSET), NLM_F_CREATE);
	netlink_put_text(nl, NFTA_SET_TABLE, table);
	netlink_put_text(nl, NFTA_SET_NAME, map->name);
	netlink_put_be32(nl, NFTA_SET_FLAGS, NFT_SET_MAP);
	netlink_put_be32(nl, NFTA_SET_KEY_TYPE, map->key_type);
	netlink_put_be32(nl, NFTA_SET_KEY_LEN, map->key_size);
	netlink_put_be32(nl, NFTA_SET_DATA_TYPE, map->data_type);
	netlink_put_be32(nl, NFTA_SET_DATA_LEN, map->data_size);
	netlink_put_be32(nl, NFTA_SET_ID, map->id);
}

struct rtattr *nft_elements_begin(
	struct netlink *nl, const char *what, uint16_t message, const char *table, const char *map)
{
	begin(nl, what, MESSAGE(message), message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	netlink_put_text(nl, NFTA_SET_ELEM_LIST_TABLE, table);
	netlink_put_text(nl, NFTA_SET_ELEM_LIST_SET, map);
	return netlink_nest(nl, NEST(NFTA_SET_ELEM_LIST_ELEMENTS));
}

static void put_value(struct netlink *nl, uint16_t type, const void *data, size_t length)
{
	struct rtattr *nest = netlink_nest(nl, NEST(type));

	netlink_put(nl, NFTA_DATA_VALUE, data, length);
	netlink_nest_end(nl, nest);
}

void nft_element(struct netlink *nl, const struct nft_map *map, const void *key, const void *data)
{
	struct rtattr *element = netlink_nest(nl, NEST(NFTA_LIST_ELEM));

	put_value(nl, NFTA_SET_ELEM_KEY, key, map->key_size);
	if (data)
		put_value(nl, NFTA_SET_ELEM_DATA, data, map->data_size);
	netlink_nest_end(nl, element);
}

bool nft_element_read(
	const struct nlmsghdr *h, const struct rtattr **ret_key, const struct rtattr **ret_data)
{
	const struct rtattr *list =
		netlink_find(h, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS);
	const struct rtattr *element = netlink_find_in(list, NFTA_LIST_ELEM);
	const struct rtattr *key =
		netlink_find_in(netlink_find_in(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
	const struct rtattr *data =
		netlink_find_in(netlink_find_in(element, NFTA_SET_ELEM_DATA), NFTA_DATA_VALUE);

	if (!key || !data)
		return false;
	*ret_key = key;
	*ret_data = data;
	return true;
}

void nft_rule_begin(struct netlink *nl, struct nft_rule *rule, const char *table, const char *chain)
{
	begin(nl, "add a firewall rule", MESSAGE(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND);
	netlink_put_text(nl, NFTA_RULE_TABLE, table);
	netlink_put_text(nl, NFTA_RULE_CHAIN, chain);
	rule->expressions = netlink_nest(nl, NEST(NFTA_RULE_EXPRESSIONS));
}

void nft_rule_end(struct netlink *nl, const struct nft_rule *rule)
{
	netlink_nest_end(nl, rule->expressions);
}

struct expression {
	struct rtattr *element, *data;
};

static struct expression open_expression(struct netlink *nl, const char *name)
{
	struct expression e;

	e.element = netlink_nest(nl, NEST(NFTA_LIST_ELEM));
	netlink_put_text(nl, NFTA_EXPR_NAME, name);
	e.data = netlink_nest(nl, NEST(NFTA_EXPR_DATA));
	return e;
}

static void close_expression(struct netlink *nl, struct expression e)
{
	netlink_nest_end(nl, e.data);
	netlink_nest_end(nl, e.element);
}

void nft_meta(struct netlink *nl, enum nft_meta_keys key, uint32_t into)
{
	struct expression e = open_expression(nl, "meta");

	netlink_put_be32(nl, NFTA_META_KEY, key);
	netlink_put_be32(nl, NFTA_META_DREG, into);
	close_expression(nl, e);
}

void nft_payload(struct netlink *nl, enum nft_payload_bases base, uint32_t offset, uint32_t length,
	uint32_t into)
{
	struct expression e = open_expression(nl, "payload");

	netlink_put_be32(nl, NFTA_PAYLOAD_DREG, into);
	netlink_put_be32(nl, NFTA_PAYLOAD_BASE, base);
	netlink_put_be32(nl, NFTA_PAYLOAD_OFFSET, offset);
	netlink_put_be32(nl, NFTA_PAYLOAD_LEN, length);
	close_expression(nl, e);
}

void nft_ct(struct netlink *nl, enum nft_ct_keys key)
{
	struct expression e = open_expression(nl, "ct");

	netlink_put_be32(nl, NFTA_CT_KEY, key);
	netlink_put_be32(nl, NFTA_CT_DREG, NFT_REG_1);
	close_expression(nl, e);
}

void nft_fib_type(struct netlink *nl)
{
	struct expression e = open_expression(nl, "fib");

	netlink_put_be32(nl, NFTA_FIB_DREG, NFT_REG_1);
	netlink_put_be32(nl, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	netlink_put_be32(nl, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	close_expression(nl, e);
}

void nft_mask(struct netlink *nl, uint32_t mask)
{
	struct expression e = open_expression(nl, "bitwise");
	const uint32_t none = 0;

	netlink_put_be32(nl, NFTA_BITWISE_SREG, NFT_REG_1);
	netlink_put_be32(nl, NFTA_BITWISE_DREG, NFT_REG_1);
	netlink_put_be32(nl, NFTA_BITWISE_LEN, sizeof(mask));
	put_value(nl, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(nl, NFTA_BITWISE_XOR, &none, sizeof(none));
	close_expression(nl, e);
}

void nft_compare(struct netlink *nl, enum nft_cmp_ops op, const void *data, size_t length)
{
	struct expression e = open_expression(nl, "cmp");

	netlink_put_be32(nl, NFTA_CMP_SREG, NFT_REG_1);
	netlink_put_be32(nl, NFTA_CMP_OP, op);
	put_value(nl, NFTA_CMP_DATA, data, length);
	close_expression(nl, e);
}

void nft_lookup(struct netlink *nl, const char *map)
{
	struct expression e = open_expression(nl, "lookup");

	netlink_put_text(nl, NFTA_LOOKUP_SET, map);
	netlink_put_be32(nl, NFTA_LOOKUP_SREG, NFT_REG_1);
	netlink_put_be32(nl, NFTA_LOOKUP_DREG, NFT_REG_1);
	close_expression(nl, e);
}

void nft_dnat(struct netlink *nl, uint32_t address_register, uint32_t port_register)
{
	struct expression e = open_expression(nl, "nat");

	netlink_put_be32(nl, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	netlink_put_be32(nl, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	netlink_put_be32(nl, NFTA_NAT_REG_ADDR_MIN, address_register);
	netlink_put_be32(nl, NFTA_NAT_REG_PROTO_MIN, port_register);
	close_expression(nl, e);
}

void nft_masquerade(struct netlink *nl)
{
	close_expression(nl, open_expression(nl, "masq"));
}

void nft_verdict(struct netlink *nl, uint32_t code)
{
	struct expression e = open_expression(nl, "immediate");
	struct rtattr *data, *verdict;

	netlink_put_be32(nl, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nest(nl, NEST(NFTA_IMMEDIATE_DATA));
	verdict = netlink_nest(nl, NEST(NFTA_DATA_VERDICT));
	netlink_put_be32(nl, NFTA_VERDICT_CODE, code);
	netlink_nest_end(nl, verdict);
	netlink_nest_end(nl, data);
	close_expression(nl, e);
}

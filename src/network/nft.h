/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables requests over nfnetlink, as far as our one table needs them: an atomic batch of a
 * table, chains, maps, rules and map elements. Knows the format (linux/netfilter/nf_tables.h) and
 * nothing of what is filtered. No library is loaded for it: adding a published port costs one
 * send(2).
 */
#pragma once

#include <netinet/in.h> /* before linux/netfilter.h, which then leaves its own copy out */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/netlink.h"

/* All of family ip. Requests between begin and end are applied together or not at all. */
void nft_batch_begin(struct netlink *nl);
void nft_batch_end(struct netlink *nl);

/* Fails with EEXIST where there is one. userdata is what nft shows as its comment. */
void nft_table_add(
	struct netlink *nl, const char *table, const void *userdata, size_t userdata_length);
void nft_table_delete(struct netlink *nl, const char *table);
/* Asks for a table, outside of any batch. */
void nft_get_table(struct netlink *nl, const char *table);
/* Of such an answer; NULL when it has none. */
const struct rtattr *nft_table_comment(const struct nlmsghdr *h);

struct nft_chain {
	const char *name, *type; /* "filter", "nat" */
	uint32_t hook; /* NF_INET_* */
	int32_t priority;
};
void nft_chain_add(struct netlink *nl, const char *table, const struct nft_chain *chain);
/* Asks for all chains of all families, outside of any batch. */
void nft_list_chains(struct netlink *nl);
struct nft_chain_info {
	uint8_t family; /* NFPROTO_* */
	uint32_t hook, policy;
};
/* Of such an answer; false when it is no base chain. */
bool nft_chain_read(const struct nlmsghdr *h, struct nft_chain_info *ret);

/* Types as the nft program shows them; concatenated ones are shifted together by 6 bits. */
enum nft_type {
	NFT_TYPE_ADDRESS = 7,
	NFT_TYPE_PROTOCOL = 12,
	NFT_TYPE_PORT = 13,
};
struct nft_map {
	const char *name;
	uint32_t id, key_type, key_size, data_type, data_size;
};
void nft_map_add(struct netlink *nl, const char *table, const struct nft_map *map);

/* Elements: message is NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM or NFT_MSG_GETSETELEM; each as large
 * as the map says. */
struct rtattr *nft_elements_begin(
	struct netlink *nl, const char *what, uint16_t message, const char *table, const char *map);
/* data NULL: none (for removal). */
void nft_element(struct netlink *nl, const struct nft_map *map, const void *key, const void *data);

/* Key and data of the first element of an answer; false when there is none. */
bool nft_element_read(
	const struct nlmsghdr *h, const struct rtattr **ret_key, const struct rtattr **ret_data);

/* Expressions of a rule, in the order in which the kernel runs them. */
struct nft_rule {
	struct rtattr *expressions;
};
void nft_rule_begin(
	struct netlink *nl, struct nft_rule *rule, const char *table, const char *chain);
void nft_rule_end(struct netlink *nl, const struct nft_rule *rule);
void nft_meta(struct netlink *nl, enum nft_meta_keys key, uint32_t into);
void nft_payload(struct netlink *nl, enum nft_payload_bases base, uint32_t offset, uint32_t length,
	uint32_t into);
void nft_ct(struct netlink *nl, enum nft_ct_keys key);
void nft_fib_type(struct netlink *nl); /* of the destination address */
/* Register 1 is masked in place. */
void nft_mask(struct netlink *nl, uint32_t mask);
void nft_compare(struct netlink *nl, enum nft_cmp_ops op, const void *data, size_t length);
/* Key and data in registers from 1 on. */
void nft_lookup(struct netlink *nl, const char *map);
void nft_dnat(struct netlink *nl, uint32_t address_register, uint32_t port_register);
void nft_masquerade(struct netlink *nl);
void nft_verdict(struct netlink *nl, uint32_t code); /* NF_ACCEPT, NF_DROP, NFT_RETURN */

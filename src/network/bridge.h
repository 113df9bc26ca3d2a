/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default bridge: a link that owns the gateway address, an own nftables table for NAT and
 * published ports, and containers on veth pairs. Each vessel (--root) has its own bridge and table.
 * Nobody else's links or rules are touched.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct bridge {
	char name[16]; /* "vessel0", or "vs" and eight hex digits */
	char table[32]; /* "vessel", or "vessel_" and the same digits */
	struct in_addr gateway; /* network byte order, as all addresses here */
	uint8_t prefix; /* of the subnet */
	uint32_t mtu;
};

/* The first pool (172.17.0.0/16, then 172.18…172.31, 192.168.0.0/20 …) that no route or address of
 * this host overlaps; name must be filled in, for what our own bridge has is free for us. */
int bridge_choose_pool(struct bridge *ret_gateway_and_prefix, struct error **err);
/* MTU of the link that has the default route; 1500 without one. */
uint32_t bridge_uplink_mtu(void);
/* Makes link, address, sysctls and table where missing; cheap when all is there. */
int bridge_ensure(const struct bridge *bridge, struct error **err);
/* Takes link and table away; missing ones are fine. */
int bridge_remove(const struct bridge *bridge, struct error **err);
/* 1 when another program's firewall drops forwarded packets by default (as dockerd has it), so that
 * containers may have no network though all is well here; 0 when not. Only nftables is asked. */
int bridge_forward_blocked(struct error **err);

struct endpoint {
	char host_link[16]; /* "veth" and digits of the container's id */
	struct in_addr address;
	uint8_t mac[6];
};
/* MAC 02:42 and the address. */
void endpoint_init(struct endpoint *endpoint, const char *container_id, struct in_addr address);
/* A veth pair between the bridge and eth0 of the process's network namespace, with address and
 * default route, up. The death of the namespace takes it away. Undone when it fails. */
int bridge_plug(const struct bridge *bridge, const struct endpoint *endpoint, pid_t pid,
	struct error **err);
/* Takes the pair away now: slow (10 ms and more), for undoing only. A missing one is fine. */
int endpoint_remove(const struct endpoint *endpoint, struct error **err);

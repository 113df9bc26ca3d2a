/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge's own nftables table: its rules (firewall.c explains each), and its two maps, to which
 * a published port is one element.
 */
#pragma once

#include "network/bridge.h"
#include "network/nft.h"

struct error;

/* 1 the table is there, 0 not. */
int firewall_exists(const struct bridge *bridge, struct error **err);
/* Makes the whole table in one atomic batch; fine when another process just has. */
int firewall_make(const struct bridge *bridge, struct error **err);
int firewall_remove(const struct bridge *bridge, struct error **err);

/* Elements' keys and values, as the kernel lays out concatenations: each part in 4 bytes. */
struct published_key {
	uint8_t protocol, pad[3];
	in_port_t port;
	uint8_t pad_port[2];
};
struct published_at_key {
	uint8_t protocol, pad[3];
	struct in_addr address;
	in_port_t port;
	uint8_t pad_port[2];
};
struct published_value {
	struct in_addr address;
	in_port_t port;
	uint8_t pad_port[2];
};
extern const struct nft_map firewall_published; /* on any address of the host */
extern const struct nft_map firewall_published_at; /* on one */

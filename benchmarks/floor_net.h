/* SPDX-License-Identifier: Apache-2.0 */
/* The network of the floor: a bridge, and a veth pair per container. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct floor_net {
	int fd; /* rtnetlink, where the bridge is */
	int bridge_index;
	unsigned int count;
};

/* Moves us into a network namespace of our own, with a bridge. */
void floor_net_init(struct floor_net *net);
/* A veth on the bridge whose other end is eth0 of pid's namespace: one message. */
void floor_net_plug(struct floor_net *net, pid_t pid);
/* Inside: lo up, and with eth0 its address, up, and the route: one send. */
void floor_net_configure(bool has_eth0);

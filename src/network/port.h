/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports: -p [ip:][host[-end]:]container[-end][/tcp|udp|sctp]. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "network/bridge.h"

struct error;

struct port {
	int protocol; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	struct in_addr host_ip; /* INADDR_ANY: all */
	uint16_t host_port; /* host byte order; 0: choose one */
	uint16_t container_port;
	uint16_t host_port_last; /* not 0: one from host_port to this ("8000-8010:80") */
};

#define PORTS_MAX 4096

/* One -p value makes one or more ports, appended to *ports. */
int port_parse(const char *text, struct port **ports, size_t *count, struct error **err);
/* "tcp", … */
const char *port_protocol_name(int protocol);
/* "80/tcp" */
int port_parse_exposed(const char *text, struct port *ret, struct error **err);
/*
 * Binds a socket to the host's side, so that no other program can take it meanwhile, and fills in a
 * chosen host_port (host_port_last is 0 then). Returns the fd; ERROR_CONFLICT when it is in use.
 * Where the kernel has no SCTP nobody can take such a port, and the fd reserves nothing.
 */
int port_reserve(struct port *port, struct error **err);
/*
 * Elements of the table's maps: all of these in one atomic batch. Who publishes must hold the
 * reservations: an element that is there already was left by somebody who died, and is replaced. So
 * withdraw first, then close the reservations.
 */
int ports_publish(const struct bridge *bridge, struct in_addr address, const struct port *ports,
	size_t count, struct error **err);
int ports_withdraw(const struct bridge *bridge, struct in_addr address, const struct port *ports,
	size_t count, struct error **err);

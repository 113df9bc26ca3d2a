/* SPDX-License-Identifier: Apache-2.0 */
/* The files of /etc that a network gives a container. All texts are the caller's to free. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/strv.h"

struct error;

/*
 * The host's resolv.conf as it is usable from another network namespace: loopback resolvers are
 * left out; where only those are, the ones behind systemd-resolved, else public ones. host_network:
 * as it is.
 */
char *resolver_text(bool host_network);
/* text without the name servers that another (IPv4) network namespace cannot reach; *ret_usable:
 * some are left. */
char *resolver_filter(const char *text, bool *ret_usable);
/* Calls each() for the IPv4 name servers of the host. */
void resolver_each(void (*each)(struct in_addr address, void *arg), void *arg);
#define HOST_GATEWAY "host-gateway" /* Docker's word for the host, as a container reaches it */

/* Whether "name:ip" or "name=ip" is an entry for hosts_text(); the ip may be HOST_GATEWAY. */
int hosts_entry_check(const char *entry, struct error **err);
/* 127.0.0.1 localhost and the IPv6 ones, extra "name:ip" entries, then address and hostname
 * (address NULL: none). */
char *hosts_text(const char *address, const char *hostname, char *const *extra);

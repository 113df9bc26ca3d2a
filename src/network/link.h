/* SPDX-License-Identifier: Apache-2.0 */
/* What this folder asks of links over rtnetlink. */
#pragma once

#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys/netlink.h"

struct error;

/* Begins an RTM_NEWLINK, by index or (0) by an IFLA_IFNAME that follows. */
void link_begin(struct netlink *nl, const char *what, uint16_t flags, int index, bool up);
void link_delete(struct netlink *nl, const char *name);
/* Index of a link in the namespace of that socket; 0 when there is none. */
int link_index(const struct netlink *nl, const char *name);
/* True, with *err gone, when it is this errno. */
bool link_forgive(int number, struct error **err);

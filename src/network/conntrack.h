/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel remembers of UDP flows to published ports. */
#pragma once

#include "network/port.h"

/*
 * Forgets the UDP flows to these ports, so that the next packet is looked at anew. Translation is
 * decided on the first packet of a flow, and a UDP flow ends only when it is silent for a while: a
 * client that goes on sending would never reach a port that is published now, or go on to reach the
 * container that had it before. Best effort (Linux 5.19 and later can do it).
 */
void conntrack_forget(const struct port *ports, size_t count);

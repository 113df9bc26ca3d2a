/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's place on the network: its address in the register, its published ports on the host
 * and in the firewall, its veth. wiring_prepare() before the container is cloned, wiring_plug()
 * while init prepares itself, wiring_withdraw() after its end or to undo. All of it is derived from
 * the register, so it can be undone by a later process too.
 */
#pragma once

#include <sys/types.h>

#include "engine/engine.h"
#include "network/bridge.h"
#include "network/port.h"

struct error;

struct wiring {
	struct bridge bridge;
	struct endpoint endpoint;
	struct port *ports; /* with the host ports that were chosen */
	int *port_fds; /* sockets that hold them; -1 where none is needed */
	size_t port_count;
};

#define WIRING_INIT \
	{ \
		0 \
	}

/* The default bridge of this vessel, its pool chosen once and agreed on by all processes. */
int wiring_bridge(struct engine *engine, struct bridge *ret, struct error **err);
int wiring_prepare(struct engine *engine, const char *id, const struct port *ports,
	size_t port_count, struct wiring *ret, struct error **err);
int wiring_plug(const struct wiring *wiring, pid_t pid, struct error **err);
/* Address and ports of a container go back, by what the register says. Idempotent. */
int wiring_withdraw(struct engine *engine, const char *id, struct error **err);
/* "tcp 0.0.0.0 8080 80" lines of the register; returns the count, *ret is the caller's. */
size_t wiring_parse_ports(const char *text, struct port **ret);
void wiring_done(struct wiring *wiring);

static inline void wiring_done_p_(struct wiring *wiring)
{
	wiring_done(wiring);
}
#define cleanup_wiring CLEANUP(wiring_done)

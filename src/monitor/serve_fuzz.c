/* SPDX-License-Identifier: Apache-2.0 */
/* A client of a monitor: it runs as the engine's user, and must not bring a container down. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "monitor/internal.h"
#include "sys/fuzz_packets.h"
#include "sys/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct monitor m;

/* Nothing is ever run: the container's filter cannot be read, and without it no exec starts. */
static void make_monitor(void)
{
	cleanup_error struct error *err = NULL;

	if (m.loop)
		return;
	m.run_dir_fd = m.container_dir_fd = m.lock_fd = m.listen_fd = -1;
	m.vessel_fd = m.timer_fd = m.stdin_fd = -1;
	m.streams[0].fd = m.streams[1].fd = -1;
	m.init.pid = m.init.pidfd = m.init.sync_fd = m.init.console_fd = -1;
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m.clients[i].fd = m.clients[i].pidfd = m.clients[i].drain_fd = -1;
	spec_init(&m.spec);
	m.spec.seccomp = xstrdup("/nowhere/filter");
	m.loop = loop_new(&err);
	if (!m.loop)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	struct client *client;

	make_monitor();
	m.stdin_claimed = false;
	client = client_add(&m, fuzz_packets(data, size), &err);
	if (!client)
		abort();
	for (int i = 0; client->fd >= 0 && i <= FUZZ_PACKETS_MAX; i++)
		client_receive(client);
	if (client->fd >= 0 || client->pid != 0)
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the root tests of this folder: a "host" that is this test process in a network namespace of
 * its own, and "nodes", processes in others (containers, a neighbour on the LAN). Each node serves
 * TCP and UDP on ports 80 and 81 and answers "NAME ADDRESS", the address it sees the client come
 * from, so a test knows both who answered and how the packet was translated.
 */
#pragma once

#include "network/testbed_node.h"

/* ---- The world ---- */

#define GATEWAY "172.17.0.1"
#define HOST "198.51.100.1" /* of the host, on the LAN */
#define HOST_OTHER "203.0.113.7" /* another of its addresses */
#define NEIGHBOUR "198.51.100.2"
#define C1 "172.17.0.2"
#define C2 "172.17.0.3"

static const struct bridge plain = { .name = "vstest0",
	.table = "vessel_test",
	.gateway.s_addr = 0x010011ac, /* 172.17.0.1; little-endian: checked in setup */
	.prefix = 16,
	.mtu = 1500 };

__attribute__((unused)) static int setup(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	if (geteuid() != 0 || !have_tool("ip") || !have_tool("nft"))
		return 0; /* the tests say so and skip */
	assert_int_equal(plain.gateway.s_addr, inet_addr(GATEWAY));
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	return loopback_up(&err);
}

__attribute__((unused)) static int teardown(void **state)
{
	(void)state;
	nodes_stop();
	return 0;
}

__attribute__((unused)) static void needs_root(void)
{
	if (geteuid() == 0 && have_tool("ip") && have_tool("nft"))
		return;
	print_message("skipped: needs root, ip and nft\n");
	skip();
}

/* In an int expression, so that an assertion is one statement and no branch of the test. */
#define OK(call) \
	({ \
		cleanup_error struct error *err = NULL; \
		must_be_ok((call), #call, &err); \
	})
__attribute__((unused)) static void must_be_ok(int result, const char *call, struct error **err)
{
	if (result < 0)
		fail_msg("%s: %s", call, error_message(*err));
}

__attribute__((unused)) static struct node *container(
	const struct bridge *bridge, const char *name, const char *address)
{
	struct node *node = node_start(name);
	struct endpoint endpoint;

	endpoint_init(&endpoint, name, (struct in_addr){ inet_addr(address) });
	OK(bridge_plug(bridge, &endpoint, node->pid, &err));
	return node;
}

/* The LAN: a neighbour that routes everything through the host, also what it should not. */
__attribute__((unused)) static struct node *neighbour(void)
{
	struct node *node = node_start("neighbour");
	char command[256];

	(void)snprintf(command, sizeof(command),
		"ip link add up0 type veth peer name lan0 netns %d && ip link set up0 up && "
		"ip addr add " HOST "/24 dev up0 && ip addr add " HOST_OTHER "/32 dev up0",
		(int)node->pid);
	must_run(NULL, command);
	must_run(node, "ip addr add " NEIGHBOUR "/24 dev lan0 && ip link set lan0 up && "
		       "ip route add default via " HOST);
	return node;
}

__attribute__((unused)) static struct port *parse_ports(const char *text, size_t *count)
{
	struct port *ports = NULL;

	*count = 0;
	OK(port_parse(text, &ports, count, &err));
	return ports;
}

__attribute__((unused)) static void publish(
	const struct bridge *bridge, const char *address, const char *text)
{
	size_t count;
	cleanup_free struct port *ports = parse_ports(text, &count);

	OK(ports_publish(bridge, (struct in_addr){ inet_addr(address) }, ports, count, &err));
}

__attribute__((unused)) static void withdraw(
	const struct bridge *bridge, const char *address, const char *text)
{
	size_t count;
	cleanup_free struct port *ports = parse_ports(text, &count);

	OK(ports_withdraw(bridge, (struct in_addr){ inet_addr(address) }, ports, count, &err));
}

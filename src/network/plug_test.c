/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network as packets see it. Needs root; everything happens in network namespaces that the test
 * makes, so this host's links, rules and sysctls are out of reach.
 *
 * Cost, against a program that asks the kernel for a veth pair, lo up, address, eth0 up and route
 * by the same netlink batches and nothing else, 200 of each in turn on two shared cores:
 * bridge_plug() 1.2 to 1.3 times its median when opening the namespace and the socket in it is not
 * counted for it, 1.0 to 1.1 times when it is (the rest: IPv6 off, hairpin mode, the forwarding
 * entry). A warm bridge_ensure() takes 10 us alone, 70 us with cold caches; publishing a port 18
 * us. Withdrawing takes 6 to 14 ms: the kernel lets go of a removed element after a grace period of
 * RCU, and close(2) of the socket waits for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/firewall.h"
#include "network/testbed.h"

#define BRIDGED_FILTER "/proc/sys/net/bridge/bridge-nf-call-iptables"

/* ---- Traffic ---- */

static void container_is_plugged_in(void **state)
{
	struct node *c1;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	c1 = container(&plain, "c1", C1);
	must_run(c1, "ip addr show eth0 | grep -q 'inet 172.17.0.2/16 brd 172.17.255.255'");
	must_run(c1, "ip link show eth0 | grep -q '@if.*mtu 1500'");
	must_run(c1, "ip link show eth0 | grep -q 02:42:ac:11:00:02");
	must_run(c1, "ip route | grep -q '^default via 172.17.0.1 dev eth0'");
	must_run(c1, "! ip addr show eth0 | grep inet6");
	must_run(NULL, "ip link show vethc1 | grep -q 'master vstest0'");
	ANSWERS(NULL, C1, 80, "c1 " GATEWAY);
	ANSWERS_UDP(NULL, C1, 80, "c1 " GATEWAY);
}

static void container_reaches_out(void **state)
{
	struct node *c1, *c2;

	(void)state;
	needs_root();
	neighbour();
	OK(bridge_ensure(&plain, &err));
	c1 = container(&plain, "c1", C1);
	c2 = container(&plain, "c2", C2);
	ANSWERS(c1, NEIGHBOUR, 80, "neighbour " HOST); /* masqueraded */
	ANSWERS_UDP(c1, NEIGHBOUR, 81, "neighbour " HOST);
	ANSWERS(c2, C1, 80, "c1 " C2); /* as it is */
	ANSWERS(c1, C1, 80, "c1 " C1);
}

static void published_port(void **state)
{
	struct node *lan, *c1, *c2;

	(void)state;
	needs_root();
	lan = neighbour();
	OK(bridge_ensure(&plain, &err));
	c1 = container(&plain, "c1", C1);
	c2 = container(&plain, "c2", C2);
	REFUSES(lan, HOST, 8080);
	publish(&plain, C1, "8080:80");
	publish(&plain, C1, "8080:81/udp");

	ANSWERS(lan, HOST, 8080, "c1 " NEIGHBOUR); /* the client's own address */
	ANSWERS(lan, HOST_OTHER, 8080, "c1 " NEIGHBOUR);
	ANSWERS_UDP(lan, HOST, 8080, "c1 " NEIGHBOUR);
	ANSWERS(NULL, "127.0.0.1", 8080, "c1 " GATEWAY);
	ANSWERS_UDP(NULL, "127.0.0.1", 8080, "c1 " GATEWAY);
	ANSWERS(NULL, HOST, 8080, "c1 " HOST);
	ANSWERS(NULL, GATEWAY, 8080, "c1 " GATEWAY);
	ANSWERS(c2, HOST, 8080, "c1 " GATEWAY);
	REFUSES(lan, HOST, 81);
	/* Traffic to others is not ours, whatever its port. */
	REFUSES(c2, NEIGHBOUR, 8080);

	withdraw(&plain, C1, "8080:80");
	REFUSES(lan, HOST, 8080);
	REFUSES(NULL, "127.0.0.1", 8080);
	ANSWERS_UDP(lan, HOST, 8080, "c1 " NEIGHBOUR);
	assert_non_null(c1);
}

/* With br_netfilter a packet back to its own bridge port is bridged, without it is routed. */
static void hairpin(void **state)
{
	struct node *c1;

	(void)state;
	needs_root();
	neighbour();
	OK(bridge_ensure(&plain, &err));
	c1 = container(&plain, "c1", C1);
	publish(&plain, C1, "8080:80");
	for (int on = 0; on < 2; on++) {
		if (access(BRIDGED_FILTER, F_OK) == 0)
			must_run(NULL, on ? "echo 1 >" BRIDGED_FILTER : "echo 0 >" BRIDGED_FILTER);
		ANSWERS(c1, HOST, 8080, "c1 " GATEWAY);
		ANSWERS(c1, GATEWAY, 8080, "c1 " GATEWAY);
	}
}

static void unpublished_port_is_closed_to_neighbours(void **state)
{
	struct node *lan;

	(void)state;
	needs_root();
	lan = neighbour();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "c1", C1);
	SILENT(lan, C1, 80);
	publish(&plain, C1, "8080:81");
	SILENT(lan, C1, 80);
	SILENT(lan, C1, 81); /* published is the host's port, not the container's address */
	SILENT(lan, GATEWAY, 8080);
	/* All that kept it out was our table. */
	OK(firewall_remove(&plain, &err));
	ANSWERS(lan, C1, 80, "c1 " NEIGHBOUR);
}

static void port_on_one_address(void **state)
{
	struct node *lan;

	(void)state;
	needs_root();
	lan = neighbour();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "c1", C1);
	container(&plain, "c2", C2);
	publish(&plain, C1, HOST ":8080:80");
	publish(&plain, C2, HOST_OTHER ":8080:80");
	ANSWERS(lan, HOST, 8080, "c1 " NEIGHBOUR);
	ANSWERS(lan, HOST_OTHER, 8080, "c2 " NEIGHBOUR);
	REFUSES(NULL, "127.0.0.1", 8080);
}

static void loopback_port_is_closed_to_neighbours(void **state)
{
	struct node *lan;

	(void)state;
	needs_root();
	lan = neighbour();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "c1", C1);
	publish(&plain, C1, "127.0.0.1:8080:80");
	ANSWERS(NULL, "127.0.0.1", 8080, "c1 " GATEWAY);
	REFUSES(lan, HOST, 8080);
	/* A neighbour may send 127.0.0.1 to our MAC address. */
	must_run(lan, "ip addr flush dev lo && ip route add 127.0.0.1/32 via " HOST " && "
		      "echo 1 >/proc/sys/net/ipv4/conf/lan0/route_localnet");
	SILENT(lan, "127.0.0.1", 8080);
	/* That its packets do come here shows when somebody else translates them. */
	must_run(NULL,
		"nft 'add table ip x; add chain ip x p { type nat hook prerouting priority "
		"-101; }; add rule ip x p ip daddr 127.0.0.1 tcp dport 8080 dnat to " C1 ":80'");
	ANSWERS(lan, "127.0.0.1", 8080, "c1 " NEIGHBOUR);
}

static void loopback_of_the_host_is_closed_to_containers(void **state)
{
	const pid_t test = getpid();
	cleanup_close int fd = -1;
	struct node *c1;
	pid_t server;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	c1 = container(&plain, "c1", C1);
	fd = bound(SOCK_STREAM, INADDR_LOOPBACK, 7777);
	server = fork();
	if (server == 0) {
		die_with(test);
		for (;;)
			answer(fd, true, "host");
	}
	must_run(c1, "ip addr flush dev lo && ip route add 127.0.0.1/32 via " GATEWAY " && "
		     "echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet");
	ANSWERS(NULL, "127.0.0.1", 7777, "host 127.0.0.1");
	SILENT(c1, "127.0.0.1", 7777);
	/* The sysctl that we need would let it through. */
	must_run(NULL, "nft flush chain ip vessel_test guard");
	ANSWERS(c1, "127.0.0.1", 7777, "host " C1);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void two_vessels_side_by_side(void **state)
{
	struct bridge second = { .name = "vstest1", .table = "vessel_test1", .mtu = 1500 };
	struct node *lan, *c1, *c3;

	(void)state;
	needs_root();
	lan = neighbour();
	OK(bridge_ensure(&plain, &err));
	OK(bridge_choose_pool(&second, &err));
	OK(bridge_ensure(&second, &err));
	c1 = container(&plain, "c1", C1);
	c3 = container(&second, "c3", "172.18.0.2");
	publish(&plain, C1, "8080:80");
	publish(&second, "172.18.0.2", "8081:80");
	ANSWERS(lan, HOST, 8080, "c1 " NEIGHBOUR);
	ANSWERS(lan, HOST, 8081, "c3 " NEIGHBOUR);
	ANSWERS(c3, NEIGHBOUR, 80, "neighbour " HOST);
	SILENT(c3, C1, 80); /* neighbours of another network are strangers */
	SILENT(c1, "172.18.0.2", 80);
	ANSWERS(c3, HOST, 8080, "c1 " GATEWAY);
	OK(bridge_remove(&second, &err));
	ANSWERS(lan, HOST, 8080, "c1 " NEIGHBOUR);
	must_run(NULL, "! ip link show vstest1 && nft list table ip vessel_test");
}

/* ---- Again, after others, and when it fails ---- */

static void address_is_given_again_at_once(void **state)
{
	struct node *old;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	old = container(&plain, "old", C1);
	ANSWERS(NULL, C1, 80, "old " GATEWAY);
	/* Its namespace lives on, as one does while the kernel takes it down, and even sends. */
	container(&plain, "new", C1);
	for (int i = 0; i < 10; i++) {
		REACHES(SOCK_STREAM, 1, old, GATEWAY, 80, SILENCE);
		ANSWERS(NULL, C1, 80, "new " GATEWAY);
	}
}

static void link_left_by_the_last_run(void **state)
{
	struct node *c1;
	struct endpoint endpoint;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "same-id", C1);
	c1 = node_start("new");
	endpoint_init(&endpoint, "same-id", (struct in_addr){ inet_addr(C1) });
	OK(bridge_plug(&plain, &endpoint, c1->pid, &err));
	ANSWERS(NULL, C1, 80, "new " GATEWAY);
	OK(endpoint_remove(&endpoint, &err));
	must_run(NULL, "! ip link show vethsame-id");
	OK(endpoint_remove(&endpoint, &err));
}

static void failed_plug_leaves_nothing(void **state)
{
	cleanup_error struct error *failure = NULL, *gone = NULL;
	struct node *c1;
	struct endpoint endpoint;
	struct bridge bad = plain;
	char before[64] = "", after[64] = "";

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	c1 = node_start("c1");
	endpoint_init(&endpoint, "c1", (struct in_addr){ inet_addr(C1) });
	bad.gateway.s_addr = inet_addr("10.0.0.1"); /* not on the link: the default route fails */
	assert_true(readlink("/proc/self/ns/net", before, sizeof(before) - 1) > 0);
	assert_int_equal(bridge_plug(&bad, &endpoint, c1->pid, &failure), -1);
	assert_non_null(strstr(error_message(failure), "add the default route"));
	assert_true(readlink("/proc/self/ns/net", after, sizeof(after) - 1) > 0);
	assert_string_equal(before, after);
	must_run(NULL, "! ip link show vethc1");
	must_run(c1, "! ip link show eth0");
	OK(bridge_plug(&plain, &endpoint, c1->pid, &err));

	OK(bridge_remove(&plain, &err));
	assert_int_equal(bridge_plug(&plain, &endpoint, c1->pid, &gone), -1);
	assert_non_null(strstr(error_message(gone), "bridge 'vstest0' is gone"));
}

static void elements_of_the_dead_and_of_others(void **state)
{
	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "c1", C1);
	container(&plain, "c2", C2);
	publish(&plain, C1, "8080:80");
	/* c1's monitor was killed, c2 got the port. */
	publish(&plain, C2, "8080:80");
	ANSWERS(NULL, "127.0.0.1", 8080, "c2 " GATEWAY);
	/* Now c1 is cleared away: what is c2's stays. */
	withdraw(&plain, C1, "8080:80");
	ANSWERS(NULL, "127.0.0.1", 8080, "c2 " GATEWAY);
	withdraw(&plain, C2, "8080:80");
	withdraw(&plain, C2, "8080:80");
	REFUSES(NULL, "127.0.0.1", 8080);
	OK(firewall_remove(&plain, &err));
	withdraw(&plain, C2, "8080:80"); /* all gone already */
}

/* A client that sends on and on, from one port: the flow began when nobody answered. */
static void udp_flow_follows_the_port(void **state)
{
	struct node *lan;

	(void)state;
	needs_root();
	lan = neighbour();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "c1", C1);
	container(&plain, "c2", C2);
	REFUSES_UDP(lan, HOST, 8080);
	publish(&plain, C1, "8080:80/udp");
	ANSWERS_UDP(lan, HOST, 8080, "c1 " NEIGHBOUR);
	withdraw(&plain, C1, "8080:80/udp");
	REFUSES_UDP(lan, HOST, 8080);
	publish(&plain, C2, "8080:80/udp");
	ANSWERS_UDP(lan, HOST, 8080, "c2 " NEIGHBOUR);
}

static void as_many_ports_as_can_be(void **state)
{
	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	container(&plain, "c1", C1);
	publish(&plain, C1, "20000-24095:20000-24095/udp");
	publish(&plain, C1, "127.0.0.1:30000-34095:30000-34095");
	must_run(NULL, "test $(nft list map ip vessel_test published | grep -o 'udp \\.' | wc -l) "
		       "= 4096");
	must_run(NULL, "nft list map ip vessel_test published_at | grep -q '127.0.0.1 . 34095 : " C1
		       " . 34095'");
	withdraw(&plain, C1, "20000-24095:20000-24095/udp");
	withdraw(&plain, C1, "127.0.0.1:30000-34095:30000-34095");
	must_run(NULL, "! nft list table ip vessel_test | grep elements");
}

static void publishing_without_a_table(void **state)
{
	cleanup_error struct error *err = NULL;
	size_t count;
	cleanup_free struct port *ports = parse_ports("8080:80", &count);

	(void)state;
	needs_root();
	assert_int_equal(
		ports_publish(&plain, (struct in_addr){ inet_addr(C1) }, ports, count, &err), -1);
	assert_non_null(strstr(error_message(err), "firewall table 'vessel_test'"));
	assert_non_null(error_hint_text(err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROOT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROOT_TEST(container_is_plugged_in),
		ROOT_TEST(container_reaches_out),
		ROOT_TEST(published_port),
		ROOT_TEST(hairpin),
		ROOT_TEST(unpublished_port_is_closed_to_neighbours),
		ROOT_TEST(port_on_one_address),
		ROOT_TEST(loopback_port_is_closed_to_neighbours),
		ROOT_TEST(loopback_of_the_host_is_closed_to_containers),
		ROOT_TEST(two_vessels_side_by_side),
		ROOT_TEST(address_is_given_again_at_once),
		ROOT_TEST(link_left_by_the_last_run),
		ROOT_TEST(failed_plug_leaves_nothing),
		ROOT_TEST(elements_of_the_dead_and_of_others),
		ROOT_TEST(udp_flow_follows_the_port),
		ROOT_TEST(as_many_ports_as_can_be),
		ROOT_TEST(publishing_without_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the bridge. Needs root; everything happens in network namespaces
 * that the test makes, so this host's links, rules and sysctls are out of reach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/netfilter/nfnetlink.h>

#include "network/firewall.h"
#include "network/testbed.h"

/* ---- Choosing a subnet ---- */

static const struct {
	const char *why, *command, *gateway;
} pools[] = {
	{ "nothing in the way", "true", "172.17.0.1" },
	{ "docker's bridge, up or not",
		"ip link add d0 type bridge; ip addr add 172.17.0.1/16 dev d0", "172.18.0.1" },
	{ "a route inside of the second", "ip route add blackhole 172.18.7.0/24", "172.19.0.1" },
	{ "a route over the third and more", "ip route add blackhole 172.16.0.0/13", "172.24.0.1" },
	{ "halves of the Internet are a default route by other means",
		"ip route add blackhole 0.0.0.0/1; ip route add blackhole 128.0.0.0/1",
		"172.24.0.1" },
	{ "all of 172.16.0.0/12", "ip route add blackhole 172.24.0.0/13", "192.168.0.1" },
	{ "a home router", "ip addr add 192.168.1.5/24 dev d0", "192.168.16.1" },
	{ "a point-to-point peer counts, not our side alone",
		"ip addr add 10.9.9.9 peer 192.168.17.1 dev d0", "192.168.32.1" },
};

static void pool_avoids_what_is_used(void **state)
{
	struct bridge bridge = { .name = "vstest0" };

	(void)state;
	needs_root();
	for (size_t i = 0; i < sizeof(pools) / sizeof(*pools); i++) {
		print_message("%s\n", pools[i].why);
		must_run(NULL, pools[i].command);
		OK(bridge_choose_pool(&bridge, &err));
		assert_int_equal(bridge.gateway.s_addr, inet_addr(pools[i].gateway));
		assert_int_equal(bridge.prefix,
			pools[i].gateway[0] == '1' && pools[i].gateway[1] == '9' ? 20 : 16);
	}
}

static void pool_of_our_own_bridge_is_free(void **state)
{
	struct bridge own = plain, other = { .name = "vstest1" };

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	own.gateway.s_addr = 0;
	OK(bridge_choose_pool(&own, &err));
	assert_int_equal(own.gateway.s_addr, plain.gateway.s_addr);
	OK(bridge_choose_pool(&other, &err));
	assert_int_equal(other.gateway.s_addr, inet_addr("172.18.0.1"));
}

static void no_pool_is_left(void **state)
{
	cleanup_error struct error *err = NULL;
	struct bridge bridge = { .name = "vstest0" };

	(void)state;
	needs_root();
	must_run(NULL, "ip route add blackhole 172.16.0.0/12 && "
		       "ip route add blackhole 192.168.0.0/16");
	assert_int_equal(bridge_choose_pool(&bridge, &err), -1);
	assert_int_equal(error_kind(err), ERROR_CONFLICT);
	assert_non_null(error_hint_text(err));
	assert_int_equal(bridge.prefix, 0);
}

static void mtu_of_the_uplink(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(bridge_uplink_mtu(), 1500); /* no default route */
	neighbour();
	must_run(NULL, "ip link set up0 mtu 1420 && ip route add default via " NEIGHBOUR);
	assert_int_equal(bridge_uplink_mtu(), 1420);
}

/* ---- Making and removing ---- */

static int count_message(const struct nlmsghdr *h, void *arg)
{
	(void)h;
	++*(int *)arg;
	return 0;
}

static int count_rules(void)
{
	cleanup_error struct error *err = NULL;
	int count = 0;
	cleanup_netlink struct netlink nl;

	if (netlink_open(&nl, NETLINK_NETFILTER, &err) < 0)
		return -1;
	netlink_begin(&nl, "list rules", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP,
		sizeof(struct nfgenmsg));
	return netlink_dump(&nl, count_message, &count, &err) < 0 ? -1 : count;
}

#define CONF4 "/proc/sys/net/ipv4/conf/vstest0/"
#define CONF6 "/proc/sys/net/ipv6/conf/vstest0/"

static void ensure_makes_all_and_remove_takes_all(void **state)
{
	int rules;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	must_run(NULL, "ip -d link show vstest0 | grep -q '<.*UP.*mtu 1500'");
	must_run(NULL, "ip link show vstest0 | grep -q 02:42:ac:11:00:01");
	must_run(NULL, "ip addr show vstest0 | grep -q 'inet 172.17.0.1/16 brd 172.17.255.255'");
	must_run(NULL, "! ip addr show vstest0 | grep inet6");
	must_run(NULL, "grep -q 1 " CONF4 "route_localnet && grep -q 1 " CONF4 "forwarding");
	must_run(NULL, "! test -e " CONF6 " || grep -q 0 " CONF6 "accept_ra");
	must_run(NULL, "! test -e " CONF6 " || grep -q 1 " CONF6 "disable_ipv6");
	must_run(NULL, "nft list table ip vessel_test");
	rules = count_rules();
	assert_true(rules > 10);

	OK(bridge_ensure(&plain, &err));
	assert_int_equal(count_rules(), rules);

	OK(bridge_remove(&plain, &err));
	must_run(NULL, "! ip link show vstest0");
	must_run(NULL, "test -z \"$(nft list tables)\"");
	OK(bridge_remove(&plain, &err));
}

/* Each line breaks something; ensuring again must mend it. */
static const struct {
	const char *breaks, *whole;
} damages[] = {
	{ "ip link set vstest0 down", "ip link show vstest0 | grep -q '<.*UP'" },
	{ "ip addr flush dev vstest0", "ip addr show vstest0 | grep -q 172.17.0.1/16" },
	{ "ip link set vstest0 mtu 1400", "ip link show vstest0 | grep -q 'mtu 1500'" },
	{ "echo 0 >" CONF4 "route_localnet", "grep -q 1 " CONF4 "route_localnet" },
	{ "echo 0 >/proc/sys/net/ipv4/ip_forward", "grep -q 1 /proc/sys/net/ipv4/ip_forward" },
	{ "ip link del vstest0", "ip addr show vstest0 | grep -q 172.17.0.1/16" },
	{ "nft flush ruleset", "nft list table ip vessel_test | grep -q masquerade" },
};

static void ensure_mends(void **state)
{
	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		print_message("%s\n", damages[i].breaks);
		must_run(NULL, damages[i].whole);
		must_run(NULL, damages[i].breaks);
		OK(bridge_ensure(&plain, &err));
		must_run(NULL, damages[i].whole);
	}
}

static void table_of_another_subnet_is_made_again(void **state)
{
	struct bridge moved = plain;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	OK(bridge_remove(&plain, &err));
	moved.gateway.s_addr = inet_addr("172.20.0.1");
	OK(firewall_make(&moved, &err));
	OK(bridge_ensure(&plain, &err));
	must_run(NULL, "! nft list table ip vessel_test | grep 172.20.");
	must_run(NULL, "nft list table ip vessel_test | grep -q 172.17.");
}

static void many_processes_ensure_at_once(void **state)
{
	int status, start[2], rules;
	char byte;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	rules = count_rules();
	OK(bridge_remove(&plain, &err));
	assert_int_equal(pipe2(start, O_CLOEXEC), 0);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct error *err = NULL;

			close(start[1]);
			if (read(start[0], &byte, 1) != 0) /* until all are there */
				_exit(1);
			_exit(bridge_ensure(&plain, &err) < 0);
		}
	}
	close(start[0]);
	close(start[1]);
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_rules(), rules); /* one table, its rules once */
}

static void link_of_that_name_is_no_bridge(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	needs_root();
	must_run(NULL, "ip link add vstest0 type veth peer name other");
	assert_int_equal(bridge_ensure(&plain, &err), -1);
	assert_int_equal(error_kind(err), ERROR_CONFLICT);
	assert_non_null(
		strstr(error_message(err), "bridge 'vstest0': there is a link of that name"));
	must_run(NULL, "ip link show vstest0 | grep -qv 172.17");
}

static void other_firewalls_that_drop_are_seen(void **state)
{
	cleanup_error struct error *failure = NULL;

	(void)state;
	needs_root();
	OK(bridge_ensure(&plain, &err));
	assert_int_equal(bridge_forward_blocked(&failure), 0);
	must_run(NULL, "nft 'add table ip f; add chain ip f FORWARD { type filter hook forward "
		       "priority 0; policy drop; }'");
	assert_int_equal(bridge_forward_blocked(&failure), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROOT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROOT_TEST(pool_avoids_what_is_used),
		ROOT_TEST(pool_of_our_own_bridge_is_free),
		ROOT_TEST(no_pool_is_left),
		ROOT_TEST(mtu_of_the_uplink),
		ROOT_TEST(ensure_makes_all_and_remove_takes_all),
		ROOT_TEST(ensure_mends),
		ROOT_TEST(table_of_another_subnet_is_made_again),
		ROOT_TEST(many_processes_ensure_at_once),
		ROOT_TEST(link_of_that_name_is_no_bridge),
		ROOT_TEST(other_firewalls_that_drop_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

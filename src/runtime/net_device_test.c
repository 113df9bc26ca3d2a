/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that move into a container, from a network namespace that stands for the host's. */
#include "runtime/container_test.h"

#include <linux/if_addr.h>
#include <linux/veth.h>
#include <net/if.h>

#include "sys/netlink.h"

#define IFLA_VETH_PEER 1 /* VETH_INFO_PEER */

static void add_pair(const char *name, const char *peer)
{
	cleanup_netlink struct netlink nl;
	struct rtattr *info, *data, *other;
	struct error *err = NULL;

	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, &err), 0);
	netlink_begin(&nl, "make a pair", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
		sizeof(struct ifinfomsg));
	netlink_put_text(&nl, IFLA_IFNAME, name);
	info = netlink_nest(&nl, IFLA_LINKINFO);
	netlink_put_text(&nl, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&nl, IFLA_INFO_DATA);
	other = netlink_nest(&nl, IFLA_VETH_PEER);
	netlink_raw(&nl, sizeof(struct ifinfomsg));
	netlink_put_text(&nl, IFLA_IFNAME, peer);
	netlink_nest_end(&nl, other);
	netlink_nest_end(&nl, data);
	netlink_nest_end(&nl, info);
	if (netlink_send(&nl, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void add_address(const char *name, int family, const void *bytes, size_t length, int prefix)
{
	cleanup_netlink struct netlink nl;
	struct ifaddrmsg *header;
	struct error *err = NULL;

	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, &err), 0);
	header = netlink_begin(
		&nl, "add an address", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));
	header->ifa_family = (unsigned char)family;
	header->ifa_prefixlen = (unsigned char)prefix;
	header->ifa_index = if_nametoindex(name);
	netlink_put(&nl, IFA_LOCAL, bytes, length);
	netlink_put(&nl, IFA_ADDRESS, bytes, length);
	if (netlink_send(&nl, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void ask_for(struct spec *spec, const char *host, const char *name)
{
	spec->net_devices =
		xrealloc(spec->net_devices, spec->net_device_count + 1, sizeof(*spec->net_devices));
	spec->net_devices[spec->net_device_count++] =
		(struct spec_net_device){ xstrdup(host), xstrdup_null(name) };
}

static void move_two(struct fixture *fixture)
{
	static const unsigned char v4[4] = { 192, 0, 2, 7 };
	static const unsigned char v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 7 };
	struct spec *spec = &fixture->spec;

	add_pair("out0", "peer0");
	add_pair("out1", "peer1");
	add_address("out0", AF_INET, v4, sizeof(v4), 24);
	add_address("out0", AF_INET6, v6, sizeof(v6), 64);
	ask_for(spec, "out0", "lan");
	ask_for(spec, "out1", NULL);
	strv_append(&spec->sysctl, "net/ipv4/conf/lan/forwarding=1");
	expect_output(fixture,
		"ls /sys/class/net | tr '\\n' ' '; busybox ip -o addr show lan scope global | "
		"awk '{ print $4 }' | sort; cat /sys/class/net/lan/flags /sys/class/net/out1/flags;"
		"cat /proc/sys/net/ipv4/conf/lan/forwarding",
		"lan lo out1 192.0.2.7/24\n2001:db8::7/64\n0x1003\n0x1003\n1\n");
	/* They are the container's now, and ended with it; we are where we were. */
	assert_int_equal(if_nametoindex("out0"), 0);
	assert_int_equal(if_nametoindex("lan"), 0);
}

static void refuse_some(struct fixture *fixture)
{
	fixture_script(fixture, "true");
	ask_for(&fixture->spec, "none0", NULL);
	expect_error(fixture, ERROR_INVALID, "network device 'none0'", "one that is not there");
	add_pair("none0", "peer2");
	replace_string(
		&fixture->spec.net_devices[fixture->spec.net_device_count - 1].name, xstrdup("lo"));
	expect_error(fixture, ERROR_INVALID, "network device 'none0'", "a name that is taken");
	/* And it has stayed. */
	assert_int_not_equal(if_nametoindex("none0"), 0);
}

static void in_a_network_of_its_own(struct fixture *fixture, void (*test)(struct fixture *))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			_exit(9);
		test(fixture);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void devices_move_with_their_addresses(void **state)
{
	in_a_network_of_its_own(fixture_of(state), move_two);
}

static void devices_that_cannot_move_are_told(void **state)
{
	in_a_network_of_its_own(fixture_of(state), refuse_some);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(devices_move_with_their_addresses),
		CONTAINER_TEST(devices_that_cannot_move_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

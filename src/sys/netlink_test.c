/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/if_link.h>
#include <net/if.h>

#include "base/error.h"
#include "sys/netlink.h"

/* ---- Reading: bytes of a message with one header word and these attributes ---- */

struct bytes {
	struct nlmsghdr h;
	uint32_t header;
	unsigned char data[64];
};

static struct bytes message(uint32_t length, const void *data, size_t size)
{
	struct bytes m = { .h = { .nlmsg_len = length, .nlmsg_type = NLMSG_MIN_TYPE } };

	memcpy(m.data, data, size);
	return m;
}
#define HEADERS (NLMSG_HDRLEN + 4)

static const struct {
	const char *why;
	uint32_t length; /* of the message */
	unsigned char data[24];
	int found; /* length of attribute 2, -1 when it must not be found */
} searched[] = {
	{ "alone", HEADERS + 8, { 8, 0, 2, 0, 1, 2, 3, 4 }, 4 },
	{ "second, the first padded", HEADERS + 16,
		{ 5, 0, 1, 0, 9, 0, 0, 0, 8, 0, 2, 0, 1, 2, 3, 4 }, 4 },
	{ "nested flag is no part of the type", HEADERS + 4, { 4, 0, 2, 0x80 }, 0 },
	{ "not there", HEADERS + 8, { 8, 0, 1, 0, 1, 2, 3, 4 }, -1 },
	{ "reaches beyond the message", HEADERS + 8, { 9, 0, 2, 0, 1, 2, 3, 4 }, -1 },
	{ "shorter than its own header", HEADERS + 8, { 3, 0, 2, 0, 1, 2, 3, 4 }, -1 },
	{ "length 0 would never end", HEADERS + 8, { 0, 0, 1, 0, 8, 0, 2, 0 }, -1 },
	{ "stands behind the message's end", HEADERS + 8,
		{ 8, 0, 1, 0, 0, 0, 0, 0, 8, 0, 2, 0, 1, 2, 3, 4 }, -1 },
	{ "padding reaches beyond the end", HEADERS + 5, { 5, 0, 1, 0, 7, 8, 0, 2 }, -1 },
	{ "no attributes", HEADERS, { 0 }, -1 },
	{ "shorter than the fixed header", NLMSG_HDRLEN + 2, { 8, 0, 2, 0, 1, 2, 3, 4 }, -1 },
};

static void find_stays_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(searched) / sizeof(*searched); i++) {
		struct bytes m =
			message(searched[i].length, searched[i].data, sizeof(searched[i].data));
		const struct rtattr *attr = netlink_find(&m.h, 4, 2);

		print_message("%s\n", searched[i].why);
		if (searched[i].found < 0)
			assert_null(attr);
		else
			assert_int_equal(RTA_PAYLOAD(attr), searched[i].found);
	}
}

static int count_messages(const struct nlmsghdr *h, void *arg)
{
	(void)h;
	++*(int *)arg;
	return 0;
}

static void walk_ends_at_what_is_cut(void **state)
{
	struct nlmsghdr two[2] = { { .nlmsg_len = NLMSG_HDRLEN }, { .nlmsg_len = NLMSG_HDRLEN } };
	int count = 0;

	(void)state;
	netlink_walk(two, sizeof(two), count_messages, &count);
	assert_int_equal(count, 2);
	count = 0;
	netlink_walk(two, sizeof(two) - 1, count_messages, &count);
	assert_int_equal(count, 1);
	two[0].nlmsg_len = NLMSG_HDRLEN - 1; /* would not move on */
	count = 0;
	netlink_walk(two, sizeof(two), count_messages, &count);
	assert_int_equal(count, 0);
}

static void texts_and_numbers(void **state)
{
	static const unsigned char data[] = { 7, 0, 2, 0, 'a', 'b', 0, 0 };
	struct bytes m = message(HEADERS + 8, data, sizeof(data));
	const struct rtattr *attr = netlink_find(&m.h, 4, 2);
	uint32_t number = 7;

	(void)state;
	assert_true(netlink_is_text(attr, "ab"));
	assert_false(netlink_is_text(attr, "a"));
	assert_false(netlink_is_text(attr, "abc"));
	assert_false(netlink_is_text(NULL, ""));
	assert_false(netlink_get(attr, &number, sizeof(number))); /* three bytes are no u32 */
	assert_int_equal(number, 7);
}

/* ---- Building ---- */

/* As many of these as it takes; nothing is sent, the fd is not used. */
static void overflow_refuses_the_whole_batch(void **state)
{
	static struct netlink nl;
	static const char big[1000];
	cleanup_error struct error *err = NULL;
	struct rtattr *nest;

	(void)state;
	nl = (struct netlink){ .fd = -1, .capacity = NETLINK_BATCH_MAX };
	memset(nl.batch, 0xaa, sizeof(nl.batch));
	netlink_begin(&nl, "fill", RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	for (size_t i = 0; i < 2UL * NETLINK_BATCH_MAX / sizeof(big); i++)
		netlink_put(&nl, 1, big, sizeof(big));
	assert_true(nl.overflow);
	assert_true(nl.length <= NETLINK_BATCH_MAX);
	/* What follows still may be written, to where it does no harm. */
	nest = netlink_nest(&nl, 1);
	memset(netlink_begin(&nl, "more", RTM_NEWLINK, 0, 16), 0xff, 16);
	memset(netlink_raw(&nl, 16), 0xff, 16);
	netlink_nest_end(&nl, nest);
	assert_int_equal(netlink_send(&nl, &err), -1);
	assert_non_null(strstr(error_message(err), "larger than 16384 bytes"));
	assert_int_equal(error_kind(err), ERROR_INVALID);
	/* And the next batch begins anew. */
	assert_false(nl.overflow);
	assert_int_equal(nl.length, 0);
}

static void last_byte_of_the_batch_is_used(void **state)
{
	static struct netlink nl;
	static const char data[NETLINK_BATCH_MAX];
	const size_t most = NETLINK_BATCH_MAX - NLMSG_HDRLEN - RTA_LENGTH(0);

	(void)state;
	nl = (struct netlink){ .fd = -1, .capacity = NETLINK_BATCH_MAX };
	netlink_begin(&nl, "fill", RTM_NEWLINK, 0, 0);
	netlink_put(&nl, 1, data, most);
	assert_false(nl.overflow);
	assert_int_equal(nl.length, NETLINK_BATCH_MAX);
	assert_int_equal(nl.current->nlmsg_len, NETLINK_BATCH_MAX);
	netlink_put(&nl, 1, data, 0);
	assert_true(nl.overflow);

	nl = (struct netlink){ .fd = -1, .capacity = NETLINK_BATCH_MAX };
	netlink_begin(&nl, "fill", RTM_NEWLINK, 0, 0);
	netlink_put(&nl, 1, data, most + 1);
	assert_true(nl.overflow);
}

static void too_many_requests(void **state)
{
	static struct netlink nl;

	(void)state;
	nl = (struct netlink){ .fd = -1, .capacity = NETLINK_BATCH_MAX };
	for (int i = 0; i < NETLINK_REQUESTS_MAX; i++)
		netlink_begin(&nl, "one", RTM_NEWLINK, 0, 0);
	assert_false(nl.overflow);
	netlink_begin(&nl, "too many", RTM_NEWLINK, 0, 0);
	assert_true(nl.overflow);
	assert_int_equal(nl.count, NETLINK_REQUESTS_MAX);
}

static void attribute_longer_than_its_length_field(void **state)
{
	cleanup_error struct error *err = NULL;
	static const char data[70000];
	cleanup_netlink struct netlink nl;
	struct rtattr *nest;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root for a large socket buffer\n");
		skip();
	}
	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, &err), 0);
	assert_int_equal(netlink_reserve(&nl, 200000, &err), 0);
	netlink_begin(&nl, "one", RTM_NEWLINK, 0, 0);
	nest = netlink_nest(&nl, 1);
	netlink_put(&nl, 2, data, 40000);
	netlink_put(&nl, 2, data, 20000);
	netlink_nest_end(&nl, nest);
	assert_false(nl.overflow);
	netlink_put(&nl, 2, data, 30000);
	netlink_nest_end(&nl, nest);
	assert_true(nl.overflow);
	nl.overflow = false;
	netlink_put(&nl, 2, data, sizeof(data));
	assert_true(nl.overflow);
}

/* ---- With the kernel: questions about lo, which need no rights ---- */

static int take_name(const struct nlmsghdr *h, void *arg)
{
	if (netlink_is_text(netlink_find(h, sizeof(struct ifinfomsg), IFLA_IFNAME), "lo"))
		++*(int *)arg;
	return 0;
}

static void get_dump_and_refusal(void **state)
{
	cleanup_error struct error *err = NULL;
	int found = 0;
	cleanup_netlink struct netlink nl;

	(void)state;
	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, &err), 0);
	netlink_begin(&nl, "ask for lo", RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_put_text(&nl, IFLA_IFNAME, "lo");
	assert_int_equal(netlink_dump(&nl, take_name, &found, &err), 0);
	assert_int_equal(found, 1);

	netlink_begin(&nl, "list links", RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	assert_int_equal(netlink_dump(&nl, take_name, &found, &err), 0);
	assert_int_equal(found, 2);

	/* The second of two fails: both are answered, and the error is the second's. */
	netlink_begin(&nl, "ask for lo", RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_put_text(&nl, IFLA_IFNAME, "lo");
	netlink_begin(&nl, "ask for nothing", RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_put_text(&nl, IFLA_IFNAME, "no-such-link");
	assert_int_equal(netlink_dump(&nl, take_name, &found, &err), -1);
	assert_int_equal(found, 3);
	assert_int_equal(error_errno(err), ENODEV);
	assert_string_equal(error_message(err), "ask for nothing: No such device");
	error_free(take_ptr(err));

	/* And the socket is as good as new. */
	netlink_begin(&nl, "ask for lo", RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	netlink_put_text(&nl, IFLA_IFNAME, "lo");
	assert_int_equal(netlink_dump(&nl, take_name, &found, &err), 0);
	assert_int_equal(found, 4);
}

static void kernels_own_words(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_netlink struct netlink nl;
	struct ifaddrmsg *address;

	(void)state;
	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE, &err), 0);
	/* Strictly checked: a dump may not ask by prefix. */
	assert_int_equal(
		setsockopt(nl.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &(int){ 1 }, sizeof(int)),
		0);
	address = netlink_begin(&nl, "list addresses", RTM_GETADDR, NLM_F_DUMP, sizeof(*address));
	address->ifa_prefixlen = 99;
	assert_int_equal(netlink_send(&nl, &err), -1);
	assert_non_null(
		strstr(error_message(err), "list addresses (ipv4: Invalid values in header"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_stays_inside),
		cmocka_unit_test(walk_ends_at_what_is_cut),
		cmocka_unit_test(texts_and_numbers),
		cmocka_unit_test(overflow_refuses_the_whole_batch),
		cmocka_unit_test(last_byte_of_the_batch_is_used),
		cmocka_unit_test(too_many_requests),
		cmocka_unit_test(attribute_longer_than_its_length_field),
		cmocka_unit_test(get_dump_and_refusal),
		cmocka_unit_test(kernels_own_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/error.h"
#include "network/port.h"

#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP
#define SCTP IPPROTO_SCTP

static const struct {
	const char *why, *text;
	size_t count;
	int protocol;
	const char *ip;
	uint16_t host, host_last, container; /* of the first */
} accepted[] = {
	{ "container port alone: any host port", "80", 1, TCP, "0.0.0.0", 0, 0, 80 },
	{ "the lesson's", "8080:80", 1, TCP, "0.0.0.0", 8080, 0, 80 },
	{ "udp", "53:53/udp", 1, UDP, "0.0.0.0", 53, 0, 53 },
	{ "sctp", "9000:9000/sctp", 1, SCTP, "0.0.0.0", 9000, 0, 9000 },
	{ "upper case protocol, as docker takes it", "1:2/TCP", 1, TCP, "0.0.0.0", 1, 0, 2 },
	{ "one address", "127.0.0.1:8080:80", 1, TCP, "127.0.0.1", 8080, 0, 80 },
	{ "one address, any host port", "127.0.0.1::80", 1, TCP, "127.0.0.1", 0, 0, 80 },
	{ "empty host port", ":80", 1, TCP, "0.0.0.0", 0, 0, 80 },
	{ "host port 0 is any", "0:80", 1, TCP, "0.0.0.0", 0, 0, 80 },
	{ "equal ranges", "7000-7002:8000-8002", 3, TCP, "0.0.0.0", 7000, 0, 8000 },
	{ "container range, any host ports", "8000-8002", 3, TCP, "0.0.0.0", 0, 0, 8000 },
	{ "one of a host range", "8000-8010:80", 1, TCP, "0.0.0.0", 8000, 8010, 80 },
	{ "range of one is a port", "80-80:81-81", 1, TCP, "0.0.0.0", 80, 0, 81 },
	{ "highest", "65535:65535", 1, TCP, "0.0.0.0", 65535, 0, 65535 },
	{ "as many as can be", "1-4096:1-4096", PORTS_MAX, TCP, "0.0.0.0", 1, 0, 1 },
};

static const struct {
	const char *why, *text, *says;
	enum error_kind kind;
} rejected[] = {
	{ "empty", "", "no port specified", ERROR_INVALID },
	{ "no container port", "8080:", "no port specified", ERROR_INVALID },
	{ "no port, only a protocol", "/tcp", "no port specified", ERROR_INVALID },
	{ "word", "http", "invalid containerPort: http", ERROR_INVALID },
	{ "word as host port", "http:80", "invalid hostPort: http", ERROR_INVALID },
	{ "container port 0", "8080:0", "invalid containerPort: 0", ERROR_INVALID },
	{ "over 16 bits", "80:65536", "invalid containerPort: 65536", ERROR_INVALID },
	{ "host over 16 bits", "99999:80", "invalid hostPort: 99999", ERROR_INVALID },
	{ "wraps in 32 bits", "4294967376", "invalid containerPort: 4294967376", ERROR_INVALID },
	{ "sign", "+80:80", "invalid hostPort: +80", ERROR_INVALID },
	{ "minus is a range without a start", "-80", "invalid containerPort: -80", ERROR_INVALID },
	{ "blank", "8080: 80", "invalid containerPort:  80", ERROR_INVALID },
	{ "range without an end", "80-:80", "invalid hostPort: 80-", ERROR_INVALID },
	{ "range backwards", "81-80", "invalid containerPort: 81-80", ERROR_INVALID },
	{ "two dashes", "1-2-3", "invalid containerPort: 1-2-3", ERROR_INVALID },
	{ "host range from 0", "0-5:0-5", "invalid containerPort: 0-5", ERROR_INVALID },
	{ "host range from 0 alone", "0-5:1-6", "invalid hostPort: 0-5", ERROR_INVALID },
	{ "ranges differ", "8000-8002:80-81",
		"invalid ranges specified for container and host ports: 80-81 and 8000-8002",
		ERROR_INVALID },
	{ "one host port for a range", "8000:80-81", "invalid ranges", ERROR_INVALID },
	{ "protocol", "80/icmp", "invalid proto: icmp", ERROR_INVALID },
	{ "two protocols", "80/tcp/udp", "invalid proto: tcp/udp", ERROR_INVALID },
	{ "no protocol after the slash", "80/", "invalid proto: ", ERROR_INVALID },
	{ "name as address", "localhost:80:80", "invalid IP address: localhost", ERROR_INVALID },
	{ "short address", "127.1:80:80", "invalid IP address: 127.1", ERROR_INVALID },
	{ "octet too large", "1.2.3.400:80:80", "invalid IP address: 1.2.3.400", ERROR_INVALID },
	{ "brackets make no IPv4", "[1.2.3.4]:80:80", "invalid IP address: [1.2.3.4]",
		ERROR_INVALID },
	{ "IPv6", "[::1]:80:80", "the IPv6 address ::1", ERROR_UNSUPPORTED },
	{ "IPv6 without brackets", "::1:80:80", "the IPv6 address ::1", ERROR_UNSUPPORTED },
	{ "address longer than any",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80:80",
		"invalid IP address: [0000", ERROR_INVALID },
	{ "one more than can be", "1-4097:1-4097", "more than 4096", ERROR_INVALID },
};

static void parse_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free struct port *ports = NULL;
		char ip[INET_ADDRSTRLEN];
		size_t count = 0;

		if (port_parse(accepted[i].text, &ports, &count, &err) < 0)
			fail_msg("%s: %s", accepted[i].why, error_message(err));
		print_message("%s\n", accepted[i].why);
		assert_int_equal(count, accepted[i].count);
		assert_int_equal(ports[0].protocol, accepted[i].protocol);
		assert_int_equal(ports[0].host_port, accepted[i].host);
		assert_int_equal(ports[0].host_port_last, accepted[i].host_last);
		assert_int_equal(ports[0].container_port, accepted[i].container);
		inet_ntop(AF_INET, &ports[0].host_ip, ip, sizeof(ip));
		assert_string_equal(ip, accepted[i].ip);
	}
}

static void parse_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rejected) / sizeof(*rejected); i++) {
		cleanup_error struct error *err = NULL;
		struct port *ports = NULL;
		size_t count = 0;

		if (port_parse(rejected[i].text, &ports, &count, &err) == 0)
			fail_msg("accepted: %s", rejected[i].why);
		if (!strstr(error_message(err), rejected[i].says))
			fail_msg("%s: %s", rejected[i].why, error_message(err));
		assert_int_equal(error_kind(err), rejected[i].kind);
		assert_int_equal(count, 0);
		assert_null(ports);
	}
}

static void ranges_pair_up_and_append(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free struct port *ports = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(port_parse("80", &ports, &count, &err), 0);
	assert_int_equal(port_parse("10.0.0.1:7000-7002:8000-8002/udp", &ports, &count, &err), 0);
	assert_int_equal(count, 4);
	assert_int_equal(ports[3].host_port, 7002);
	assert_int_equal(ports[3].container_port, 8002);
	assert_int_equal(ports[3].protocol, UDP);
	assert_int_equal(ports[0].container_port, 80);
	/* The ceiling is on all of them together, and a refusal leaves them as they were. */
	assert_int_equal(port_parse("1-4093:1-4093", &ports, &count, &err), -1);
	assert_int_equal(count, 4);
}

static void exposed_ports(void **state)
{
	cleanup_error struct error *err = NULL;
	struct port port;

	(void)state;
	assert_int_equal(port_parse_exposed("80/tcp", &port, &err), 0);
	assert_int_equal(port.container_port, 80);
	assert_int_equal(port_parse_exposed("53/udp", &port, &err), 0);
	assert_int_equal(port.protocol, UDP);
	assert_string_equal(port_protocol_name(port.protocol), "udp");
	assert_int_equal(port_parse_exposed("8080:80/tcp", &port, &err), -1);
	assert_non_null(strstr(error_message(err), "invalid containerPort: 8080:80"));
	assert_int_equal(port.container_port, 53);
}

static struct port local_port(int protocol, uint16_t host_port)
{
	return (struct port){ .protocol = protocol,
		.host_ip.s_addr = htonl(INADDR_LOOPBACK),
		.host_port = host_port };
}

static void reserved_port_is_in_use_for_others(void **state)
{
	static const int kinds[] = { TCP, UDP };
	char says[96];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		cleanup_error struct error *err = NULL;
		struct port first = local_port(kinds[i], 0);
		cleanup_close int fd = port_reserve(&first, &err), again = -1;
		struct port second = local_port(kinds[i], first.host_port);

		assert_true(fd >= 0);
		assert_int_not_equal(first.host_port, 0);
		assert_int_equal(port_reserve(&second, &err), -1);
		assert_int_equal(error_kind(err), ERROR_CONFLICT);
		(void)snprintf(says, sizeof(says),
			"Bind for 127.0.0.1:%u failed: port is already allocated", first.host_port);
		assert_string_equal(error_message(err), says);
		assert_non_null(strstr(error_hint_text(err), "ss "));
		error_free(take_ptr(err));

		/* All addresses include this one. */
		second.host_ip.s_addr = INADDR_ANY;
		assert_int_equal(port_reserve(&second, &err), -1);
		error_free(take_ptr(err));

		close_fd(take_fd(&fd));
		again = port_reserve(&second, &err);
		assert_true(again >= 0);
	}
}

static void first_free_of_a_range(void **state)
{
	cleanup_error struct error *err = NULL;
	struct port taken = local_port(TCP, 0), wanted;
	cleanup_close int fd = port_reserve(&taken, &err), second = -1;

	(void)state;
	assert_true(fd >= 0);
	wanted = local_port(TCP, taken.host_port);
	wanted.host_port_last = (uint16_t)(taken.host_port + 20);
	second = port_reserve(&wanted, &err);
	assert_true(second >= 0);
	assert_in_range(wanted.host_port, taken.host_port + 1, taken.host_port + 20);
	assert_int_equal(wanted.host_port_last, 0);
}

static void address_of_another_host(void **state)
{
	cleanup_error struct error *err = NULL;
	struct port port = {
		.protocol = TCP, .host_ip.s_addr = htonl(0xcb007109U), .host_port = 1024
	};

	(void)state;
	assert_int_equal(port_reserve(&port, &err), -1);
	assert_int_equal(error_kind(err), ERROR_INVALID);
	assert_non_null(strstr(error_message(err), "Bind for 203.0.113.9:1024 failed"));
	assert_non_null(strstr(error_hint_text(err), "no address of this host"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_accepts),
		cmocka_unit_test(parse_rejects),
		cmocka_unit_test(ranges_pair_up_and_append),
		cmocka_unit_test(exposed_ports),
		cmocka_unit_test(reserved_port_is_in_use_for_others),
		cmocka_unit_test(first_free_of_a_range),
		cmocka_unit_test(address_of_another_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

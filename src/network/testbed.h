/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the root tests of this folder: a "host" that is this test process in a network namespace of
 * its own, and "nodes", processes in others (containers, a neighbour on the LAN). Each node serves
 * TCP and UDP on ports 80 and 81 and answers "NAME ADDRESS", the address it sees the client come
 * from, so a test knows both who answered and how the packet was translated.
 */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "network/bridge.h"
#include "network/port.h"

#define TEXT_MAX 128
#define NODES_MAX 8
#define UDP_FROM 5353 /* always the same: for the kernel one flow, of a client that goes on */
#define UDP_FROM 5353 /* always the same: one flow for the kernel, as of a client that goes on */
#define ANSWER_MS 3000 /* a slow machine */
#define SILENCE_MS \
	400 /* enough to be sure only because each such path is shown to work as well \
	     */

struct request {
	char op; /* 'c' connect, 's' shell */
	int type, port, timeout_ms;
	int from; /* source port, 0: any */
	char text[256]; /* address, or command */
};

struct node {
	pid_t pid;
	int fd;
};

static struct node nodes[NODES_MAX];
static size_t node_count;

__attribute__((unused)) static int shell(const char *command)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null_fd, 1);
		dup2(null_fd, 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

__attribute__((unused)) static bool have_tool(const char *name)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "command -v %s", name);
	return shell(command) == 0;
}

/* ---- A server ---- */

__attribute__((unused)) static int bound(int type, uint32_t address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(address) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 16) < 0))
		_exit(3);
	return fd;
}

__attribute__((unused)) static void answer(int fd, bool stream, const char *name)
{
	struct sockaddr_in peer = { 0 };
	socklen_t length = sizeof(peer);
	char text[TEXT_MAX], ip[INET_ADDRSTRLEN];
	int client = fd;

	if (stream)
		client = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
	else if (recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&peer, &length) < 0)
		return;
	(void)snprintf(text, sizeof(text), "%s %s", name,
		inet_ntop(AF_INET, &peer.sin_addr, ip, sizeof(ip)));
	(void)sendto(client, text, strlen(text), MSG_NOSIGNAL,
		stream ? NULL : (struct sockaddr *)&peer, stream ? 0 : length);
	if (stream)
		close(client);
}

#define SERVED 4

/* Before the node says that it is ready, so that nobody knocks too early. */
__attribute__((unused)) static void listen_all(struct pollfd fds[static SERVED])
{
	for (int i = 0; i < SERVED; i++)
		fds[i] = (struct pollfd){ .fd = bound(i < 2 ? SOCK_STREAM : SOCK_DGRAM, INADDR_ANY,
						  80 + i % 2),
			.events = POLLIN };
}

__attribute__((unused)) static void __attribute__((noreturn))
serve(struct pollfd fds[static SERVED], const char *name)
{
	while (poll(fds, SERVED, -1) > 0)
		for (int i = 0; i < SERVED; i++)
			if (fds[i].revents)
				answer(fds[i].fd, i < 2, name);
	_exit(0);
}

/* ---- A client ---- */

__attribute__((unused)) static int dial(int fd, const struct request *request)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)request->port) };
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int error = 0;
	struct sockaddr_in from = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)request->from) };

	if (inet_pton(AF_INET, request->text, &to.sin_addr) != 1)
		return EINVAL;
	if (request->from != 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return errno;
	if (poll(&ready, 1, request->timeout_ms) == 0)
		return ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
	if (error == 0 && request->type == SOCK_DGRAM)
		return send(fd, "?", 1, 0) < 0 ? errno : 0;
	return error;
}

/* ret: what the server answered, or the name of an errno. */
__attribute__((unused)) static void do_connect(
	const struct request *request, char ret[static TEXT_MAX])
{
	cleanup_close int fd = socket(AF_INET, request->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int error = dial(fd, request);
	ssize_t length = -1;

	if (error == 0 && poll(&ready, 1, request->timeout_ms) == 0)
		error = ETIMEDOUT;
	if (error == 0) {
		length = recv(fd, ret, TEXT_MAX - 1, 0);
		error = length < 0 ? errno : 0;
	}
	if (length >= 0)
		ret[length] = '\0';
	else
		(void)snprintf(ret, TEXT_MAX, "%s", strerrorname_np(error));
}

/* ---- Nodes ---- */

__attribute__((unused)) static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it was faster */
		_exit(0);
}

__attribute__((unused)) static void __attribute__((noreturn))
node_main(int fd, const char *name, pid_t test)
{
	const pid_t node = getpid();
	struct pollfd fds[SERVED];
	cleanup_error struct error *err = NULL;
	struct request request;
	char text[TEXT_MAX];

	die_with(test);
	if (unshare(CLONE_NEWNET) < 0 || loopback_up(&err) < 0)
		_exit(2);
	listen_all(fds);
	if (fork() == 0) {
		die_with(node);
		serve(fds, name);
	}
	(void)send(fd, "", 1, 0);
	while (recv(fd, &request, sizeof(request), 0) == sizeof(request)) {
		if (request.op == 'c')
			do_connect(&request, text);
		else
			(void)snprintf(text, sizeof(text), "%d", shell(request.text));
		(void)send(fd, text, sizeof(text), 0);
	}
	_exit(0);
}

__attribute__((unused)) static struct node *node_start(const char *name)
{
	struct node *node = &nodes[node_count++];
	const pid_t test = getpid();
	int pair[2];
	char ready;

	assert_true(node_count <= NODES_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	node->fd = pair[0];
	node->pid = fork();
	if (node->pid == 0)
		node_main(pair[1], name, test);
	close(pair[1]);
	assert_int_equal(recv(node->fd, &ready, 1, 0), 1);
	return node;
}

__attribute__((unused)) static void nodes_stop(void)
{
	for (size_t i = 0; i < node_count; i++) {
		kill(nodes[i].pid, SIGKILL); /* its server dies with it */
		waitpid(nodes[i].pid, NULL, 0);
		close(nodes[i].fd);
	}
	node_count = 0;
}

/* node NULL: the host. The text is valid until the next call. */
__attribute__((unused)) static const char *reach_within(
	struct node *node, int type, const char *address, int port, int timeout_ms)
{
	static char text[TEXT_MAX];
	struct request request = { .op = 'c',
		.type = type,
		.port = port,
		.timeout_ms = timeout_ms,
		.from = type == SOCK_DGRAM ? UDP_FROM : 0 };

	(void)snprintf(request.text, sizeof(request.text), "%s", address);
	if (!node) {
		do_connect(&request, text);
	} else {
		assert_int_equal(send(node->fd, &request, sizeof(request), 0), sizeof(request));
		assert_int_equal(recv(node->fd, text, sizeof(text), 0), sizeof(text));
	}
	return text;
}

__attribute__((unused)) static void must_run(struct node *node, const char *command)
{
	struct request request = { .op = 's' };
	char text[TEXT_MAX];

	(void)snprintf(request.text, sizeof(request.text), "%s", command);
	if (!node) {
		(void)snprintf(text, sizeof(text), "%d", shell(command));
	} else {
		assert_int_equal(send(node->fd, &request, sizeof(request), 0), sizeof(request));
		assert_int_equal(recv(node->fd, text, sizeof(text), 0), sizeof(text));
	}
	if (strcmp(text, "0") != 0)
		fail_msg("exit code %s: %s", text, command);
}

#define REACHES(type, ms, node, address, port, wanted) \
	assert_string_equal(reach_within(node, type, address, port, ms), wanted)
#define ANSWERS(node, address, port, wanted) \
	REACHES(SOCK_STREAM, ANSWER_MS, node, address, port, wanted)
#define ANSWERS_UDP(node, address, port, wanted) \
	REACHES(SOCK_DGRAM, ANSWER_MS, node, address, port, wanted)
#define REFUSES(node, address, port) ANSWERS(node, address, port, "ECONNREFUSED")
#define REFUSES_UDP(node, address, port) ANSWERS_UDP(node, address, port, "ECONNREFUSED")
#define SILENT(node, address, port) REACHES(SOCK_STREAM, SILENCE_MS, node, address, port, SILENCE)
#define SILENCE "ETIMEDOUT"

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

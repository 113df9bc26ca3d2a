/* SPDX-License-Identifier: Apache-2.0 */
/* Of the tests: a server and a client for a node of the test's world, over TCP and UDP. */
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
#include "sys/loopback.h"

#define TEXT_MAX 128
#define NODES_MAX 8
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

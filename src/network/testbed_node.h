/* SPDX-License-Identifier: Apache-2.0 */
/* Of the tests: nodes, processes in network namespaces of their own that do what they are told. */
#pragma once

#include "network/testbed_talk.h"

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

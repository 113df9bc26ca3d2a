/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry can do to us, played by a small server on loopback: it answers the n-th request
 * with the n-th of the test's answers, whatever was asked, and keeps what was asked. A connection
 * that begins with a TLS handshake is closed at once, so the client falls back to plain http.
 */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#define ANSWERS_MAX 8
#define REQUEST_MAX 16384
#define CLOSE "Connection: close\r\n"

struct server {
	int listen_fd, log_fd, port;
	pid_t pid;
	char *answers[ANSWERS_MAX]; /* NULL ends them */
	size_t filler; /* bytes to send after the last answer */
};

static inline void serve_one(struct server *server, int fd, size_t *next)
{
	char request[REQUEST_MAX + 1], zeroes[4096] = { 0 };
	size_t length = 0;
	ssize_t n = recv(fd, request, 1, MSG_PEEK);
	cleanup_error struct error *err = NULL;

	if (n != 1 || request[0] == 0x16)
		return;
	do {
		n = read(fd, request + length, REQUEST_MAX - length);
		length += n > 0 ? (size_t)n : 0;
		request[length] = '\0';
	} while (n > 0 && !strstr(request, "\r\n\r\n"));
	(void)file_write_all(server->log_fd, request, length, "log", &err);
	if (*next >= ANSWERS_MAX || !server->answers[*next])
		return;
	(void)file_write_all(
		fd, server->answers[*next], strlen(server->answers[*next]), "answer", &err);
	++*next;
	for (size_t left = server->answers[*next] ? 0 : server->filler; left > 0 && !err;) {
		size_t part = left < sizeof(zeroes) ? left : sizeof(zeroes);

		(void)file_write_all(fd, zeroes, part, "filler", &err);
		left -= part;
	}
	(void)shutdown(fd, SHUT_WR);
	while (read(fd, request, REQUEST_MAX) > 0)
		; /* or unread bytes would make of this end a reset, which eats the answer */
}

static inline void server_init(struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(address);

	*server = (struct server){ .pid = -1 };
	server->log_fd = memfd_create("log", MFD_CLOEXEC);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->log_fd >= 0 && server->listen_fd >= 0);
	assert_int_equal(bind(server->listen_fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(server->listen_fd, 16), 0);
	assert_int_equal(getsockname(server->listen_fd, (struct sockaddr *)&address, &length), 0);
	server->port = ntohs(address.sin_port);
}

static inline void server_start(struct server *server)
{
	size_t next = 0;

	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid > 0)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a failed test does not stop it */
	for (;;) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			_exit(1);
		serve_one(server, fd, &next);
		close(fd);
	}
}

/* Ends it; what it was asked is the caller's to free. */
static inline char *server_stop(struct server *server)
{
	cleanup_error struct error *err = NULL;
	char *log = NULL;

	if (server->pid > 0) {
		(void)kill(server->pid, SIGKILL);
		(void)waitpid(server->pid, NULL, 0);
	}
	(void)lseek(server->log_fd, 0, SEEK_SET);
	assert_true(file_read_fd(server->log_fd, "log", 1 << 20, &log, &err) >= 0);
	close(server->log_fd);
	close(server->listen_fd);
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		free(server->answers[i]);
	return log;
}

static inline int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static inline char *answer_with_port(const char *before, int port, const char *after)
{
	return xasprintf("%shttp://127.0.0.1:%d/%s", before, port, after);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/notify.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "oci/spec.h"

#define SOCKET_NAME "notify"
#define INSIDE "/run/notify" /* for an abstract socket of the host */
#define MESSAGE_MAX 4096

void notify_add(struct spec *spec, const char *state_path, const char *host_socket)
{
	const char *directory = host_socket[0] == '/' ? host_socket : INSIDE;
	cleanup_free char *source = xasprintf("%s/" NOTIFY_DIR, state_path);
	cleanup_free char *name = xasprintf("%s/" SOCKET_NAME, directory);

	spec_add_mount(spec, directory, "bind", source, "bind,ro,nosuid,nodev,noexec");
	env_set(&spec->process.env, "NOTIFY_SOCKET", name);
}

/* Through the directory's fd: sun_path has 108 bytes, state directories may have more. */
static int bind_at(int fd, int dir_fd, struct error **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
		dir_fd);
	if (unlinkat(dir_fd, SOCKET_NAME, 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove an old " SOCKET_NAME);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "bind " SOCKET_NAME);
	/* Any user of the container may send, whatever our umask says. */
	if (fchmodat(dir_fd, SOCKET_NAME, 0777, 0) < 0)
		return error_sys(err, "set the mode of " SOCKET_NAME);
	return 0;
}

int notify_listen(int state_dir_fd, struct error **err)
{
	cleanup_close int dir_fd = -1, fd = -1;

	if (mkdirat(state_dir_fd, NOTIFY_DIR, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "make " NOTIFY_DIR);
	dir_fd = openat(state_dir_fd, NOTIFY_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0 || fchmod(dir_fd, 0755) < 0)
		return error_sys(err, "open " NOTIFY_DIR);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_sys(err, "make a socket");
	return bind_at(fd, dir_fd, err) < 0 ? -1 : take_fd(&fd);
}

static bool says_ready(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (strcmp(line, "READY=1") == 0)
			return true;
	return false;
}

/* 1 ready, 0 nothing (more) of interest, -1. */
static int receive_all(int fd, struct error **err)
{
	char data[MESSAGE_MAX + 1];

	for (;;) {
		ssize_t n = recv(fd, data, MESSAGE_MAX, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : error_sys(err, "receive a notification");
		data[n] = '\0';
		if (says_ready(data))
			return 1;
	}
}

static int send_ready(const char *host_socket, pid_t pid, struct error **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(host_socket);
	cleanup_close int fd = -1;
	char text[64];
	int text_length = snprintf(text, sizeof(text), "MAINPID=%d\nREADY=1\n", (int)pid);

	if ((host_socket[0] != '/' && host_socket[0] != '@') || length < 2 ||
		length >= sizeof(address.sun_path))
		return error_new(
			err, ERROR_INVALID, "NOTIFY_SOCKET '%s' is no socket's name", host_socket);
	memcpy(address.sun_path, host_socket, length);
	if (host_socket[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_sys(err, "make a socket");
	if (sendto(fd, text, (size_t)text_length, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return error_sys(err, "notify '%s'", host_socket);
	return 0;
}

static int left_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_monotonic_ns();

	return left > 0 ? (int)(left / 1000000) + 1 : 0;
}

/* Who said it just before he ended has said it. */
static int wait_ready(int notify_fd, int init_pidfd, int timeout_ms, struct error **err)
{
	int64_t deadline_ns = clock_monotonic_ns() + timeout_ms * INT64_C(1000000);
	struct pollfd fds[2] = { { .fd = notify_fd, .events = POLLIN },
		{ .fd = init_pidfd, .events = POLLIN } };

	for (;;) {
		int n = poll(fds, 2, timeout_ms < 0 ? -1 : left_ms(deadline_ns)), ready;

		if (n < 0 && errno != EINTR)
			return error_sys(err, "wait for a notification");
		ready = receive_all(notify_fd, err);
		if (ready != 0)
			return ready;
		if (n > 0 && fds[1].revents)
			return 0;
		if (timeout_ms >= 0 && left_ms(deadline_ns) == 0)
			return 0;
	}
}

int notify_relay(int notify_fd, const char *host_socket, pid_t pid, int init_pidfd, int timeout_ms,
	struct error **err)
{
	int ready = wait_ready(notify_fd, init_pidfd, timeout_ms, err);

	if (ready <= 0)
		return ready;
	return send_ready(host_socket, pid, err) < 0 ? -1 : 1;
}

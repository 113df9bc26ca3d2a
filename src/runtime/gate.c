/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gate.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "runtime/container.h"
#include "runtime/sync.h"
#include "sys/msg.h"
#include "sys/process.h"

#define OPENER_SECONDS 10 /* who connects and then says nothing must not keep others out */
#define END_WAIT_MS 200 /* between the end of a process's fds and its own */

static int peer_of(int fd, struct ucred *ret, struct error **err)
{
	socklen_t length = sizeof(*ret);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &length) < 0)
		return error_sys(err, "look at who is at the gate");
	return 0;
}

/* The kernel shows both as seen from our own user and pid namespace. */
static bool is_like(const struct ucred *peer, const struct ucred *creator)
{
	return peer->uid == creator->uid && (peer->pid == 0) == (creator->pid == 0);
}

/* One who has connected and gone again was only looking whether somebody is here. */
static bool opens(int fd, const struct ucred *creator)
{
	cleanup_error struct error *ignored = NULL;
	struct timeval patience = { .tv_sec = OPENER_SECONDS };
	struct ucred peer;
	int passed_fd = -1, type;

	if (peer_of(fd, &peer, &ignored) < 0 || !is_like(&peer, creator))
		return false;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return false;
	type = sync_receive(fd, &passed_fd, &ignored);
	close_fd(passed_fd);
	return type == SYNC_START;
}

int gate_wait(int gate_fd, int creator_fd, struct error **err)
{
	struct ucred creator;

	if (peer_of(creator_fd, &creator, err) < 0)
		return -1;
	for (;;) {
		cleanup_close int fd = accept4(gate_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			return error_sys(err, "wait at the gate");
		if (fd >= 0 && opens(fd, &creator))
			return take_fd(&fd);
	}
}

static bool refused(const struct error *err)
{
	return error_errno(err) == ECONNREFUSED || error_errno(err) == ECONNRESET ||
	       error_errno(err) == EPIPE;
}

/* Nobody listens: it was opened before, or the process is dead. */
static int nobody_waits(int init_pidfd, struct error **err)
{
	error_free(*err);
	*err = NULL;
	if (pidfd_wait(init_pidfd, END_WAIT_MS, err) == 1)
		return error_new(
			err, ERROR_UNAVAILABLE, "the container's init has ended before its start");
	if (*err)
		return -1;
	return error_new(err, ERROR_CONFLICT, "the container has been started already");
}

/* Until init has said that it is at the program, and has closed its end by running it. */
static int await_program(int fd, int init_pidfd, struct error **err)
{
	bool ready = false;

	for (;;) {
		int passed_fd = -1;
		int type = sync_receive(fd, &passed_fd, err);

		close_fd(passed_fd);
		if (type < 0)
			return refused(*err) ? nobody_waits(init_pidfd, err) : -1;
		if (type == SYNC_END)
			return ready ? 0 : nobody_waits(init_pidfd, err);
		ready |= type == SYNC_READY;
	}
}

int runtime_open_gate(int dir_fd, const char *name, int init_pidfd, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	cleanup_close int fd = msg_connect_at(dir_fd, name, err);

	if (fd < 0 && refused(*err))
		return nobody_waits(init_pidfd, err);
	if (fd < 0)
		return error_errno(*err) == ENOENT
			       ? error_as(err, ERROR_NOT_FOUND, "the container's gate")
			       : -1;
	/* What init said before it closed its end is still to be read. */
	(void)sync_send(fd, SYNC_START, &failed);
	return await_program(fd, init_pidfd, err);
}

int runtime_gate_waits(int dir_fd, const char *name, struct error **err)
{
	cleanup_close int fd = msg_connect_at(dir_fd, name, err);

	if (fd >= 0)
		return 1;
	if (!refused(*err) && error_errno(*err) != ENOENT)
		return -1;
	error_free(*err);
	*err = NULL;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/members.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/spawn.h"
#include "store/transfer.h"
#include "sys/msg.h"

#define PIPE_SIZE (1 << 20)

struct members {
	pid_t pid; /* 0 once it has been waited for */
	int data_fd, answer_fd;
	int64_t left; /* of what follows the present member */
	bool done;
	struct msg msg;
};

void members_free(struct members *members)
{
	int status;

	if (!members)
		return;
	close_fd(members->data_fd);
	close_fd(members->answer_fd);
	if (members->pid > 0) { /* something failed here: it must not go on */
		(void)kill(members->pid, SIGKILL);
		(void)TEMP_FAILURE_RETRY(waitpid(members->pid, &status, 0));
	}
	free(members);
}

int members_open(int archive_fd, struct members **ret, struct error **err)
{
	static const char *const words[] = { "vessel-unpack", "--files", NULL };
	cleanup_members struct members *members = xcalloc(1, sizeof(*members));
	cleanup_close int write_fd = -1, their_fd = -1;
	struct spawn spawn = SPAWN_INIT;
	int pipe_fds[2], sockets[2];

	members->data_fd = members->answer_fd = -1;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	members->data_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	(void)fcntl(write_fd, F_SETPIPE_SZ, PIPE_SIZE); /* faster; fine without */
	if (msg_pair(sockets, err) < 0)
		return -1;
	members->answer_fd = sockets[0];
	their_fd = sockets[1];
	spawn.program = words[0];
	spawn.args = (char *const *)words;
	spawn.stdin_fd = archive_fd;
	spawn.stdout_fd = write_fd;
	spawn.socket_fd = their_fd;
	members->pid = spawn_helper(&spawn, err);
	if (members->pid < 0)
		return -1;
	*ret = take_ptr(members);
	return 0;
}

/* Its answers have ended without a last word. */
static int explain_end(struct members *members, struct error **err)
{
	pid_t pid = members->pid;
	int status;

	members->pid = 0;
	if (child_wait(pid, &status, err) < 0)
		return -1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return error_new(err, ERROR_INTERNAL,
			"vessel-unpack was stopped: it tried a system call that it must not");
	return error_new(
		err, ERROR_INTERNAL, "vessel-unpack ended with status %d and no answer", status);
}

static int take_member(struct members *members, struct member *ret, struct error **err)
{
	const struct msg *msg = &members->msg;
	struct member_head head;
	const char *name = msg->data + sizeof(head), *link;
	size_t length;

	if (msg->length < sizeof(head) + 2)
		return error_new(err, ERROR_INTERNAL, "a message of vessel-unpack is too short");
	memcpy(&head, msg->data, sizeof(head));
	length = strnlen(name, msg->length - sizeof(head)); /* msg.data has a NUL at its end */
	link = name + length + 1;
	if (length == 0 || length + sizeof(head) + 2 > msg->length || head.size < 0)
		return error_new(err, ERROR_INTERNAL, "a broken message of vessel-unpack");
	*ret = (struct member){ .name = name,
		.link = head.is_link ? link : NULL,
		.size = head.is_link ? 0 : head.size,
		.offset = head.offset };
	members->left = head.is_link || head.offset >= 0 ? 0 : head.size;
	return 1;
}

static int take_answer(struct members *members, struct member *ret, struct error **err)
{
	int result = msg_receive(members->answer_fd, &members->msg, err);

	if (result < 0)
		return -1;
	if (result == 0)
		return explain_end(members, err);
	msg_close_fds(&members->msg);
	switch (members->msg.type) {
	case TRANSFER_MEMBER:
		return take_member(members, ret, err);
	case TRANSFER_DONE:
		members->done = true;
		return 0;
	case TRANSFER_ERROR:
		return error_unpack(err, members->msg.data, members->msg.length);
	default:
		return error_new(err, ERROR_INTERNAL, "an unknown message from vessel-unpack");
	}
}

/* The end of the pipe came too early: the reason is in the next message. */
static int explain_cut(struct members *members, struct error **err)
{
	struct member unexpected;

	if (take_answer(members, &unexpected, err) < 0)
		return -1;
	return error_new(err, ERROR_INTERNAL, "vessel-unpack told less than it had said");
}

ssize_t members_read(struct members *members, void *buf, size_t size, struct error **err)
{
	ssize_t n;

	if ((int64_t)size > members->left)
		size = (size_t)members->left;
	if (size == 0)
		return 0;
	n = TEMP_FAILURE_RETRY(read(members->data_fd, buf, size));
	if (n < 0)
		return error_sys(err, "read from vessel-unpack");
	if (n == 0)
		return explain_cut(members, err);
	members->left -= n;
	return n;
}

int members_next(struct members *members, struct member *ret, struct error **err)
{
	char skipped[4096];
	ssize_t n;

	while ((n = members_read(members, skipped, sizeof(skipped), err)) > 0)
		;
	if (n < 0)
		return -1;
	return members->done ? 0 : take_answer(members, ret, err);
}

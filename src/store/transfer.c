/* SPDX-License-Identifier: Apache-2.0 */
#include "store/transfer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/spawn.h"
#include "store/index.h"
#include "store/store.h"
#include "sys/msg.h"
#include "sys/path.h"

#define PIPE_SIZE (1 << 20)

/* What is known of a running helper. */
struct transfer {
	const struct transfer_unpack *unpack;
	pid_t pid;
	int copy_fd, answer_fd; /* -1 once the other side has closed them */
	bool done;
	int64_t size, entries;
	struct msg msg;
	char buffer[PIPE_SIZE];
};

static void transfer_done(struct transfer *transfer)
{
	int status;

	if (!transfer)
		return;
	close_fd(transfer->copy_fd);
	close_fd(transfer->answer_fd);
	if (transfer->pid > 0) { /* something failed here: it must not go on */
		(void)kill(transfer->pid, SIGKILL);
		(void)TEMP_FAILURE_RETRY(waitpid(transfer->pid, &status, 0));
	}
	free(transfer);
}
DEFINE_CLEANUP(struct transfer *, transfer_done)

static int start(struct transfer *transfer, struct error **err)
{
	const struct transfer_unpack *unpack = transfer->unpack;
	cleanup_close int write_fd = -1, their_fd = -1;
	int pipe_fds[2] = { -1, -1 }, sockets[2];
	const char *words[6] = { "vessel-unpack" };
	size_t count = 1;
	struct spawn spawn = SPAWN_INIT;

	if (unpack->detect)
		words[count++] = "--detect";
	if (unpack->index)
		words[count++] = "--list";
	if (unpack->layer)
		words[count++] = "--layer";
	if (unpack->copy) {
		words[count++] = "--copy";
		if (pipe2(pipe_fds, O_CLOEXEC) < 0)
			return error_sys(err, "make a pipe");
		transfer->copy_fd = pipe_fds[0];
		write_fd = pipe_fds[1];
		(void)fcntl(write_fd, F_SETPIPE_SZ, PIPE_SIZE); /* faster; fine without */
	}
	if (msg_pair(sockets, err) < 0)
		return -1;
	transfer->answer_fd = sockets[0];
	their_fd = sockets[1];
	spawn.program = words[0];
	spawn.args = (char *const *)words;
	spawn.stdin_fd = unpack->archive_fd;
	spawn.stdout_fd = write_fd;
	spawn.socket_fd = their_fd;
	spawn.extra_fd = unpack->dest_fd;
	transfer->pid = spawn_helper(&spawn, err);
	return transfer->pid < 0 ? -1 : 0;
}

static int take_copy(struct transfer *transfer, struct error **err)
{
	ssize_t n = TEMP_FAILURE_RETRY(
		read(transfer->copy_fd, transfer->buffer, sizeof(transfer->buffer)));

	if (n < 0)
		return error_sys(err, "read from vessel-unpack");
	if (n > 0)
		return blob_write(transfer->unpack->copy, transfer->buffer, (size_t)n, err);
	close_fd(take_fd(&transfer->copy_fd));
	return 0;
}

static int set_opaque(struct transfer *transfer, const char *path, struct error **err)
{
	cleanup_close int fd = path_open_in_root(
		transfer->unpack->dest_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);

	/* Gone again, later in the same layer: not the same directory any more. */
	if (fd < 0 && (error_errno(*err) == ENOENT || error_errno(*err) == ENOTDIR ||
			      error_errno(*err) == ELOOP)) {
		error_free(take_ptr(*err));
		return 0;
	}
	if (fd < 0)
		return -1;
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return error_sys(err, "make '%s' opaque", path);
	return 0;
}

static int take_done(struct transfer *transfer, struct error **err)
{
	cleanup_json struct json_object *answer = NULL;

	if (json_parse(transfer->msg.data, transfer->msg.length, "vessel-unpack's answer", &answer,
		    err) < 0 ||
		json_get_int(answer, "size", &transfer->size, err) < 0 ||
		json_get_int(answer, "entries", &transfer->entries, err) < 0)
		return -1;
	transfer->done = true;
	return 0;
}

static int take_answer(struct transfer *transfer, struct error **err)
{
	struct msg *msg = &transfer->msg;
	int result = msg_receive(transfer->answer_fd, msg, err);

	if (result < 0)
		return -1;
	if (result == 0) {
		close_fd(take_fd(&transfer->answer_fd));
		return 0;
	}
	msg_close_fds(msg);
	switch (msg->type) {
	case TRANSFER_OPAQUE:
		if (transfer->unpack->index)
			break;
		return set_opaque(transfer, msg->data, err);
	case TRANSFER_ENTRIES:
		if (!transfer->unpack->index)
			break;
		return layer_index_feed(transfer->unpack->index, msg->data, msg->length, err);
	case TRANSFER_DONE:
		return take_done(transfer, err);
	case TRANSFER_ERROR:
		return error_unpack(err, msg->data, msg->length);
	default:
		break;
	}
	return error_new(err, ERROR_INTERNAL, "an unknown message from vessel-unpack");
}

static int pump(struct transfer *transfer, struct error **err)
{
	while (transfer->copy_fd >= 0 || transfer->answer_fd >= 0) {
		struct pollfd fds[2] = { { .fd = transfer->copy_fd, .events = POLLIN },
			{ .fd = transfer->answer_fd, .events = POLLIN } };

		if (TEMP_FAILURE_RETRY(poll(fds, 2, -1)) < 0)
			return error_sys(err, "wait for vessel-unpack");
		if (fds[0].revents && take_copy(transfer, err) < 0)
			return -1;
		if (fds[1].revents && take_answer(transfer, err) < 0)
			return -1;
	}
	return 0;
}

static int finish(struct transfer *transfer, struct error **err)
{
	pid_t pid = transfer->pid;
	int status;

	transfer->pid = 0;
	if (child_wait(pid, &status, err) < 0)
		return -1;
	if (transfer->done && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return error_new(err, ERROR_INTERNAL,
			"vessel-unpack was stopped: it tried a system call that it must not");
	if (WIFSIGNALED(status))
		return error_new(err, ERROR_INTERNAL, "vessel-unpack was killed by signal %d",
			WTERMSIG(status));
	return error_new(err, ERROR_INTERNAL, "vessel-unpack ended with code %d and no answer",
		WEXITSTATUS(status));
}

int transfer_unpack(
	const struct transfer_unpack *unpack, struct transfer_result *ret, struct error **err)
{
	struct transfer *transfer CLEANUP(transfer_done) = xcalloc(1, sizeof(*transfer));

	*transfer = (struct transfer){ .unpack = unpack, .copy_fd = -1, .answer_fd = -1 };
	if (start(transfer, err) < 0 || pump(transfer, err) < 0 || finish(transfer, err) < 0)
		return -1;
	*ret = (struct transfer_result){ transfer->size, transfer->entries };
	return 0;
}

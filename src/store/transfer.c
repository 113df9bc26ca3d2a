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
#include "store/feed.h"
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

static int make_pipe(int *ret_read, int *ret_write, struct error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE); /* faster; fine without */
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* The helper reads as it can; we never wait for that. */
static int make_feed(struct feed *feed, int *ret_read, struct error **err)
{
	if (make_pipe(ret_read, &feed->out_fd, err) < 0)
		return -1;
	if (fcntl(feed->out_fd, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, "make a pipe");
	return 0;
}

static int start(struct transfer *transfer, struct error **err)
{
	const struct transfer_unpack *unpack = transfer->unpack;
	cleanup_close int write_fd = -1, their_fd = -1, feed_fd = -1;
	int sockets[2];
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
		if (make_pipe(&transfer->copy_fd, &write_fd, err) < 0)
			return -1;
	}
	if ((unpack->feed && make_feed(unpack->feed, &feed_fd, err) < 0) ||
		msg_pair(sockets, err) < 0)
		return -1;
	transfer->answer_fd = sockets[0];
	their_fd = sockets[1];
	spawn.program = words[0];
	spawn.args = (char *const *)words;
	spawn.stdin_fd = unpack->feed ? feed_fd : unpack->archive_fd;
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

static int take_results(
	struct transfer *transfer, const struct pollfd fds[static 2], struct error **err)
{
	if (fds[0].revents && take_copy(transfer, err) < 0)
		return -1;
	return fds[1].revents ? take_answer(transfer, err) : 0;
}

static int feed_archive(struct feed *feed, const struct pollfd fds[static 2], struct error **err)
{
	if (fds[0].revents && feed_receive(feed, err) < 0)
		return -1;
	return fds[1].revents && feed->out_fd >= 0 ? feed_send(feed, err) : 0;
}

/* Of the copy, the answers, and what comes and goes of a feed. */
static void watch(const struct transfer *transfer, struct pollfd fds[static 4])
{
	const struct feed *feed = transfer->unpack->feed;
	bool in = feed && feed_wants_input(feed), out = feed && feed_wants_output(feed);

	fds[0] = (struct pollfd){ .fd = transfer->copy_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = transfer->answer_fd, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = in ? feed->source->grow_fd : -1, .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = out ? feed->out_fd : -1, .events = POLLOUT };
}

static int pump(struct transfer *transfer, struct error **err)
{
	struct feed *feed = transfer->unpack->feed;

	while (transfer->copy_fd >= 0 || transfer->answer_fd >= 0) {
		struct pollfd fds[4];

		watch(transfer, fds);
		if (TEMP_FAILURE_RETRY(poll(fds, 4, -1)) < 0)
			return error_sys(err, "wait for vessel-unpack");
		/* The download first: the registry's time is the dearest. */
		if (feed && feed_archive(feed, fds + 2, err) < 0)
			return -1;
		if (take_results(transfer, fds, err) < 0)
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

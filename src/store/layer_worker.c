/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_worker.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/spawn.h"
#include "store/blob.h"
#include "store/transfer.h"
#include "sys/msg.h"

/* The type of its one message: a struct layer_row, or an error under a fault's number. */
#define WORKER_DONE 100

struct work {
	struct store *store;
	const struct temp *temp;
	const struct layer_source *source;
	const struct digest *diff_id;
};

/* Why the unpacker was not content: with the archive, or with what came in its place? */
static enum layer_fault find_fault(struct feed *feed, struct error **err)
{
	cleanup_error struct error *unpacking = take_ptr(*err);
	enum error_kind kind = error_kind(unpacking);

	if (kind != ERROR_INVALID && kind != ERROR_UNSUPPORTED) {
		*err = take_ptr(unpacking);
		return LAYER_FAILED;
	}
	if (feed_drain(feed, err) < 0)
		return LAYER_FAILED;
	switch (feed_judge(feed, err)) {
	case FEED_SHORT:
		return LAYER_SHORT;
	case FEED_WRONG:
		return LAYER_WRONG;
	case FEED_RIGHT:
		break;
	}
	*err = take_ptr(unpacking);
	return LAYER_BROKEN;
}

/* 0, or a fault. */
static enum layer_fault receive(const struct work *work, struct layer_row *ret, struct error **err)
{
	cleanup_feed struct feed feed = { .out_fd = -1 };
	struct transfer_unpack unpack = { .archive_fd = -1, .feed = &feed };

	if (feed_init(&feed, work->source, err) < 0)
		return LAYER_FAILED;
	if (layer_unpack(work->store, work->temp, &unpack, work->diff_id, ret, err) < 0)
		return find_fault(&feed, err);
	if (feed_drain(&feed, err) < 0)
		return LAYER_FAILED;
	switch (feed_judge(&feed, err)) {
	case FEED_SHORT:
		return LAYER_SHORT;
	case FEED_WRONG:
		return LAYER_WRONG;
	case FEED_RIGHT:
		break;
	}
	return fd_sync(work->source->fd, "a layer", err) < 0 ? LAYER_FAILED : 0;
}

static __attribute__((noreturn)) void work_and_exit(
	const struct work *work, int socket_fd, pid_t parent)
{
	cleanup_error struct error *err = NULL, *unsaid = NULL;
	struct layer_row row = { 0 };
	enum layer_fault fault;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent) /* it has died before that */
		_exit(1);
	(void)signal(SIGPIPE, SIG_IGN);
	fault = receive(work, &row, &err);
	if (fault)
		(void)msg_send_error(socket_fd, fault, err, &unsaid);
	else
		(void)msg_send(socket_fd, WORKER_DONE, &row, sizeof(row), &unsaid);
	/* Nothing of the parent's is to be written, closed or unlocked here. */
	_exit(unsaid ? 1 : 0);
}

int layer_worker_start(struct store *store, const struct layer_source *source,
	const struct digest *diff_id, struct layer_worker *ret, struct error **err)
{
	cleanup_close int theirs = -1;
	struct layer_worker worker = { .store = store, .socket_fd = -1 };
	pid_t self = getpid();
	enum layer_form form;
	int pair[2];

	/* The kernel is asked here and once: a worker may be stopped in the middle of that. */
	if (store_use(store, err) < 0 || layer_form(store, &form, err) < 0 ||
		msg_pair(pair, err) < 0)
		return -1;
	worker.socket_fd = pair[0];
	theirs = pair[1];
	worker.temp = temp_make(store, err);
	if (!worker.temp) {
		layer_worker_stop(&worker);
		return -1;
	}
	worker.pid = fork();
	if (worker.pid == 0)
		work_and_exit(&(struct work){ store, worker.temp, source, diff_id }, theirs, self);
	if (worker.pid < 0) {
		error_sys(err, "start a process for a layer");
		worker.pid = 0;
		layer_worker_stop(&worker);
		return -1;
	}
	*ret = worker;
	return 0;
}

/* 0, or a fault. */
static enum layer_fault read_end(
	struct layer_worker *worker, struct layer_row *ret, struct error **err)
{
	cleanup_free struct msg *msg = xcalloc(1, sizeof(*msg));
	int result = msg_receive(worker->socket_fd, msg, err);

	if (result < 0)
		return LAYER_FAILED;
	if (result == 0) {
		error_new(err, ERROR_INTERNAL, "the process that unpacks it has died");
		return LAYER_FAILED;
	}
	msg_close_fds(msg);
	if (msg->type == WORKER_DONE && msg->length == sizeof(*ret)) {
		memcpy(ret, msg->data, sizeof(*ret));
		return 0;
	}
	error_unpack(err, msg->data, msg->length);
	return (enum layer_fault)msg->type;
}

int layer_worker_end(struct layer_worker *worker, struct layer_row *ret,
	enum layer_fault *ret_fault, struct error **err)
{
	struct layer_row row;
	enum layer_fault fault = read_end(worker, &row, err);

	if (!fault && layer_settle(worker->store, worker->temp, &row, err) < 0)
		fault = LAYER_FAILED;
	layer_worker_stop(worker);
	if (fault) {
		*ret_fault = fault;
		return -1;
	}
	*ret = row;
	return 0;
}

void layer_worker_stop(struct layer_worker *worker)
{
	cleanup_error struct error *unsaid = NULL;
	int status;

	if (worker->pid > 0) {
		(void)kill(worker->pid, SIGKILL);
		(void)child_wait(worker->pid, &status, &unsaid);
	}
	if (worker->socket_fd > 0)
		close_fd(worker->socket_fd);
	if (worker->temp)
		(void)layer_end(worker->store, worker->temp, true, 0);
	*worker = (struct layer_worker){ .socket_fd = -1 };
}

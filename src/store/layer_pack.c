/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer of an upper directory that its container goes on using.
 *
 * A child of ours packs it into a pipe, from which it is imported like any layer: packing, checking
 * and hashing go on at the same time, nothing is written twice, and whatever form layers are kept
 * in, there is one way to it. The child is a copy of this process that only reads; it ends with us.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/pack.h"
#include "store/store.h"
#include "sys/process.h"

#define PIPE_SIZE (1 << 20)

struct packer {
	int upper_fd;
	char *const *left_out;
	int tar_fds[2], error_fds[2]; /* what the child writes; -1 where not there */
	pid_t parent;
};

static void close_end(int *fd)
{
	close_fd(*fd);
	*fd = -1;
}

static int write_to_pipe(void *arg, const void *data, size_t length, struct error **err)
{
	return file_write_all(*(const int *)arg, data, length, "the layer's archive", err);
}

static int pack(struct packer *packer, struct error **err)
{
	cleanup_free struct pack_buffer *buffer = xcalloc(1, sizeof(*buffer));
	const struct pack_options options = { .layer = true,
		.live = true,
		.left_out = packer->left_out,
		.sink = pack_buffer_add,
		.arg = buffer };
	int64_t size;

	buffer->sink = write_to_pipe;
	buffer->arg = &packer->tar_fds[1];
	if (pack_directory(packer->upper_fd, &options, &size, err) < 0)
		return -1;
	return pack_buffer_flush(buffer, err);
}

/* The child: says on the second pipe what went wrong, if anything did. */
static void pack_and_exit(struct packer *packer)
{
	cleanup_error struct error *err = NULL, *unsaid = NULL;
	char text[ERROR_WIRE_MAX];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != packer->parent)
		_exit(1);
	(void)close(packer->tar_fds[0]); /* else nobody would tell us that it is not wanted */
	if (pack(packer, &err) == 0)
		_exit(0);
	(void)file_write_all(packer->error_fds[1], text, error_pack(err, text), "pipe", &unsaid);
	_exit(1);
}

/* Its error, if it has one of its own, is the reason of whatever failed here. */
static int end_packer(struct packer *packer, pid_t pid, struct error **err)
{
	cleanup_error struct error *unread = NULL;
	cleanup_free char *text = NULL;
	ssize_t length;
	int status;

	close_end(&packer->error_fds[1]);
	length = file_read_fd(packer->error_fds[0], "pipe", ERROR_WIRE_MAX, &text, &unread);
	if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
		return error_sys(err, "wait for the packing process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (length > 0) {
		error_free(take_ptr(*err));
		return error_unpack(err, text, (size_t)length);
	}
	return *err ? -1
		    : error_new(err, ERROR_UNAVAILABLE,
			      "the process that packed it ended with wait status %d", status);
}

static int pack_and_import(
	struct packer *packer, struct store *store, struct layer_row *ret, struct error **err)
{
	cleanup_close int pidfd = -1;
	struct layer_row row = { 0 };
	pid_t pid;
	int result;

	packer->parent = getpid();
	pid = process_clone(0, -1, &pidfd, err);
	if (pid < 0)
		return -1;
	if (pid == 0)
		pack_and_exit(packer);
	close_end(&packer->tar_fds[1]);
	result = layer_import(store, packer->tar_fds[0], &row, err);
	close_end(&packer->tar_fds[0]);
	if (end_packer(packer, pid, err) < 0 || result < 0)
		return -1;
	*ret = row;
	return 0;
}

int layer_pack(struct store *store, int upper_fd, char *const *left_out, struct layer_row *ret,
	struct error **err)
{
	struct packer packer = { .upper_fd = upper_fd,
		.left_out = left_out,
		.tar_fds = { -1, -1 },
		.error_fds = { -1, -1 } };
	int result;

	if (pipe2(packer.tar_fds, O_CLOEXEC) < 0 || pipe2(packer.error_fds, O_CLOEXEC) < 0) {
		result = error_sys(err, "make a pipe");
	} else {
		(void)fcntl(packer.tar_fds[1], F_SETPIPE_SZ, PIPE_SIZE);
		result = pack_and_import(&packer, store, ret, err);
	}
	for (int i = 0; i < 2; i++) {
		close_fd(packer.tar_fds[i]);
		close_fd(packer.error_fds[i]);
	}
	return result;
}

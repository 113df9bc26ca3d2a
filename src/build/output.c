/* SPDX-License-Identifier: Apache-2.0 */
#include "build/output.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "sys/process.h"

#define LINE_MAX_BYTES 8192
#define TAIL_LINES 10
#define TAIL_MAX (TAIL_LINES * (LINE_MAX_BYTES + 64UL))
#define DRAIN_MS 3000 /* a process that outlived its step may hold the pipe */

struct reader {
	const struct progress_step *step;
	int in_fd, tail_fd;
	char line[LINE_MAX_BYTES + 1];
	size_t length;
	char *tail[TAIL_LINES];
	size_t lines;
};

static void end_line(struct reader *reader)
{
	double seconds = (double)(clock_monotonic_ns() - reader->step->start_ns) / 1e9;
	char *line;

	reader->line[reader->length] = '\0';
	line = xasprintf("%.3f %s", seconds, reader->line);
	progress_say(reader->step, "%s", line);
	replace_string(&reader->tail[reader->lines++ % TAIL_LINES], line);
	reader->length = 0;
}

static void take(struct reader *reader, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] == '\n') {
			end_line(reader);
			continue;
		}
		if (reader->length == LINE_MAX_BYTES)
			end_line(reader);
		if (data[i]) /* a NUL would end the line for us, and shows nothing */
			reader->line[reader->length++] = data[i];
	}
}

static void write_tail(const struct reader *reader)
{
	cleanup_error struct error *lost = NULL;
	size_t first = reader->lines > TAIL_LINES ? reader->lines - TAIL_LINES : 0;

	for (size_t i = first; i < reader->lines && !lost; i++) {
		const char *line = reader->tail[i % TAIL_LINES];

		if (file_write_all(reader->tail_fd, line, strlen(line), "tail", &lost) == 0)
			(void)file_write_all(reader->tail_fd, "\n", 1, "tail", &lost);
	}
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Keeps only the fds that the reader needs; the pipe's other end must go, or it never ends. */
static void keep_fds(const struct reader *reader)
{
	int wanted[] = { 2, reader->in_fd, reader->tail_fd, reader->step->progress->fd };
	unsigned int next = 0;

	qsort(wanted, sizeof(wanted) / sizeof(wanted[0]), sizeof(wanted[0]), by_number);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (wanted[i] < (int)next) /* not there, or twice */
			continue;
		if ((unsigned int)wanted[i] > next)
			(void)close_range(next, (unsigned int)wanted[i] - 1, 0);
		next = (unsigned int)wanted[i] + 1;
	}
	(void)close_range(next, ~0U, 0);
}

static void read_output(struct reader *reader)
{
	char data[16384];
	ssize_t n;

	/* The terminal's ^C is for the step; its last words are still to be shown. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	keep_fds(reader);
	while ((n = TEMP_FAILURE_RETRY(read(reader->in_fd, data, sizeof(data)))) > 0)
		take(reader, data, (size_t)n);
	if (reader->length > 0)
		end_line(reader);
	write_tail(reader);
}

int output_begin(const struct progress_step *step, struct output *ret, struct error **err)
{
	cleanup_free struct reader *reader = xcalloc(1, sizeof(*reader));
	cleanup_close int read_fd = -1, write_fd = -1, pidfd = -1;
	cleanup_close int tail_fd = memfd_create("tail", MFD_CLOEXEC);
	int ends[2];
	pid_t pid;

	if (tail_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe for the output");
	read_fd = ends[0];
	write_fd = ends[1];
	*reader = (struct reader){ .step = step, .in_fd = read_fd, .tail_fd = tail_fd };
	pid = process_clone(0, -1, &pidfd, err);
	if (pid < 0)
		return -1;
	if (pid == 0) {
		read_output(reader);
		_exit(0);
	}
	*ret = (struct output){ .write_fd = take_fd(&write_fd),
		.tail_fd = take_fd(&tail_fd),
		.pidfd = take_fd(&pidfd),
		.pid = pid };
	return 0;
}

int output_end(struct output *output, char **ret_tail, struct error **err)
{
	cleanup_close int tail_fd = output->tail_fd, pidfd = output->pidfd;
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int status;

	close_fd(output->write_fd);
	if (TEMP_FAILURE_RETRY(poll(&ended, 1, DRAIN_MS)) == 0)
		(void)pidfd_signal(pidfd, SIGKILL, err);
	if (*err)
		return -1;
	if (TEMP_FAILURE_RETRY(waitpid(output->pid, &status, 0)) < 0)
		return error_sys(err, "wait for the reader of the output");
	if (lseek(tail_fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read the last lines");
	return file_read_fd(tail_fd, "the last lines", TAIL_MAX, ret_tail, err) < 0 ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: each batch that comes from the program gets one timestamp, is encoded into one buffer,
 * and written by one write(2). The memory is mapped once, before the container starts, and
 * only pages that were written to are there; log_trim() gives a burst's back.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "monitor/log.h"
#include "monitor/log_json.h"

#define OUT_SIZE (128UL * 1024) /* more than LOG_LINE_MAX */
#define PAGE 4096UL

_Static_assert(OUT_SIZE > LOG_LINE_MAX, "a line must fit into the buffer");

struct pending { /* a line whose end has not come */
	char *data; /* of LOG_PART_MAX bytes */
	size_t length;
};

struct log_writer {
	char *path;
	int fd; /* -1: could not be opened again after a rotation; tried at each batch */
	int64_t size, max_size;
	int max_files;
	uint64_t dropped; /* lines lost since the last one that was written */
	int dropped_errno;
	bool note_waits; /* the line that says so is in out */
	char *memory, *out;
	size_t out_length;
	struct pending pending[2];
	char tail[2][LOG_ENVELOPE_MAX]; /* `","stream":"stdout","time":"…"}\n` of this batch */
	size_t tail_length;
};

#define MEMORY_SIZE (OUT_SIZE + 2UL * LOG_PART_MAX)

/* A crash may have left part of a line: cut it off, so that the file stays valid. */
static int cut_torn_line(int fd, int64_t size, int64_t *ret_size)
{
	char block[PAGE];

	while (size > 0) {
		size_t length = size < (int64_t)sizeof(block) ? (size_t)size : sizeof(block);
		ssize_t n = pread(fd, block, length, size - (int64_t)length);
		const char *newline;

		if (n != (ssize_t)length)
			return -1;
		newline = memrchr(block, '\n', length);
		if (newline) {
			size -= (int64_t)length - (newline + 1 - block);
			break;
		}
		size -= (int64_t)length;
	}
	*ret_size = size;
	return ftruncate(fd, size);
}

static int open_file(struct log_writer *log, int more_flags, struct error **err)
{
	cleanup_close int fd = open(
		log->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | more_flags, 0640);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "open the log '%s'", log->path);
	if (!S_ISREG(st.st_mode))
		return error_new(err, ERROR_INVALID, "the log '%s' is not a file", log->path);
	if (cut_torn_line(fd, st.st_size, &log->size) < 0)
		return error_sys(err, "read the end of the log '%s'", log->path);
	log->fd = take_fd(&fd);
	return 0;
}

struct log_writer *log_writer_new(
	const char *path, int64_t max_size, int max_files, struct error **err)
{
	struct log_writer *log = xcalloc(1, sizeof(*log));

	log->path = xstrdup(path);
	log->fd = -1;
	log->max_size = max_size;
	log->max_files = max_files < 1 ? 1 : max_files;
	log->memory =
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (log->memory == MAP_FAILED) {
		log->memory = NULL;
		error_sys(err, "map memory for the log");
		log_writer_free(log);
		return NULL;
	}
	log->out = log->memory;
	for (size_t i = 0; i < 2; i++)
		log->pending[i].data = log->memory + OUT_SIZE + i * LOG_PART_MAX;
	if (open_file(log, 0, err) < 0) {
		log_writer_free(log);
		return NULL;
	}
	return log;
}

static uint64_t count_lines(const char *data, size_t length)
{
	uint64_t count = 0;
	const char *end = data + length;

	while (data < end && (data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
		count++;
		data++;
	}
	return count;
}

/* Writing failed after done bytes: what stands of the line it was in is taken back. */
static void take_back(struct log_writer *log, size_t done)
{
	const char *newline = memrchr(log->out, '\n', done);
	size_t whole = newline ? (size_t)(newline + 1 - log->out) : 0;
	struct stat st;

	log->dropped_errno = errno;
	log->dropped += count_lines(log->out + whole, log->out_length - whole);
	if (log->note_waits && whole == 0)
		log->dropped--; /* the note itself is no line of the program */
	log->size += (int64_t)whole;
	if (done == whole || fstat(log->fd, &st) < 0)
		return;
	if (ftruncate(log->fd, st.st_size - (off_t)(done - whole)) < 0)
		log->dropped_errno = errno; /* the next line ends this one: a reader skips it */
}

static void write_out(struct log_writer *log)
{
	uint64_t before = log->dropped;
	size_t done = 0;

	if (log->out_length == 0)
		return;
	while (log->fd >= 0 && done < log->out_length) {
		ssize_t n =
			TEMP_FAILURE_RETRY(write(log->fd, log->out + done, log->out_length - done));

		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done < log->out_length) {
		take_back(log, done);
	} else {
		log->size += (int64_t)done;
		if (log->note_waits)
			log->dropped -= before;
	}
	log->note_waits = false;
	log->out_length = 0;
}

/* path -> path.1 -> path.2 …; the oldest falls off. A rename that fails costs old lines only. */
static void rotate(struct log_writer *log)
{
	cleanup_error struct error *ignored = NULL;

	write_out(log);
	for (int i = log->max_files - 1; i > 0; i--) {
		cleanup_free char *from =
			i > 1 ? xasprintf("%s.%d", log->path, i - 1) : xstrdup(log->path);
		cleanup_free char *to = xasprintf("%s.%d", log->path, i);

		(void)rename(from, to);
	}
	close_fd(log->fd);
	log->fd = -1;
	(void)open_file(log, O_TRUNC, &ignored);
}

static const char head[] = "{\"log\":\"";

static void encode(struct log_writer *log, int stream, const char *data, size_t length)
{
	char *at = log->out + log->out_length;

	memcpy(at, head, sizeof(head) - 1);
	at = log_escape(at + sizeof(head) - 1, data, length);
	memcpy(at, log->tail[stream - 1], log->tail_length);
	log->out_length = (size_t)(at - log->out) + log->tail_length;
}

static void put_line(struct log_writer *log, int stream, const char *data, size_t length)
{
	size_t before;

	if (OUT_SIZE - log->out_length < length * LOG_ESCAPED_MAX + LOG_ENVELOPE_MAX)
		write_out(log);
	before = log->out_length;
	encode(log, stream, data, length);
	if (log->max_size <= 0 || log->size + (int64_t)log->out_length <= log->max_size)
		return;
	/* This line would make the file too large: what came before it is written, then rotated. */
	if (log->size + (int64_t)before == 0)
		return;
	log->out_length = before;
	rotate(log);
	encode(log, stream, data, length);
}

/* All lines of a batch came at one time: that of its arrival. */
static void begin_batch(struct log_writer *log)
{
	static const char *const names[] = { "stdout", "stderr" };
	cleanup_error struct error *ignored = NULL;
	char time[CLOCK_TEXT_MAX], note[128];
	int n;

	clock_text(clock_now_ns(), time);
	for (size_t i = 0; i < 2; i++)
		log->tail_length = (size_t)snprintf(log->tail[i], sizeof(log->tail[i]),
			"\",\"stream\":\"%s\",\"time\":\"%s\"}\n", names[i], time);
	if (log->fd < 0)
		(void)open_file(log, 0, &ignored);
	if (log->dropped == 0)
		return;
	n = snprintf(note, sizeof(note), "vessel: %llu lines were not logged: %s\n",
		(unsigned long long)log->dropped, strerrordesc_np(log->dropped_errno));
	put_line(log, 2, note, (size_t)n);
	log->note_waits = true;
}

/* Adds to the line that waits; puts it when it is complete or as long as a part may be. */
static size_t add_pending(
	struct log_writer *log, int stream, const char *data, size_t length, bool complete)
{
	struct pending *pending = &log->pending[stream - 1];
	size_t room = LOG_PART_MAX - pending->length, taken = length < room ? length : room, whole;

	memcpy(pending->data + pending->length, data, taken);
	pending->length += taken;
	complete = complete && taken == length;
	if (!complete && pending->length < LOG_PART_MAX)
		return taken;
	whole = complete ? pending->length : log_whole_characters(pending->data, pending->length);
	put_line(log, stream, pending->data, whole);
	pending->length -= whole;
	memmove(pending->data, pending->data + whole, pending->length);
	return taken;
}

void log_write(struct log_writer *log, int stream, const char *data, size_t length)
{
	begin_batch(log);
	while (length > 0) {
		const char *newline = memchr(data, '\n', length);
		size_t line = newline ? (size_t)(newline + 1 - data) : length;

		if (log->pending[stream - 1].length > 0 || (!newline && line < LOG_PART_MAX)) {
			line = add_pending(log, stream, data, line, newline != NULL);
		} else {
			if (line > LOG_PART_MAX || !newline)
				line = log_whole_characters(data, LOG_PART_MAX);
			put_line(log, stream, data, line);
		}
		data += line;
		length -= line;
	}
	write_out(log);
}

void log_flush(struct log_writer *log)
{
	begin_batch(log);
	for (int stream = 1; stream <= 2; stream++) {
		struct pending *pending = &log->pending[stream - 1];

		if (pending->length > 0)
			put_line(log, stream, pending->data, pending->length);
		pending->length = 0;
	}
	write_out(log);
}

void log_trim(struct log_writer *log)
{
	(void)madvise(log->out + PAGE, OUT_SIZE - PAGE, MADV_DONTNEED);
}

void log_writer_free(struct log_writer *log)
{
	if (!log)
		return;
	close_fd(log->fd);
	if (log->memory)
		(void)munmap(log->memory, MEMORY_SIZE);
	free(log->path);
	free(log);
}

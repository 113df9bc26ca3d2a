/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading. The files of a log, oldest first, are opened at once, so that a rotation in between
 * takes nothing away. --tail looks for its place from the end backwards. Following waits for
 * inotify(7) on the directory; the writer never touches a file again once it has been renamed, so a
 * file is read to its end once more after another stands in its place, and then the next is taken.
 */
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "monitor/log.h"
#include "monitor/log_json.h"

#define FILES_MAX 100
#define BLOCK (64UL * 1024)
#define BUFFER (256UL * 1024) /* a line is at most LOG_LINE_MAX */
#define WAIT_MS 200 /* the end of a container need not write to its log's directory */

_Static_assert(BUFFER > LOG_LINE_MAX, "a line must fit into the buffer");

struct reader {
	const char *path;
	const struct log_query *query;
	int (*each)(const struct log_line *line, void *arg);
	void *arg;
	int files[FILES_MAX]; /* oldest first */
	size_t count, at;
	off_t offset; /* of what comes behind the buffer, in files[at] */
	char *buffer;
	size_t length; /* bytes in the buffer: part of a line, between fills */
	bool skipping; /* within a line that is too long to be one */
	int64_t minute_ns; /* of time texts that begin like minute */
	char minute[sizeof("2026-01-31T01:02:")];
};

static void close_files(struct reader *reader)
{
	for (size_t i = 0; i < reader->count; i++)
		close_fd(reader->files[i]);
	reader->count = 0;
}

static bool same_file(int fd, int other)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* The current file first: should a rotation come in between, path.1 is that same file again. */
static int open_files(struct reader *reader, struct error **err)
{
	int newest_first[FILES_MAX];
	size_t count = 0;

	for (int i = 0; i < FILES_MAX; i++) {
		cleanup_free char *name =
			i > 0 ? xasprintf("%s.%d", reader->path, i) : xstrdup(reader->path);
		cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0 && errno == ENOENT && i > 0)
			break;
		if (fd < 0 && errno != ENOENT) {
			error_sys(err, "open the log '%s'", name);
			break;
		}
		if (fd >= 0 && (count == 0 || !same_file(fd, newest_first[count - 1])))
			newest_first[count++] = take_fd(&fd);
	}
	for (size_t i = 0; i < count; i++)
		reader->files[i] = newest_first[count - 1 - i];
	reader->count = count;
	reader->at = 0;
	return *err ? -1 : 0;
}

/*
 * Looks backwards for the place behind which the last *wanted lines begin; counts those of this
 * file off *wanted. An unfinished line at the end is none.
 */
static int find_tail(struct reader *reader, int fd, int64_t *wanted, off_t *ret, struct error **err)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0)
		return error_sys(err, "stat the log");
	at = st.st_size;
	while (at > 0) {
		size_t length = at < (off_t)BLOCK ? (size_t)at : BLOCK;
		ssize_t n = pread(fd, reader->buffer, length, at - (off_t)length);
		const char *newline;

		if (n != (ssize_t)length)
			return error_sys(err, "read the log");
		at -= (off_t)length;
		while ((newline = memrchr(reader->buffer, '\n', length)) != NULL) {
			/* Each line ends here: the one that is not wanted ends before the rest. */
			length = (size_t)(newline - reader->buffer);
			if ((*wanted)-- > 0)
				continue;
			*wanted = 0;
			*ret = at + (off_t)length + 1;
			return 0;
		}
	}
	*ret = 0;
	return 0;
}

static int seek_tail(struct reader *reader, struct error **err)
{
	int64_t wanted = reader->query->tail;

	if (wanted < 0 || reader->count == 0)
		return 0;
	reader->at = reader->count;
	do {
		reader->at--;
		reader->offset = 0;
		if (find_tail(reader, reader->files[reader->at], &wanted, &reader->offset, err) < 0)
			return -1;
	} while (wanted > 0 && reader->at > 0);
	return 0;
}

static int64_t line_time(struct reader *reader, const char *text)
{
	const size_t minute = sizeof(reader->minute) - 1;
	cleanup_error struct error *ignored = NULL;
	int64_t ns = 0, unit = 1000000000;

	bool ours = strlen(text) == strlen("2026-01-31T01:02:03.123456789Z") && text[29] == 'Z';

	if (ours && strncmp(text, reader->minute, minute) == 0) {
		/* Most lines share the minute of the last one: only seconds are to be read. */
		ns = ((text[minute] - '0') * 10 + text[minute + 1] - '0') * unit;
		for (size_t i = minute + 3; i < 29; i++)
			ns += (text[i] - '0') * (unit /= 10);
		return reader->minute_ns + ns;
	}
	if (clock_parse(text, &ns, &ignored) < 0)
		return 0;
	if (ours) {
		memcpy(reader->minute, text, minute);
		reader->minute_ns = ns - ns % (60 * unit);
	}
	return ns;
}

/* Non-zero ends the reading. */
static int take_line(struct reader *reader, char *text, size_t length)
{
	const struct log_query *query = reader->query;
	struct log_line line;

	/* A damaged line is no reason to withhold the others. */
	if (!log_parse_line(text, length, &line))
		return 0;
	line.time_ns = line_time(reader, line.time_text);
	if (query->since_ns > 0 && line.time_ns < query->since_ns)
		return 0;
	if (query->until_ns > 0 && line.time_ns > query->until_ns)
		return 1;
	return reader->each(&line, reader->arg);
}

/* Gives out the whole lines of the buffer, and keeps what is left. */
static int take_lines(struct reader *reader)
{
	char *at = reader->buffer, *end = reader->buffer + reader->length, *newline;
	int stop = 0;

	while (!stop && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (!reader->skipping)
			stop = take_line(reader, at, (size_t)(newline - at));
		reader->skipping = false;
		at = newline + 1;
	}
	reader->length = (size_t)(end - at);
	memmove(reader->buffer, at, reader->length);
	if (reader->length < BUFFER - BLOCK)
		return stop;
	reader->skipping = true;
	reader->length = 0;
	return stop;
}

/* Reads the current file to its present end; 1 when the reading is over. */
static int read_file(struct reader *reader, struct error **err)
{
	int fd = reader->files[reader->at];
	struct stat st;

	/* A log of one file is rotated by truncation. */
	if (fstat(fd, &st) == 0 && st.st_size < reader->offset) {
		reader->offset = 0;
		reader->length = 0;
	}
	for (;;) {
		ssize_t n = TEMP_FAILURE_RETRY(
			pread(fd, reader->buffer + reader->length, BLOCK, reader->offset));

		if (n < 0)
			return error_sys(err, "read the log '%s'", reader->path);
		if (n == 0)
			return 0;
		reader->offset += n;
		reader->length += (size_t)n;
		if (take_lines(reader) != 0)
			return 1;
	}
}

static void start_file(struct reader *reader, size_t index)
{
	reader->at = index;
	reader->offset = 0;
	reader->length = 0;
	reader->skipping = false;
}

/*
 * After a rotation: opens the files anew, and finds the one that follows what was read. 1 when
 * there is one; 0 in the moment between the writer's rename and its new file.
 */
static int reopen(struct reader *reader, struct error **err)
{
	cleanup_close int last = -1;
	size_t next = 0;

	if (reader->count > 0) {
		last = take_fd(&reader->files[reader->count - 1]);
		close_files(reader);
	}
	if (open_files(reader, err) < 0)
		return -1;
	for (size_t i = 0; last >= 0 && i < reader->count; i++)
		if (same_file(last, reader->files[i]))
			next = i + 1;
	if (next == reader->count) {
		reader->at = next > 0 ? next - 1 : 0;
		return 0;
	}
	start_file(reader, next);
	return 1;
}

/* 1 when there is a next file, and it was taken. */
static int next_file(struct reader *reader, struct error **err)
{
	struct stat now, ours;

	if (reader->at + 1 < reader->count) {
		start_file(reader, reader->at + 1);
		return 1;
	}
	if (!reader->query->follow || stat(reader->path, &now) < 0)
		return 0;
	if (reader->count > 0 && fstat(reader->files[reader->at], &ours) == 0 &&
		now.st_ino == ours.st_ino && now.st_dev == ours.st_dev)
		return 0;
	/* What was written between our last look and the rename is still to be read. */
	if (reader->count > 0) {
		int stop = read_file(reader, err);

		if (stop != 0)
			return stop < 0 ? -1 : 2;
	}
	return reopen(reader, err);
}

static int watch(const char *path, struct error **err)
{
	cleanup_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cleanup_free char *copy = xstrdup(path);

	if (fd < 0)
		return error_sys(err, "watch a log");
	if (inotify_add_watch(fd, dirname(copy), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_sys(err, "watch the directory of the log '%s'", path);
	return take_fd(&fd);
}

static void await_change(int watch_fd)
{
	struct pollfd poll_fd = { .fd = watch_fd, .events = POLLIN };
	char events[4096];

	if (poll(&poll_fd, 1, WAIT_MS) > 0)
		while (read(watch_fd, events, sizeof(events)) > 0)
			;
}

static int read_all(
	struct reader *reader, int (*ended)(void *arg), int watch_fd, struct error **err)
{
	for (;;) {
		/* Asked before the last look: what was written until then is seen by it. */
		bool over = !reader->query->follow || ended(reader->arg) != 0;
		int stop = reader->count > 0 ? read_file(reader, err) : 0;
		int more = stop == 0 ? next_file(reader, err) : 0;

		if (stop < 0 || more < 0)
			return -1;
		if (stop > 0 || more == 2 || (over && !more))
			return 0;
		if (!more)
			await_change(watch_fd);
	}
}

int log_read(const char *path, const struct log_query *query,
	int (*each)(const struct log_line *line, void *arg), int (*ended)(void *arg), void *arg,
	struct error **err) // NOLINT(readability-function-size): callbacks with their argument
{
	struct reader reader = { .path = path, .query = query, .each = each, .arg = arg };
	cleanup_free char *buffer = NULL;
	cleanup_close int watch_fd = -1;
	int result = -1;

	if (query->follow) {
		watch_fd = watch(path, err);
		if (watch_fd < 0)
			return -1;
	}
	buffer = xcalloc(1, BUFFER);
	reader.buffer = buffer;
	if (open_files(&reader, err) == 0 && seek_tail(&reader, err) == 0)
		result = read_all(&reader, ended, watch_fd, err);
	close_files(&reader);
	return result;
}

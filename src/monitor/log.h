/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's log in Docker's json-file form: one object a line,
 * {"log":"text\n","stream":"stdout","time":"…"}; lines longer than 16 KiB are cut into parts
 * without the newline. Files rotate at a size (path, path.1, path.2 …), the oldest is deleted. A
 * full disk drops lines, never blocks the container; a line on stderr says later how many.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* ---- writing: by the monitor, with one fixed buffer ---- */
struct log_writer;
struct log_writer *log_writer_new(
	const char *path, int64_t max_size, int max_files, struct error **err);
/* stream 1 or 2; bytes as they came, cut anywhere; incomplete lines wait for their end. */
void log_write(struct log_writer *log, int stream, const char *data, size_t length);
void log_flush(struct log_writer *log); /* everything that waits, as lines without an end */
void log_trim(struct log_writer *log); /* gives back the memory that a burst took */
void log_writer_free(struct log_writer *log);

/* ---- reading: by the engine ---- */
struct log_query {
	bool follow; /* until ended() says that no more will come */
	int64_t tail; /* last lines only; -1: all */
	int64_t since_ns, until_ns; /* 0: no limit */
};
struct log_line {
	int stream;
	int64_t time_ns;
	const char *time_text, *data; /* data has length bytes, with its newline if it had one */
	size_t length;
};
/* each() returning non-zero ends the reading. ended (may be NULL without follow): 1 when the
 * container is over. */
int log_read(const char *path, const struct log_query *query,
	int (*each)(const struct log_line *line, void *arg), int (*ended)(void *arg), void *arg,
	struct error **err);

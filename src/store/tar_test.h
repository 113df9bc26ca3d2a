/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: archives made byte by byte, as no writer would, and streams of them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "store/codec.h"
#include "store/stream.h"
#include "store/tar.h"
#include "store/tar_header.h"

/* Tables of entries say what is unusual about each, and nothing else. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define RAW_MAX (64UL << 20)

/* One entry; what is 0 or NULL is an ordinary value. */
struct raw {
	const char *path;
	char type; /* 0: '0' */
	const char *link;
	const char *content;
	int64_t size; /* as the header says it; -1: nothing, 0: that of content */
	unsigned int mode, uid, gid, major, minor;
	const char *size_field; /* twelve raw bytes */
	const char *uid_field; /* eight raw bytes */
	bool no_padding;
};

static inline void raw_content(struct buf *tar, const char *data, size_t length)
{
	static const char zero[TAR_BLOCK];

	buf_append(tar, data, length);
	buf_append(tar, zero, -length & (TAR_BLOCK - 1));
}

/* Without a NUL where it just fits. */
static inline void raw_text(char *field, size_t size, const char *text)
{
	for (size_t i = 0; i < size && text[i]; i++)
		field[i] = text[i];
}

static inline void raw_header(const struct raw *raw, struct tar_header *header)
{
	int64_t size = raw->size ? raw->size : raw->content ? (int64_t)strlen(raw->content) : 0;

	*header = (struct tar_header){ .type = raw->type ? raw->type : '0' };
	raw_text(header->name, sizeof(header->name), raw->path);
	if (raw->link)
		raw_text(header->link, sizeof(header->link), raw->link);
	(void)tar_number_put(header->mode, 8, raw->mode ? raw->mode : 0644);
	(void)tar_number_put(header->uid, 8, raw->uid);
	(void)tar_number_put(header->gid, 8, raw->gid);
	(void)tar_number_put(header->size, 12, size < 0 ? 0 : size);
	(void)tar_number_put(header->mtime, 12, 1000000000);
	(void)tar_number_put(header->major, 8, raw->major);
	(void)tar_number_put(header->minor, 8, raw->minor);
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	if (raw->size_field)
		memcpy(header->size, raw->size_field, 12);
	if (raw->uid_field)
		memcpy(header->uid, raw->uid_field, 8);
	tar_checksum_set(header);
}

static inline void raw_add(struct buf *tar, const struct raw *raw)
{
	struct tar_header header;

	raw_header(raw, &header);
	buf_append(tar, &header, sizeof(header));
	if (raw->content && raw->no_padding)
		buf_puts(tar, raw->content);
	else if (raw->content)
		raw_content(tar, raw->content, strlen(raw->content));
}

/* An extended header of one record, or of raw text. */
static inline void raw_pax_text(struct buf *tar, char type, const char *text, size_t length)
{
	const struct raw raw = { .path = "PaxHeaders.0/x", .type = type, .size = (int64_t)length };
	struct tar_header header;

	raw_header(&raw, &header);
	buf_append(tar, &header, sizeof(header));
	raw_content(tar, text, length);
}

static inline char *raw_record(const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, total = rest + 1;

	for (int i = 0; i < 3; i++)
		total = rest + (size_t)snprintf(NULL, 0, "%zu", total);
	return xasprintf("%zu %s=%s\n", total, key, value);
}

static inline void raw_pax(struct buf *tar, const char *key, const char *value)
{
	cleanup_free char *record = raw_record(key, value);

	raw_pax_text(tar, 'x', record, strlen(record));
}

static inline void raw_end(struct buf *tar)
{
	static const char zero[2 * TAR_BLOCK];

	buf_append(tar, zero, sizeof(zero));
}

/* The bytes as a file, at its start. */
static inline int raw_fd(const struct buf *tar)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	cleanup_error struct error *err = NULL;

	assert_false(tar->failed);
	assert_int_equal(file_write_all(fd, buf_text(tar), tar->length, "archive", &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static inline struct stream *raw_stream(int fd)
{
	const struct stream_options options = {
		.fd = fd, .copy_fd = -1, .codecs = codecs_common, .limit = STREAM_LIMIT
	};
	cleanup_error struct error *err = NULL;
	struct stream *stream = NULL;

	assert_int_equal(stream_open(&options, &stream, &err), 0);
	return stream;
}

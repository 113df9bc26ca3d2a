/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives from registries and users. Whatever the bytes, what is read keeps to the reader's
 * promises, and an entry that was read can be written and reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/codec.h"
#include "store/stream.h"
#include "store/tar.h"
#include "store/tar_header.h"

#define SIZE_MAX_HERE (1UL << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stream *open_stream(const void *data, size_t size, int fd)
{
	const struct stream_options options = {
		.fd = fd, .copy_fd = -1, .codecs = codecs_common, .limit = SIZE_MAX_HERE
	};
	struct error *err = NULL;
	struct stream *stream = NULL;

	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
		lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (stream_open(&options, &stream, &err) < 0)
		error_free(err);
	return stream;
}

static int to_buf(void *arg, const void *data, size_t length, struct error **err)
{
	buf_append(arg, data, length);
	return buf_check(arg, "archive", err);
}

static void check_round_trip(const struct tar_entry *entry)
{
	static int fd = -1;
	cleanup_buf struct buf tar = BUF_INIT(2 * SIZE_MAX_HERE);
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	cleanup_tar_reader struct tar_reader *reader = NULL;
	struct tar_entry *again;

	if (fd < 0)
		fd = memfd_create("written", MFD_CLOEXEC);
	if (tar_write_header(entry, to_buf, &tar, &err) < 0)
		return; /* more attributes than one header takes */
	stream = open_stream(buf_text(&tar), tar.length, fd);
	reader = stream ? tar_reader_new(stream) : NULL;
	if (!reader || tar_next(reader, &again, &err) != 1 || again->type != entry->type ||
		strncmp(again->path, entry->path, strlen(entry->path)) != 0 ||
		again->uid != entry->uid || again->size != entry->size ||
		again->mtime.tv_sec != entry->mtime.tv_sec || again->major != entry->major ||
		(entry->link && strcmp(again->link, entry->link) != 0))
		abort();
}

static void check_content(
	struct tar_reader *reader, const struct tar_entry *entry, struct error **err)
{
	const char *data;
	size_t length;
	int64_t offset, end = 0;

	while (tar_data(reader, &data, &length, &offset, err) > 0) {
		if (offset < end || offset + (int64_t)length > entry->size)
			abort();
		end = offset + (int64_t)length;
	}
}

/* Nobody guesses checksums: the bits of the first byte say which blocks get theirs. */
static void mend_checksums(uint8_t *data, size_t size, unsigned int which)
{
	for (size_t i = 0; (i + 1) * TAR_BLOCK <= size; i++)
		if (which & 1U << i % 8)
			tar_checksum_set((struct tar_header *)(data + i * TAR_BLOCK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	cleanup_free uint8_t *copy = xcalloc(size + 1, 1);
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	cleanup_tar_reader struct tar_reader *reader = NULL;
	struct tar_entry *entry;

	if (size < 1 || size > SIZE_MAX_HERE)
		return 0;
	if (fd < 0)
		fd = memfd_create("archive", MFD_CLOEXEC);
	memcpy(copy, data + 1, size - 1);
	mend_checksums(copy, size - 1, data[0]);
	stream = open_stream(copy, size - 1, fd);
	reader = stream ? tar_reader_new(stream) : NULL;
	while (reader && tar_next(reader, &entry, &err) > 0) {
		if (!entry->path[0] || (!entry->link) != (entry->type != TAR_SYMLINK &&
								 entry->type != TAR_HARD_LINK))
			abort();
		check_round_trip(entry);
		check_content(reader, entry, &err);
		if (err)
			break;
	}
	return 0;
}

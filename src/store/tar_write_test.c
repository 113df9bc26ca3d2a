/* SPDX-License-Identifier: Apache-2.0 */
/* What is written reads back. */
#include "store/tar_test.h"

#include <stdlib.h>

static int to_buf(void *arg, const void *data, size_t length, struct error **err)
{
	buf_append(arg, data, length);
	return buf_check(arg, "archive", err);
}

/* Of names that files can have. */
static char *long_text(size_t length, size_t slash_every)
{
	char *text = xcalloc(length + 1, 1);

	for (size_t i = 0; i < length; i++)
		text[i] = "abcdefghijklmnopqrstuvwxyz"[i % 26];
	if (slash_every == 0)
		slash_every = TAR_NAME_MAX;
	for (size_t i = slash_every; i < length; i += slash_every)
		text[i - 1] = '/';
	return text;
}

/* Lengths at which a name moves from one field to the next: 100, 100 + 1 + 155, then pax. */
static const size_t lengths[] = { 1, 98, 99, 100, 101, 155, 156, 157, 254, 255, 256, 257, 300,
	4000 };

static void check_name(size_t length, size_t slash_every, enum tar_type type)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_free char *path = long_text(length, slash_every);
	cleanup_free char *link = long_text(length, slash_every);
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	cleanup_tar_reader struct tar_reader *reader = NULL;
	cleanup_close int fd = -1;
	const struct tar_entry entry = { .type = type,
		.path = path,
		.link = type == TAR_SYMLINK ? link : NULL,
		.mode = 04755,
		.uid = length > 200 ? 4000000000U : 1000, /* more than 21 bits: by pax */
		.gid = 7,
		.mtime.tv_sec = length > 100 ? -5 : 123456789 };
	struct tar_entry *read = NULL;
	size_t got;

	assert_int_equal(tar_write_header(&entry, to_buf, &tar, &err), 0);
	assert_int_equal(tar_write_end(to_buf, &tar, &err), 0);
	fd = raw_fd(&tar);
	stream = raw_stream(fd);
	reader = tar_reader_new(stream);
	assert_int_equal(tar_next(reader, &read, &err), 1);
	got = strlen(read->path);
	if (type == TAR_DIRECTORY)
		assert_int_equal(read->path[--got], '/');
	assert_int_equal(got, length);
	assert_memory_equal(read->path, path, length);
	if (type == TAR_SYMLINK)
		assert_string_equal(read->link, link);
	assert_int_equal(read->type, type);
	assert_int_equal(read->mode, entry.mode);
	assert_int_equal(read->uid, entry.uid);
	assert_int_equal(read->gid, entry.gid);
	assert_int_equal(read->mtime.tv_sec, entry.mtime.tv_sec);
	assert_int_equal(tar_next(reader, &read, &err), 0);
}

static void written_headers_read_back(void **state)
{
	static const size_t slashes[] = { 0, 10, 60, 120 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t j = 0; j < 4; j++) {
			check_name(lengths[i], slashes[j], TAR_FILE);
			check_name(lengths[i], slashes[j], TAR_DIRECTORY);
			check_name(lengths[i], slashes[j], TAR_SYMLINK);
		}
}

static void written_attributes_read_back(void **state)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	cleanup_tar_reader struct tar_reader *reader = NULL;
	cleanup_close int fd = -1;
	struct tar_xattr xattrs[] = { { (char *)"security.capability", (char *)"\1\0\0\2", 4 },
		{ (char *)"user.empty", (char *)"", 0 },
		{ (char *)"user.with=sign\n", (char *)"a=b\nc", 5 } };
	const struct tar_entry entry = { .path = (char *)"f", .xattrs = { xattrs, 3 } };
	struct tar_entry *read = NULL;

	(void)state;
	assert_int_equal(tar_write_header(&entry, to_buf, &tar, &err), 0);
	fd = raw_fd(&tar);
	stream = raw_stream(fd);
	reader = tar_reader_new(stream);
	assert_int_equal(tar_next(reader, &read, &err), 1);
	assert_int_equal(read->xattrs.count, 2); /* pax cannot say a key with '=' in it */
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(read->xattrs.items[i].name, xattrs[i].name);
		assert_int_equal(read->xattrs.items[i].length, xattrs[i].length);
		assert_memory_equal(read->xattrs.items[i].value, xattrs[i].value, xattrs[i].length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_headers_read_back),
		cmocka_unit_test(written_attributes_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

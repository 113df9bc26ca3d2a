/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tar_test.h"

#include <stdlib.h>

#include "store/tar_reader.h"

/* ---- archives that are refused ---- */

static void put_text(struct buf *tar)
{
	for (int i = 0; i < 100; i++)
		buf_puts(tar, "This is a text.\n");
}

static void put_checksum(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "good" });
	raw_add(tar, &(struct raw){ .path = "bad" });
	tar->data[TAR_BLOCK] ^= 1;
	raw_end(tar);
}

static void put_cut_header(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "good" });
	buf_append(tar, "cut", 3);
}

static void put_cut_content(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "cut", .size = 1000, .content = "short" });
}

static void put_cut_padding(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "cut", .content = "short", .no_padding = true });
}

static void put_zero_between(struct buf *tar)
{
	static const char zero[TAR_BLOCK];

	raw_add(tar, &(struct raw){ .path = "one" });
	buf_append(tar, zero, sizeof(zero));
	raw_add(tar, &(struct raw){ .path = "two" });
	raw_end(tar);
}

static void put_negative_size(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x",
			     .size_field = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe" });
}

static void put_huge_size(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x",
			     .size_field = "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff" });
}

static void put_larger_size(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .size_field = "\x80\x01\0\0\0\0\0\0\0\0\0\0" });
}

static void put_text_size(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .size_field = "0000000x000" });
}

static void put_owner_of_nobody(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .uid_field = "\x80\0\0\0\xff\xff\xff\xff" });
}

static void put_negative_owner(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .uid_field = "\xff\xff\xff\xff\xff\xff\xff\xff" });
}

static void put_large_owner(struct buf *tar)
{
	raw_pax(tar, "uid", "4294967296");
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_unknown_type(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .type = 'Z' });
}

static void put_no_name(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "" });
}

static void put_link_to_nothing(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .type = '2' });
}

static void put_pax_nul(struct buf *tar)
{
	raw_pax_text(tar, 'x', "14 path=a\0bcd\n", 14);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_key_nul(struct buf *tar)
{
	raw_pax_text(tar, 'x', "11 pa\0th=a\n", 11);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_length(struct buf *tar)
{
	raw_pax_text(tar, 'x', "99 path=abc\n", 12);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_zero_length(struct buf *tar)
{
	raw_pax_text(tar, 'x', "0 path=abc\n", 11);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_no_newline(struct buf *tar)
{
	raw_pax_text(tar, 'x', "11 path=abc", 11);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_time(struct buf *tar)
{
	raw_pax(tar, "mtime", "nan");
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_exponent(struct buf *tar)
{
	raw_pax(tar, "mtime", "1e308");
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_pax_negative_size(struct buf *tar)
{
	raw_pax(tar, "size", "-1");
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_long_path(struct buf *tar)
{
	cleanup_free char *path = xcalloc(TAR_PATH_MAX + 2, 1);

	memset(path, 'a', TAR_PATH_MAX + 1);
	raw_pax(tar, "path", path);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_large_pax(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "p", .type = 'x', .size = TAR_PAX_MAX + 1 });
}

static void put_large_name(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "L", .type = 'L', .size = TAR_PATH_MAX + 2 });
}

static void put_pax_alone(struct buf *tar)
{
	raw_pax(tar, "path", "x");
	raw_end(tar);
}

static void put_broken_global(struct buf *tar)
{
	raw_pax_text(tar, 'g', "no record", 9);
	raw_add(tar, &(struct raw){ .path = "x" });
}

static void put_large_device(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "x", .type = '3', .major = 0x1000 });
}

static void put_sparse_overlap(struct buf *tar)
{
	cleanup_free char *size = raw_record("GNU.sparse.size", "100");
	cleanup_free char *map = raw_record("GNU.sparse.map", "0,3,2,3");
	cleanup_free char *both = xasprintf("%s%s", size, map);

	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "x", .content = "abcdef" });
}

static void put_sparse_short(struct buf *tar)
{
	cleanup_free char *size = raw_record("GNU.sparse.size", "100");
	cleanup_free char *map = raw_record("GNU.sparse.map", "0,3");
	cleanup_free char *both = xasprintf("%s%s", size, map);

	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "x", .content = "abcdef" });
}

static void put_sparse_beyond(struct buf *tar)
{
	cleanup_free char *size = raw_record("GNU.sparse.size", "5");
	cleanup_free char *map = raw_record("GNU.sparse.map", "0,6");
	cleanup_free char *both = xasprintf("%s%s", size, map);

	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "x", .content = "abcdef" });
}

static void put_sparse_overflow(struct buf *tar)
{
	cleanup_free char *size = raw_record("GNU.sparse.size", "9223372036854775807");
	cleanup_free char *map = raw_record("GNU.sparse.map", "9223372036854775800,100");
	cleanup_free char *both = xasprintf("%s%s", size, map);

	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "x", .content = "abcdef" });
}

static void put_sparse_text_without_end(struct buf *tar)
{
	cleanup_free char *major = raw_record("GNU.sparse.major", "1");
	cleanup_free char *minor = raw_record("GNU.sparse.minor", "0");
	cleanup_free char *both = xasprintf("%s%s", major, minor);
	cleanup_free char *digits = xcalloc(5 * TAR_BLOCK + 1, 1);

	memset(digits, '1', 5UL * TAR_BLOCK);
	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "x", .content = digits });
}

static void put_sparse_many(struct buf *tar)
{
	cleanup_free char *major = raw_record("GNU.sparse.major", "1");
	cleanup_free char *minor = raw_record("GNU.sparse.minor", "0");
	cleanup_free char *both = xasprintf("%s%s", major, minor);
	cleanup_buf struct buf map = BUF_INIT(RAW_MAX);

	buf_printf(&map, "%d\n", TAR_EXTENTS_MAX + 1);
	for (int i = 0; i <= TAR_EXTENTS_MAX; i++)
		buf_puts(&map, "0\n0\n");
	while (map.length % TAR_BLOCK != 0)
		buf_putc(&map, '\n');
	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "x", .content = buf_text(&map) });
}

static void put_nothing(struct buf *tar)
{
	(void)tar;
}

static const struct {
	const char *why, *says;
	void (*put)(struct buf *tar);
} refused[] = {
	{ "no bytes at all", "nothing in it", put_nothing },
	{ "a text", "no tar archive", put_text },
	{ "one bit flipped", "wrong checksum", put_checksum },
	{ "cut in a header", "ends in the middle", put_cut_header },
	{ "cut in a file", "ends in the middle", put_cut_content },
	{ "cut in the padding", "ends in the middle", put_cut_padding },
	{ "one zero block hides what follows from some readers", "zero block", put_zero_between },
	{ "negative size", "out of range", put_negative_size },
	{ "size whose padding overflows", "out of range", put_huge_size },
	{ "size of more than 63 bits", "out of range", put_larger_size },
	{ "size that is no number", "not a number", put_text_size },
	{ "uid -1 means 'do not change'", "out of range", put_owner_of_nobody },
	{ "negative uid", "out of range", put_negative_owner },
	{ "uid that would be cut to 0", "out of range", put_large_owner },
	{ "type that nobody knows", "unknown type", put_unknown_type },
	{ "no name", "no name", put_no_name },
	{ "no target", "link to nothing", put_link_to_nothing },
	{ "NUL in a path: checks and kernel would see two names", "NUL", put_pax_nul },
	{ "NUL in a key", "no key", put_pax_key_nul },
	{ "record longer than the header", "wrong length", put_pax_length },
	{ "record of length 0 would loop", "wrong length", put_pax_zero_length },
	{ "record without its end", "wrong length", put_pax_no_newline },
	{ "time that is not a number", "not a number", put_pax_time },
	{ "time with an exponent", "not a number", put_pax_exponent },
	{ "negative size by pax", "not a number", put_pax_negative_size },
	{ "path over the cap", "longer than 4096", put_long_path },
	{ "pax over the cap", "more than 1048576", put_large_pax },
	{ "GNU name over the cap", "more than 4097", put_large_name },
	{ "pax without entry", "after an extended header", put_pax_alone },
	{ "global header that is none", "not a number", put_broken_global },
	{ "device number of more bits than the kernel's", "out of range", put_large_device },
	{ "sparse parts that overlap", "broken sparse map", put_sparse_overlap },
	{ "sparse parts that are less than the data", "broken sparse map", put_sparse_short },
	{ "sparse part beyond the end", "broken sparse map", put_sparse_beyond },
	{ "sparse part that overflows", "broken sparse map", put_sparse_overflow },
	{ "sparse map of one endless number", "broken sparse map", put_sparse_text_without_end },
	{ "sparse parts over the cap", "more than 100000 parts", put_sparse_many },
};

/* Reads all; returns how many entries, or -1. */
static int read_all(struct stream *stream, struct error **err)
{
	cleanup_tar_reader struct tar_reader *reader = tar_reader_new(stream);
	struct tar_entry *entry;
	int count = 0, more;

	while ((more = tar_next(reader, &entry, err)) > 0) {
		const char *data;
		size_t length;
		int64_t offset;

		count++;
		do
			more = tar_data(reader, &data, &length, &offset, err);
		while (more > 0);
		if (more < 0)
			return -1;
	}
	return more < 0 ? -1 : count;
}

static void hostile_archives_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_stream struct stream *stream = NULL;
		cleanup_close int fd = -1;

		refused[i].put(&tar);
		fd = raw_fd(&tar);
		stream = raw_stream(fd);
		if (read_all(stream, &err) >= 0 || !strstr(error_message(err), refused[i].says))
			fail_msg("%s: %s", refused[i].why, err ? error_message(err) : "taken");
	}
}

/* ---- archives that are taken, and how they read ---- */

static void put_two_paths(struct buf *tar)
{
	cleanup_free char *one = raw_record("path", "one"), *two = raw_record("path", "two");
	cleanup_free char *both = xasprintf("%s%s", one, two);

	raw_pax_text(tar, 'x', both, strlen(both));
	raw_add(tar, &(struct raw){ .path = "three" });
}

static void put_gnu_and_pax(struct buf *tar)
{
	raw_pax(tar, "path", "pax");
	raw_add(tar, &(struct raw){ .path = "L", .type = 'L', .content = "gnu" });
	raw_add(tar, &(struct raw){ .path = "ustar" });
}

static void put_global_path(struct buf *tar)
{
	cleanup_free char *record = raw_record("path", "global");

	raw_pax_text(tar, 'g', record, strlen(record));
	raw_add(tar, &(struct raw){ .path = "own" });
}

static void put_empty_value(struct buf *tar)
{
	raw_pax(tar, "path", "");
	raw_add(tar, &(struct raw){ .path = "own" });
}

static void put_v7_directory(struct buf *tar)
{
	struct tar_header header;

	raw_header(&(struct raw){ .path = "dir/" }, &header);
	header.type = '\0';
	memset(header.magic, 0, sizeof(header.magic));
	tar_checksum_set(&header);
	buf_append(tar, &header, sizeof(header));
}

static void put_prefix(struct buf *tar)
{
	struct tar_header header;

	raw_header(&(struct raw){ .path = "name" }, &header);
	memcpy(header.prefix, "prefix", 6);
	tar_checksum_set(&header);
	buf_append(tar, &header, sizeof(header));
}

static void put_gnu_prefix(struct buf *tar)
{
	struct tar_header header;

	/* There GNU has the time of access. */
	raw_header(&(struct raw){ .path = "name" }, &header);
	memcpy(header.magic, "ustar  ", 8);
	memcpy(header.prefix, "13765432101", 12);
	tar_checksum_set(&header);
	buf_append(tar, &header, sizeof(header));
}

static void put_signed_checksum(struct buf *tar)
{
	struct tar_header header;
	int64_t sum = 0;

	raw_header(&(struct raw){ .path = "\xff\xff" }, &header);
	memset(header.checksum, ' ', sizeof(header.checksum));
	for (size_t i = 0; i < sizeof(header); i++)
		sum += ((const signed char *)&header)[i];
	(void)tar_number_put(header.checksum, 7, sum);
	buf_append(tar, &header, sizeof(header));
}

static void put_link_with_size(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "link", .type = '1', .link = "x", .size = 512 });
}

static void put_magic_name(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "BZh91AY" });
}

static void put_no_end(struct buf *tar)
{
	raw_add(tar, &(struct raw){ .path = "alone" });
}

static const struct {
	const char *why, *path;
	enum tar_type type;
	void (*put)(struct buf *tar);
} taken[] = {
	{ "the later of two records wins", "two", TAR_FILE, put_two_paths },
	{ "GNU's name wins over pax", "gnu", TAR_FILE, put_gnu_and_pax },
	{ "a global header names nothing", "own", TAR_FILE, put_global_path },
	{ "an empty value is none", "own", TAR_FILE, put_empty_value },
	{ "V7: a slash makes a directory", "dir/", TAR_DIRECTORY, put_v7_directory },
	{ "prefix and name", "prefix/name", TAR_FILE, put_prefix },
	{ "GNU has no prefix", "name", TAR_FILE, put_gnu_prefix },
	{ "checksum of signed bytes", "\xff\xff", TAR_FILE, put_signed_checksum },
	{ "a link has no content", "link", TAR_HARD_LINK, put_link_with_size },
	{ "without blocks at the end", "alone", TAR_FILE, put_no_end },
	{ "a name that looks compressed", "BZh91AY", TAR_FILE, put_magic_name },
};

static void entries_read_as_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_stream struct stream *stream = NULL;
		cleanup_tar_reader struct tar_reader *reader = NULL;
		cleanup_close int fd = -1;
		struct tar_entry *entry = NULL;

		print_message("%s\n", taken[i].why);
		taken[i].put(&tar);
		fd = raw_fd(&tar);
		stream = raw_stream(fd);
		reader = tar_reader_new(stream);
		assert_int_equal(tar_next(reader, &entry, &err), 1);
		assert_string_equal(entry->path, taken[i].path);
		assert_int_equal(entry->type, taken[i].type);
		assert_int_equal(tar_next(reader, &entry, &err), 0);
	}
}

static void sparse_parts_have_their_places(void **state)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_free char *size = raw_record("GNU.sparse.size", "2000");
	cleanup_free char *map = raw_record("GNU.sparse.map", "10,3,13,0,1000,3,2000,0");
	cleanup_free char *name = raw_record("GNU.sparse.name", "real");
	cleanup_free char *all = xasprintf("%s%s%s", size, map, name);
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	cleanup_tar_reader struct tar_reader *reader = NULL;
	cleanup_close int fd = -1;
	struct tar_entry *entry;
	const char *data;
	size_t length, total = 0;
	int64_t offset;
	char file[2000] = { 0 };

	(void)state;
	raw_pax_text(&tar, 'x', all, strlen(all));
	raw_add(&tar, &(struct raw){ .path = "GNUSparseFile.1/real", .content = "abcdef" });
	raw_end(&tar);
	fd = raw_fd(&tar);
	stream = raw_stream(fd);
	reader = tar_reader_new(stream);
	assert_int_equal(tar_next(reader, &entry, &err), 1);
	assert_string_equal(entry->path, "real");
	assert_int_equal(entry->size, 2000);
	while (tar_data(reader, &data, &length, &offset, &err) > 0) {
		assert_in_range(offset, 0, (int64_t)(sizeof(file) - length));
		memcpy(file + offset, data, length);
		total += length;
	}
	assert_null(err);
	assert_int_equal(total, 6);
	assert_memory_equal(file + 10, "abc", 3);
	assert_memory_equal(file + 1000, "def", 3);
	assert_int_equal(tar_next(reader, &entry, &err), 0);
}

static void headers_are_counted(void **state)
{
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	cleanup_tar_reader struct tar_reader *reader = NULL;
	cleanup_close int fd = -1;
	struct tar_entry *entry;

	(void)state;
	raw_add(&tar, &(struct raw){ .path = "last" });
	raw_add(&tar, &(struct raw){ .path = "too many" });
	fd = raw_fd(&tar);
	stream = raw_stream(fd);
	reader = tar_reader_new(stream);
	reader->headers = TAR_HEADERS_MAX - 1;
	assert_int_equal(tar_next(reader, &entry, &err), 1);
	assert_int_equal(tar_next(reader, &entry, &err), -1);
	assert_non_null(strstr(error_message(err), "more than 5000000 headers"));
}

static const struct {
	const char *text;
	int64_t seconds;
	long ns;
} times[] = {
	{ "0", 0, 0 },
	{ "1000000000", 1000000000, 0 },
	{ "1.5", 1, 500000000 },
	{ "1.123456789999", 1, 123456789 },
	{ "-1", -1, 0 },
	{ "-1.25", -2, 750000000 },
	{ "1.", 1, 0 },
};

static void times_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		cleanup_free char *record = raw_record("mtime", times[i].text);
		cleanup_error struct error *err = NULL;
		struct tar_pax pax = TAR_PAX_INIT;

		assert_int_equal(tar_pax_parse(&pax, record, strlen(record), &err), 0);
		assert_true(pax.has_mtime);
		assert_int_equal(pax.mtime.tv_sec, times[i].seconds);
		assert_int_equal(pax.mtime.tv_nsec, times[i].ns);
		tar_pax_done(&pax);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_archives_are_refused),
		cmocka_unit_test(entries_read_as_meant),
		cmocka_unit_test(sparse_parts_have_their_places),
		cmocka_unit_test(headers_are_counted),
		cmocka_unit_test(times_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

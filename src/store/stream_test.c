/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stream.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#if __has_include(<isa-l/igzip_lib.h>)
#	define HAVE_ISAL
#	include "store/codec_isal.c" // NOLINT(bugprone-suspicious-include): not in the library
#endif
#include "store/tar_test.h"

#define TEXT "what is in the archive"

static void add_gzip(struct buf *out, const char *text)
{
	z_stream z = { 0 };
	char *room = buf_reserve(out, 4096);

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (z_const Bytef *)text;
	z.avail_in = (unsigned int)strlen(text);
	z.next_out = (unsigned char *)room;
	z.avail_out = 4096;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->length += z.total_out;
	deflateEnd(&z);
}

static void add_zstd(struct buf *out, const char *text)
{
	char *room = buf_reserve(out, 4096);
	size_t length = ZSTD_compress(room, 4096, text, strlen(text), 3);

	assert_false(ZSTD_isError(length));
	out->length += length;
}

static void put_gzip(struct buf *out)
{
	add_gzip(out, TEXT);
}

static void put_two_members(struct buf *out)
{
	add_gzip(out, "what is ");
	add_gzip(out, "in the archive");
}

static void put_empty_members(struct buf *out)
{
	for (int i = 0; i < 20000; i++)
		add_gzip(out, "");
	add_gzip(out, TEXT);
	for (int i = 0; i < 20000; i++)
		add_gzip(out, "");
}

static void put_gzip_zeros(struct buf *out)
{
	static const char zero[1000];

	add_gzip(out, TEXT);
	buf_append(out, zero, sizeof(zero));
}

static void put_gzip_junk(struct buf *out)
{
	add_gzip(out, TEXT);
	buf_puts(out, "junk");
}

static void put_gzip_flags(struct buf *out)
{
	add_gzip(out, TEXT);
	out->data[3] = (char)0x80;
}

static void put_gzip_length(struct buf *out)
{
	add_gzip(out, TEXT);
	out->data[out->length - 1] ^= 1;
}

static void put_gzip_sum(struct buf *out)
{
	add_gzip(out, TEXT);
	out->data[out->length - 5] ^= 1;
}

static void put_gzip_cut(struct buf *out)
{
	add_gzip(out, TEXT);
	out->length -= 4;
}

static void put_zstd(struct buf *out)
{
	add_zstd(out, TEXT);
}

static void put_zstd_frames(struct buf *out)
{
	buf_append(out, "\x5a\x2a\x4d\x18\3\0\0\0abc", 11); /* one that is skipped */
	add_zstd(out, "what is ");
	add_zstd(out, "");
	add_zstd(out, "in the archive");
}

static void put_zstd_cut(struct buf *out)
{
	add_zstd(out, TEXT);
	out->length -= 1;
}

static void put_zstd_junk(struct buf *out)
{
	add_zstd(out, TEXT);
	buf_puts(out, "junkjunk");
}

/* A frame by hand (RFC 8878 3.1.1): a window of 2^log bytes, one raw block of one byte. */
static void put_window(struct buf *out, int log)
{
	buf_append(out, "\x28\xb5\x2f\xfd\0", 5);
	buf_putc(out, (char)((log - 10) << 3));
	buf_append(out, "\x09\0\0x", 4);
}

static void put_largest_window(struct buf *out)
{
	put_window(out, 27);
}

static void put_larger_window(struct buf *out)
{
	put_window(out, 28);
}

static void put_bzip2(struct buf *out)
{
	buf_puts(out, "BZh91AY&SY");
}

static void put_plain(struct buf *out)
{
	buf_puts(out, TEXT);
}

static const struct {
	const char *why, *text; /* text NULL: refused, and says what */
	const char *says;
	void (*put)(struct buf *out);
} streams[] = {
	{ "plain", TEXT, NULL, put_plain },
	{ "gzip", TEXT, NULL, put_gzip },
	{ "gzip members are one stream", TEXT, NULL, put_two_members },
	{ "gzip members of nothing", TEXT, NULL, put_empty_members },
	{ "gzip padded with zeros", TEXT, NULL, put_gzip_zeros },
	{ "gzip, then something else", NULL, "no gzip data", put_gzip_junk },
	{ "gzip cut", NULL, "ends too early", put_gzip_cut },
	{ "gzip with flags that mean nothing", NULL, "unknown header flags", put_gzip_flags },
	{ "gzip with another length", NULL, "broken gzip data: incorrect", put_gzip_length },
	{ "gzip with another checksum", NULL, "broken gzip data: incorrect", put_gzip_sum },
	{ "zstd", TEXT, NULL, put_zstd },
	{ "zstd frames, skipped and empty ones", TEXT, NULL, put_zstd_frames },
	{ "zstd cut", NULL, "ends too early", put_zstd_cut },
	{ "zstd, then something else", NULL, "broken zstd data", put_zstd_junk },
	{ "zstd window at the cap", "x", NULL, put_largest_window },
	{ "zstd window over the cap", NULL, "needs more than 128 MiB", put_larger_window },
	{ "a form that is not linked here", NULL, "bzip2 archives are not supported", put_bzip2 },
};

/* By zlib, then by ISA-L where the machine has it. */
static const struct codec *const *codecs = codecs_common;

static int read_text(int fd, int copy_fd, uint64_t limit, struct buf *ret, struct error **err)
{
	const struct stream_options options = {
		.fd = fd, .copy_fd = copy_fd, .codecs = codecs, .limit = limit
	};
	cleanup_stream struct stream *stream = NULL;
	const char *data;
	ssize_t n;

	if (stream_open(&options, &stream, err) < 0)
		return -1;
	while ((n = stream_peek(stream, 1, &data, err)) > 0) {
		buf_append(ret, data, (size_t)n);
		stream_skip(stream, (size_t)n);
	}
	return (int)n;
}

static void streams_read_by_their_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		cleanup_buf struct buf packed = BUF_INIT(RAW_MAX), text = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = -1;
		int result;

		streams[i].put(&packed);
		fd = raw_fd(&packed);
		result = read_text(fd, -1, STREAM_LIMIT, &text, &err);
		print_message("%s: %s\n", streams[i].why, err ? error_message(err) : "read");
		if (streams[i].text) {
			assert_int_equal(result, 0);
			assert_string_equal(buf_text(&text), streams[i].text);
		} else {
			assert_int_equal(result, -1);
			assert_non_null(strstr(error_message(err), streams[i].says));
		}
	}
}

/* At the cap, and one byte above; a bomb is told by what comes out, not by what went in. */
static void output_has_a_ceiling(void **state)
{
	static void (*const puts[])(struct buf * out) = { put_plain, put_gzip, put_zstd };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf packed = BUF_INIT(RAW_MAX), text = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = -1;

		puts[i](&packed);
		fd = raw_fd(&packed);
		assert_int_equal(read_text(fd, -1, strlen(TEXT), &text, &err), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(read_text(fd, -1, strlen(TEXT) - 1, &text, &err), -1);
		assert_non_null(strstr(error_message(err), "unpacks to more than 21 bytes"));
	}
}

/* Larger than every buffer, taken in odd pieces: what is shown, and copied, is all of it once. */
static void windows_slide(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(RAW_MAX), packed = BUF_INIT(RAW_MAX);
	cleanup_error struct error *err = NULL;
	cleanup_free char *copied = NULL;
	cleanup_close int fd = -1, copy_fd = memfd_create("copy", MFD_CLOEXEC);
	const struct stream_options options = {
		.fd = -1, .copy_fd = copy_fd, .codecs = codecs_common, .limit = STREAM_LIMIT
	};
	struct stream_options with_fd = options;
	cleanup_stream struct stream *stream = NULL;
	uint32_t random = 1;
	size_t at = 0, length;
	const char *data;
	char *room;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < 900000; i++) {
		random = random * 1664525 + 1013904223;
		buf_append(&in, &random, 3);
	}
	room = buf_reserve(&packed, in.length + 65536);
	length = ZSTD_compress(room, in.length + 65536, in.data, in.length, 1);
	assert_false(ZSTD_isError(length));
	packed.length = length;
	fd = raw_fd(&packed);
	with_fd.fd = fd;
	assert_int_equal(stream_open(&with_fd, &stream, &err), 0);
	while ((n = stream_peek(stream, TAR_BLOCK, &data, &err)) > 0) {
		size_t part = (size_t)n > 70001 ? 70001 : (size_t)n;

		assert_true((size_t)n >= TAR_BLOCK || at + (size_t)n == in.length);
		assert_memory_equal(data, in.data + at, part);
		stream_skip(stream, part);
		at += part;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, in.length);
	assert_int_equal(lseek(copy_fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(copy_fd, "copy", RAW_MAX, &copied, &err), in.length);
	assert_memory_equal(copied, in.data, in.length);
}

#ifdef HAVE_ISAL
static int use_isal(void **state)
{
	static const struct codec *others[] = { NULL, &codec_zstd, NULL };

	(void)state;
	others[0] = codec_isal();
	if (!others[0])
		print_message("skipped: this machine has no libisal.so.2\n");
	else
		codecs = others;
	return 0;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_read_by_their_content),
		cmocka_unit_test(output_has_a_ceiling),
		cmocka_unit_test(windows_slide),
#ifdef HAVE_ISAL
		cmocka_unit_test_setup(streams_read_by_their_content, use_isal),
		cmocka_unit_test_setup(output_has_a_ceiling, use_isal),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "monitor/log_json.h"

struct fixture {
	char dir[32];
	char *path;
	struct log_writer *log;
};

static void fixture_setup(struct fixture *f, int64_t max_size, int max_files)
{
	cleanup_error struct error *err = NULL;

	strcpy(f->dir, "/tmp/log_test.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = xasprintf("%s/json.log", f->dir);
	f->log = log_writer_new(f->path, max_size, max_files, &err);
	assert_non_null(f->log);
}

static void fixture_done(struct fixture *f)
{
	cleanup_error struct error *err = NULL;

	log_writer_free(f->log);
	free(f->path);
	assert_int_equal(tree_remove_at(AT_FDCWD, f->dir, &err), 0);
}

/* What log_read() gives out: the text of each stream, and of lines "STREAM LENGTH;" */
struct collected {
	struct buf text[2], lines;
	int64_t stop_after, count;
	int64_t first_ns, last_ns;
};

#define COLLECTED_INIT \
	{ \
		.text = { BUF_INIT(BUF_LARGE), BUF_INIT(BUF_LARGE) }, .lines = BUF_INIT(BUF_LARGE) \
	}

static void collected_done(struct collected *c)
{
	buf_done(&c->text[0]);
	buf_done(&c->text[1]);
	buf_done(&c->lines);
}

static int collect(const struct log_line *line, void *arg)
{
	struct collected *c = arg;

	buf_append(&c->text[line->stream - 1], line->data, line->length);
	if (c->count < 100)
		buf_printf(&c->lines, "%d %zu;", line->stream, line->length);
	if (c->count++ == 0)
		c->first_ns = line->time_ns;
	c->last_ns = line->time_ns;
	return c->stop_after > 0 && c->count == c->stop_after;
}

static void read_log(const char *path, int64_t tail, struct collected *ret)
{
	cleanup_error struct error *err = NULL;
	struct log_query query = { .tail = tail };

	if (log_read(path, &query, collect, NULL, ret, &err) < 0)
		fail_msg("%s", error_message(err));
}

/* Each line of the file is valid JSON to somebody else's parser. */
static void check_json(const char *path)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(AT_FDCWD, path, BUF_LARGE, &text, &err);
	char *newline;

	assert_true(length >= 0);
	for (char *at = text; at < text + length; at = newline + 1) {
		cleanup_json struct json_object *obj = NULL;

		newline = strchr(at, '\n');
		assert_non_null(newline);
		if (json_parse(at, (size_t)(newline - at), "line", &obj, &err) < 0)
			fail_msg("%s: %.100s", error_message(err), at);
	}
}

#define FFFD "\xef\xbf\xbd"
static const struct {
	const char *why, *in;
	size_t length; /* 0: strlen */
	const char *escaped, *out; /* out NULL: as in */
} texts[] = {
	{ "plain", "hello\n", 0, "hello\\n", NULL },
	{ "eight and more plain bytes take the fast way", "0123456789abcdef~", 0,
		"0123456789abcdef~", NULL },
	{ "care is needed in the last of eight", "1234567\"", 0, "1234567\\\"", NULL },
	{ "what JSON quotes", "\"\\\r\t\b\x1b[0m", 0, "\\\"\\\\\\r\\t\\u0008\\u001b[0m", NULL },
	{ "NUL is a byte like others", "a\0b", 3, "a\\u0000b", NULL },
	{ "valid UTF-8 of each length", "\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80", 0,
		"\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80", NULL },
	{ "DEL needs no escape", "\x7f", 0, "\x7f", NULL },
	{ "a byte that starts nothing", "a\xff z", 0, "a\\ufffd z", "a" FFFD " z" },
	{ "a lone continuation", "\x80", 0, "\\ufffd", FFFD },
	{ "cut short: one for each byte", "\xe4\xb8", 0, "\\ufffd\\ufffd", FFFD FFFD },
	{ "too long a form of /", "\xc0\xaf", 0, "\\ufffd\\ufffd", FFFD FFFD },
	{ "too long, three bytes", "\xe0\x80\xaf", 0, "\\ufffd\\ufffd\\ufffd", FFFD FFFD FFFD },
	{ "a surrogate", "\xed\xa0\x80", 0, "\\ufffd\\ufffd\\ufffd", FFFD FFFD FFFD },
	{ "beyond Unicode", "\xf4\x90\x80\x80", 0, "\\ufffd\\ufffd\\ufffd\\ufffd",
		FFFD FFFD FFFD FFFD },
};

static void test_escape(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t length = texts[i].length ? texts[i].length : strlen(texts[i].in);
		const char *out = texts[i].out ? texts[i].out : texts[i].in;
		size_t out_length = texts[i].out ? strlen(out) : length;
		char escaped[256], line[512];
		struct log_line parsed;
		int n;

		*log_escape(escaped, texts[i].in, length) = '\0';
		if (strcmp(escaped, texts[i].escaped) != 0)
			fail_msg("%s: %s", texts[i].why, escaped);
		n = snprintf(line, sizeof(line),
			"{\"log\":\"%s\",\"stream\":\"stderr\",\"time\":\"T\"}", escaped);
		assert_true(log_parse_line(line, (size_t)n, &parsed));
		assert_int_equal(parsed.stream, 2);
		assert_string_equal(parsed.time_text, "T");
		if (parsed.length != out_length || memcmp(parsed.data, out, out_length) != 0)
			fail_msg("%s: round trip", texts[i].why);
	}
}

static const struct {
	const char *why, *line;
	bool good;
	const char *data;
} lines[] = {
	{ "ours", "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"T\"}", true, "a" },
	{ "surrogate pair", "{\"log\":\"\\ud83d\\ude00\",\"stream\":\"stdout\",\"time\":\"T\"}",
		true, "\xf0\x9f\x98\x80" },
	{ "lone half", "{\"log\":\"\\ud83dx\",\"stream\":\"stdout\",\"time\":\"T\"}", true,
		FFFD "x" },
	{ "all escapes", "{\"log\":\"\\/\\b\\f\\u00e4\",\"stream\":\"stdout\",\"time\":\"T\"}",
		true, "/\b\f\xc3\xa4" },
	{ "torn", "{\"log\":\"abc", false, NULL },
	{ "torn in an escape", "{\"log\":\"abc\\", false, NULL },
	{ "torn in digits", "{\"log\":\"\\u00", false, NULL },
	{ "bad escape", "{\"log\":\"\\x\",\"stream\":\"stdout\",\"time\":\"T\"}", false, NULL },
	{ "no time", "{\"log\":\"a\",\"stream\":\"stdout\"}", false, NULL },
	{ "empty", "", false, NULL },
	{ "not ours", "plain text", false, NULL },
};

static void test_parse_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		/* Of its exact size: a sanitizer sees a step beyond. */
		size_t length = strlen(lines[i].line);
		cleanup_free char *line = xcalloc(1, length);
		struct log_line parsed;

		memcpy(line, lines[i].line, length);
		if (log_parse_line(line, length, &parsed) != lines[i].good)
			fail_msg("%s", lines[i].why);
		if (lines[i].good)
			assert_string_equal(parsed.data, lines[i].data);
	}
}

/* ---- lines and their parts ---- */

static const struct {
	const char *why;
	size_t bytes; /* of 'x' before the newline */
	const char *character; /* at the cut, in place of an x */
	bool newline;
	const char *lines;
} cuts[] = {
	{ "short", 5, NULL, true, "1 6;" },
	{ "no newline until the flush", 5, NULL, false, "1 5;" },
	{ "fits exactly, with its newline", LOG_PART_MAX - 1, NULL, true, "1 16384;" },
	{ "the newline does not fit", LOG_PART_MAX, NULL, true, "1 16384;1 1;" },
	{ "long, no newline", 40000, NULL, false, "1 16384;1 16384;1 7232;" },
	{ "no character is cut in two", LOG_PART_MAX - 2, "\xe4\xb8\xad", true, "1 16382;1 4;" },
};

static void test_cut(void **state)
{
	static const size_t chunks[] = { 65536, 1, 7, 4096, 16384 };

	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts) * 5; i++) {
		size_t row = i / 5, chunk = chunks[i % 5];
		struct collected got = COLLECTED_INIT;
		cleanup_buf struct buf in = BUF_INIT(BUF_LARGE);
		struct fixture f;

		fixture_setup(&f, 0, 1);
		for (size_t k = 0; k < cuts[row].bytes; k++)
			buf_putc(&in, 'x');
		buf_puts(&in, cuts[row].character ? cuts[row].character : "");
		buf_puts(&in, cuts[row].newline ? "\n" : "");
		for (size_t at = 0; at < in.length; at += chunk)
			log_write(f.log, 1, in.data + at,
				in.length - at < chunk ? in.length - at : chunk);
		log_flush(f.log);
		read_log(f.path, -1, &got);
		if (strcmp(buf_text(&got.lines), cuts[row].lines) != 0)
			fail_msg("%s, in chunks of %zu: %s", cuts[row].why, chunk,
				buf_text(&got.lines));
		assert_string_equal(buf_text(&got.text[0]), buf_text(&in));
		check_json(f.path);
		collected_done(&got);
		fixture_done(&f);
	}
}

static void test_binary_of_two_streams(void **state)
{
	struct collected got = COLLECTED_INIT;
	cleanup_free char *bytes = xcalloc(1, 300000);
	int64_t before = clock_now_ns();
	struct fixture f;

	(void)state;
	fixture_setup(&f, 0, 1);
	for (size_t i = 0; i < 300000; i++)
		bytes[i] = (char)((i * 7) % 128); /* ASCII with all controls: comes back as it is */
	for (size_t at = 0; at < 300000; at += 30000) {
		log_write(f.log, 1 + (int)(at / 30000 % 2), bytes + at, 30000);
		log_write(f.log, 1, "", 0);
	}
	log_flush(f.log);
	log_trim(f.log);
	read_log(f.path, -1, &got);
	assert_int_equal(got.text[0].length, 150000);
	for (size_t i = 0; i < 10; i++)
		assert_memory_equal(got.text[i % 2].data + i / 2 * 30000, bytes + i * 30000, 30000);
	assert_true(got.first_ns >= before && got.last_ns <= clock_now_ns());
	assert_true(got.last_ns >= got.first_ns);
	check_json(f.path);
	collected_done(&got);
	fixture_done(&f);
}

/* ---- files ---- */

static void write_numbers(struct log_writer *log, int from, int to)
{
	char line[32];

	for (int i = from; i < to; i++) {
		int n = snprintf(line, sizeof(line), "line %d\n", i);

		log_write(log, 1, line, (size_t)n);
	}
}

static void check_numbers(const struct collected *got, int from, int to)
{
	const char *at = buf_text(&got->text[0]);

	for (int i = from; i < to; i++) {
		char line[32];
		size_t n = (size_t)snprintf(line, sizeof(line), "line %d\n", i);

		if (strncmp(at, line, n) != 0)
			fail_msg("wanted %s, got %.40s", line, at);
		at += n;
	}
	assert_string_equal(at, "");
}

static void test_rotation(void **state)
{
	struct fixture f;

	(void)state;
	fixture_setup(&f, 2000, 4);
	write_numbers(f.log, 0, 1000);
	for (int i = 0; i < 4; i++) {
		cleanup_free char *name = i ? xasprintf("%s.%d", f.path, i) : xstrdup(f.path);
		struct stat st;

		assert_int_equal(stat(name, &st), 0);
		assert_true(st.st_size <= 2000 && st.st_size > 0);
		if (i > 0)
			assert_true(st.st_size > 1800); /* full before it was put aside */
		check_json(name);
	}
	for (int tail = -1; tail < 70; tail++) {
		struct collected got = COLLECTED_INIT;
		cleanup_free char *fifth = xasprintf("%s.4", f.path);

		assert_int_equal(access(fifth, F_OK), -1);
		read_log(f.path, tail, &got);
		if (tail < 0)
			assert_true(got.count > 75 && got.count < 110);
		else
			assert_int_equal(got.count, tail);
		check_numbers(&got, 1000 - (int)got.count, 1000);
		collected_done(&got);
	}
	fixture_done(&f);
}

static void test_one_file_is_truncated(void **state)
{
	struct collected got = COLLECTED_INIT;
	struct fixture f;

	(void)state;
	fixture_setup(&f, 2000, 1);
	write_numbers(f.log, 0, 100);
	read_log(f.path, -1, &got);
	assert_true(got.count > 0 && got.count < 30);
	check_numbers(&got, 100 - (int)got.count, 100);
	collected_done(&got);
	fixture_done(&f);
}

static void test_one_large_batch_rotates(void **state)
{
	cleanup_buf struct buf in = BUF_INIT(BUF_LARGE);
	struct collected got = COLLECTED_INIT;
	struct fixture f;

	(void)state;
	fixture_setup(&f, 100000, 50);
	for (int i = 0; i < 20000; i++)
		buf_printf(&in, "line %d\n", i);
	log_write(f.log, 1, in.data, in.length);
	read_log(f.path, -1, &got);
	check_numbers(&got, 0, 20000);
	collected_done(&got);
	fixture_done(&f);
}

static void test_torn_line_is_cut(void **state)
{
	cleanup_error struct error *err = NULL;
	struct collected got = COLLECTED_INIT;
	struct fixture f;
	int fd;

	(void)state;
	fixture_setup(&f, 0, 1);
	write_numbers(f.log, 0, 2);
	log_writer_free(f.log);
	fd = open(f.path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "{\"log\":\"half a li", 17), 17); /* the power went */
	close(fd);
	f.log = log_writer_new(f.path, 0, 1, &err);
	assert_non_null(f.log);
	write_numbers(f.log, 2, 3);
	read_log(f.path, -1, &got);
	check_numbers(&got, 0, 3);
	check_json(f.path);
	collected_done(&got);
	fixture_done(&f);
}

static void test_damaged_lines_are_skipped(void **state)
{
	struct collected got = COLLECTED_INIT;
	cleanup_free char *garbage = xcalloc(1, 400000);
	struct fixture f;
	int fd;

	(void)state;
	fixture_setup(&f, 0, 1);
	write_numbers(f.log, 0, 2);
	fd = open(f.path, O_WRONLY | O_APPEND | O_CLOEXEC);
	memset(garbage, 'g', 400000); /* longer than any line may be */
	assert_int_equal(write(fd, garbage, 400000), 400000);
	assert_int_equal(write(fd, "\n{}\n\n", 5), 5);
	close(fd);
	write_numbers(f.log, 2, 4);
	read_log(f.path, -1, &got);
	check_numbers(&got, 0, 4);
	collected_done(&got);
	fixture_done(&f);
}

/* A file size limit stands in for a full disk: a short write, then an error. */
static void test_full_disk_drops_lines(void **state)
{
	struct rlimit limit = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY }, old;
	struct collected got = COLLECTED_INIT;
	const char *err_text;
	struct fixture f;
	int whole;

	(void)state;
	fixture_setup(&f, 0, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit.rlim_max = old.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_numbers(f.log, 0, 40);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	check_json(f.path);
	read_log(f.path, -1, &got);
	whole = (int)got.count;
	assert_true(whole > 5 && whole < 40);
	check_numbers(&got, 0, whole);
	collected_done(&got);
	got = (struct collected)COLLECTED_INIT;
	log_write(f.log, 2, "room again\n", 11);
	log_write(f.log, 2, "and no note twice\n", 18);
	check_json(f.path);
	read_log(f.path, -1, &got);
	err_text = buf_text(&got.text[1]);
	{
		cleanup_free char *wanted = xasprintf("vessel: %d lines were not logged: %s\n"
						      "room again\nand no note twice\n",
			40 - whole, strerrordesc_np(EFBIG));

		assert_string_equal(err_text, wanted);
	}
	collected_done(&got);
	fixture_done(&f);
}

static void test_since_until_and_stop(void **state)
{
	cleanup_error struct error *err = NULL;
	struct collected all = COLLECTED_INIT, some = COLLECTED_INIT, two = COLLECTED_INIT;
	struct log_query query = { .tail = -1 };
	struct fixture f;

	(void)state;
	fixture_setup(&f, 0, 1);
	write_numbers(f.log, 0, 3);
	read_log(f.path, -1, &all);
	query.since_ns = all.first_ns + 1;
	assert_int_equal(log_read(f.path, &query, collect, NULL, &some, &err), 0);
	check_numbers(&some, 1, 3);
	collected_done(&some);
	some = (struct collected)COLLECTED_INIT;
	query = (struct log_query){ .tail = -1, .until_ns = all.last_ns - 1 };
	assert_int_equal(log_read(f.path, &query, collect, NULL, &some, &err), 0);
	check_numbers(&some, 0, 2);
	two.stop_after = 2;
	read_log(f.path, -1, &two);
	assert_int_equal(two.count, 2);
	collected_done(&all);
	collected_done(&some);
	collected_done(&two);
	fixture_done(&f);
}

static void test_missing_log_is_empty(void **state)
{
	struct collected got = COLLECTED_INIT;

	(void)state;
	read_log("/tmp/log_test.none/no.log", -1, &got);
	assert_int_equal(got.count, 0);
	collected_done(&got);
}

/* ---- following ---- */

static pid_t writer_pid;

static int writer_ended(void *arg)
{
	(void)arg;
	return writer_pid == 0 || (waitpid(writer_pid, NULL, WNOHANG) > 0 && (writer_pid = 0) == 0);
}

static const struct {
	const char *why;
	int64_t max_size;
	int max_files, lines;
} follows[] = {
	{ "one growing file", 0, 1, 20000 },
	{ "rotated again and again", 50000, 100, 20000 },
};

static void test_follow_loses_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(follows) / sizeof(*follows); i++) {
		cleanup_error struct error *err = NULL;
		struct collected got = COLLECTED_INIT;
		struct log_query query = { .follow = true, .tail = -1 };
		struct fixture f;

		fixture_setup(&f, follows[i].max_size, follows[i].max_files);
		writer_pid = fork();
		if (writer_pid == 0) {
			write_numbers(f.log, 0, follows[i].lines);
			_exit(0);
		}
		assert_int_equal(log_read(f.path, &query, collect, writer_ended, &got, &err), 0);
		if (got.count != follows[i].lines)
			fail_msg("%s: %d lines", follows[i].why, (int)got.count);
		check_numbers(&got, 0, follows[i].lines);
		collected_done(&got);
		fixture_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_parse_line),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_binary_of_two_streams),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_one_file_is_truncated),
		cmocka_unit_test(test_one_large_batch_rotates),
		cmocka_unit_test(test_torn_line_is_cut),
		cmocka_unit_test(test_damaged_lines_are_skipped),
		cmocka_unit_test(test_full_disk_drops_lines),
		cmocka_unit_test(test_since_until_and_stop),
		cmocka_unit_test(test_missing_log_is_empty),
		cmocka_unit_test(test_follow_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

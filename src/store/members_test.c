/* SPDX-License-Identifier: Apache-2.0 */
/* What the helper tells of an archive, and where the engine finds it. */
#include "store/members.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/tar_test.h"
#include "store/transfer.h"
#include "sys/msg.h"

#define ID "0123456789abcdef"

/* All that the helper would send: its messages in a socket, and content in a pipe. */
struct told {
	int answer_fd, data_fd, result;
	struct error *err;
};

static void tell(const struct buf *tar, bool seekable, struct told *ret)
{
	cleanup_error struct error *err = NULL;
	cleanup_close int file = raw_fd(tar);
	cleanup_stream struct stream *stream = NULL;
	int sockets[2], data[2], input[2];
	struct stream_options options = {
		.fd = file, .copy_fd = -1, .codecs = codecs_common, .limit = STREAM_LIMIT
	};

	*ret = (struct told){ 0 };
	assert_int_equal(msg_pair(sockets, &err), 0);
	assert_int_equal(pipe2(data, O_CLOEXEC), 0);
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	(void)fcntl(input[1], F_SETPIPE_SZ, 1 << 20);
	if (!seekable) {
		assert_int_equal(write(input[1], tar->data, tar->length), tar->length);
		options.fd = input[0];
	}
	close(input[1]);
	assert_int_equal(stream_open(&options, &stream, &err), 0);
	ret->result = members_send(stream, sockets[1], data[1], &ret->err);
	close(input[0]);
	close(sockets[1]);
	close(data[1]);
	ret->answer_fd = sockets[0];
	ret->data_fd = data[0];
}

static void told_done(struct told *told)
{
	close(told->answer_fd);
	close(told->data_fd);
	error_free(told->err);
}

/* The next message; its name and link. False at the end. */
static bool next(
	const struct told *told, struct member_head *head, const char **name, const char **link)
{
	static struct msg msg;
	cleanup_error struct error *err = NULL;

	if (msg_receive(told->answer_fd, &msg, &err) != 1)
		return false;
	assert_int_equal(msg.type, TRANSFER_MEMBER);
	memcpy(head, msg.data, sizeof(*head));
	*name = msg.data + sizeof(*head);
	*link = *name + strlen(*name) + 1;
	return true;
}

static const struct {
	const char *why;
	struct raw entry;
	const char *name, *link; /* as told; NULL name: refused */
} rows[] = {
	{ "plain", { "manifest.json", .content = "[]" }, "manifest.json", "" },
	{ "as tar writes a folder's", { "./blobs//sha256/x", .content = "a" }, "blobs/sha256/x",
		"" },
	{ "absolute is the same", { "/index.json", .content = "a" }, "index.json", "" },
	{ "docker's link of equal layers", { ID "/layer.tar", '2', "../fedc/layer.tar" },
		ID "/layer.tar", "fedc/layer.tar" },
	{ "a link in its folder", { "a/b", '2', "c" }, "a/b", "a/c" },
	{ "a hard link is from the top", { "a/b", '1', "a/c" }, "a/b", "a/c" },
	{ "climbs", { "../x", .content = "a" }, NULL, NULL },
	{ "climbs in the middle", { "a/../../x", .content = "a" }, NULL, NULL },
	{ "climbs and comes back", { "a/../x", .content = "a" }, NULL, NULL },
	{ "no name", { "./", .content = "a" }, NULL, NULL },
	{ "a link out", { "a/b", '2', "../../c" }, NULL, NULL },
	{ "a link out and in again", { "b", '2', "../c" }, NULL, NULL },
	{ "an absolute link", { "a/b", '2', "/etc/passwd" }, NULL, NULL },
	{ "a link to the top", { "a/b", '2', ".." }, NULL, NULL },
	{ "a hard link out", { "a/b", '1', "../c" }, NULL, NULL },
	{ "a device", { "a", '3' }, NULL, NULL },
	{ "a FIFO", { "a", '6' }, NULL, NULL },
};

static void tells_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		struct member_head head;
		const char *name, *link;
		struct told told;

		raw_add(&tar, &rows[i].entry);
		raw_end(&tar);
		tell(&tar, true, &told);
		if ((told.result == 0) != (rows[i].name != NULL))
			fail_msg("%s: %s", rows[i].why,
				told.err ? error_message(told.err) : "taken");
		if (rows[i].name) {
			assert_true(next(&told, &head, &name, &link));
			assert_string_equal(name, rows[i].name);
			assert_string_equal(link, rows[i].link);
			assert_int_equal(head.is_link, rows[i].link[0] != '\0');
		}
		assert_false(next(&told, &head, &name, &link));
		told_done(&told);
	}
}

static void limits_names(void **state)
{
	char path[MEMBER_NAME_MAX + 2];

	(void)state;
	for (size_t length = MEMBER_NAME_MAX; length <= MEMBER_NAME_MAX + 1; length++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		const struct raw entry = { "short", .content = "a" };
		struct told told;

		memset(path, 'x', sizeof(path));
		path[200] = path[400] = '/'; /* each part is short enough */
		path[length] = '\0';
		raw_pax(&tar, "path", path);
		raw_add(&tar, &entry);
		raw_end(&tar);
		tell(&tar, true, &told);
		assert_int_equal(told.result, length == MEMBER_NAME_MAX ? 0 : -1);
		told_done(&told);
	}
}

/* Two files and what is between them, each long enough to be gone over by a seek. */
#define LONG 100000
static void make_long(struct buf *tar, char *content)
{
	const struct raw first = { "first", .size = LONG }, second = { "second", .size = LONG };

	for (size_t i = 0; i < LONG; i++)
		content[i] = (char)(i * 7);
	raw_add(tar, &first);
	raw_content(tar, content, LONG);
	raw_add(tar, &second);
	raw_content(tar, content, LONG);
	raw_end(tar);
}

static void tells_where_content_stands(void **state)
{
	static char content[LONG];
	static const char *const names[] = { "first", "second" };
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	struct member_head head;
	const char *name, *link;
	struct told told;

	(void)state;
	make_long(&tar, content);
	tell(&tar, true, &told);
	assert_int_equal(told.result, 0);
	for (int i = 0; i < 2; i++) {
		assert_true(next(&told, &head, &name, &link));
		assert_string_equal(name, names[i]);
		assert_int_equal(head.size, LONG);
		assert_in_range(head.offset, TAR_BLOCK, tar.length - LONG);
		assert_memory_equal(tar.data + head.offset, content, LONG);
	}
	assert_int_equal(read(told.data_fd, content, 1), 0); /* nothing is sent */
	told_done(&told);
}

static void sends_content_of_pipes(void **state)
{
	static const struct raw entries[] = { { "a", .content = "one" }, { "b", .content = "" },
		{ "c", .content = "three" } };
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	char got[16] = "";
	struct member_head head;
	const char *name, *link;
	struct told told;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		raw_add(&tar, &entries[i]);
	raw_end(&tar);
	tell(&tar, false, &told);
	assert_int_equal(told.result, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(next(&told, &head, &name, &link));
		assert_int_equal(head.size, strlen(entries[i].content));
		assert_int_equal(head.offset, -1);
	}
	assert_int_equal(read(told.data_fd, got, sizeof(got)), 8);
	assert_string_equal(got, "onethree");
	told_done(&told);
}

/* A seek must not go beyond the end of a file that was cut. */
static void sees_cuts(void **state)
{
	static char content[LONG];
	cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
	const size_t cuts[] = { 600, LONG / 2, LONG, LONG + TAR_BLOCK - 1,
		LONG + 2 * TAR_BLOCK + 40, 2 * LONG };

	(void)state;
	make_long(&tar, content);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		struct buf cut = tar;
		struct told told;

		cut.length = cuts[i];
		tell(&cut, true, &told);
		if (told.result == 0)
			fail_msg("cut at %zu: taken", cuts[i]);
		told_done(&told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_names),
		cmocka_unit_test(limits_names),
		cmocka_unit_test(tells_where_content_stands),
		cmocka_unit_test(sends_content_of_pipes),
		cmocka_unit_test(sees_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"

static struct msg received; /* too large for comfort on the stack */

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_round_trip(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *large = xcalloc(1, MSG_MAX);
	int pair[2];

	(void)state;
	assert_int_equal(msg_pair(pair, &err), 0);
	assert_true(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(msg_send(pair[0], 7, "hello", 5, &err), 0);
	assert_int_equal(msg_send(pair[0], 8, NULL, 0, &err), 0);
	memset(large, 'x', MSG_MAX);
	assert_int_equal(msg_send(pair[0], 9, large, MSG_MAX, &err), 0);
	assert_int_equal(msg_receive(pair[1], &received, &err), 1);
	assert_int_equal(received.type, 7);
	assert_string_equal(received.data, "hello");
	assert_int_equal(msg_receive(pair[1], &received, &err), 1);
	assert_int_equal(received.type, 8);
	assert_int_equal(received.length, 0);
	assert_int_equal(msg_receive(pair[1], &received, &err), 1);
	assert_int_equal(received.length, MSG_MAX);
	assert_int_equal(received.data[MSG_MAX], 0);
	close(pair[0]);
	assert_int_equal(msg_receive(pair[1], &received, &err), 0);
	close(pair[1]);
}

static void test_too_large_is_not_sent(void **state)
{
	cleanup_error struct error *err = NULL, *many = NULL;
	cleanup_free char *large = xcalloc(1, MSG_MAX + 1);
	int pair[2], fds[MSG_FDS_MAX + 1] = { 0 };

	(void)state;
	assert_int_equal(msg_pair(pair, &err), 0);
	assert_int_equal(msg_send(pair[0], 1, large, MSG_MAX + 1, &err), -1);
	assert_int_equal(error_kind(err), ERROR_INVALID);
	assert_int_equal(msg_send_fds(pair[0], 1, "", 0, fds, MSG_FDS_MAX + 1, &many), -1);
	close(pair[0]);
	close(pair[1]);
}

/* Packets that no msg_send() of ours makes: a hostile or broken peer's. */
static const struct {
	const char *why;
	size_t bytes, fds;
	int expect; /* what msg_receive() returns */
} raw[] = {
	{ "no whole type", 3, 0, -1 },
	{ "a type alone", 4, 0, 1 },
	{ "as long as may be", 4 + MSG_MAX, 0, 1 },
	{ "one byte longer is cut by the kernel", 5 + MSG_MAX, 0, -1 },
	{ "as many fds as may be", 4, MSG_FDS_MAX, 1 },
	{ "one fd more", 4, MSG_FDS_MAX + 1, -1 },
	{ "the kernel's maximum of fds", 4, 253, -1 },
	{ "fds in too short a packet", 2, 3, -1 },
	{ "fds in an empty packet, which reads like an end", 0, 1, -1 },
};

static void send_raw(int fd, size_t bytes, size_t fds)
{
	static char data[MSG_MAX + 16];
	static char control[CMSG_SPACE(sizeof(int) * 253)] __attribute__((aligned(8)));
	struct iovec part = { .iov_base = data, .iov_len = bytes };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *header = (struct cmsghdr *)control;
	int *list = (int *)(void *)CMSG_DATA(header);

	if (fds > 0) {
		packet.msg_control = control;
		packet.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
		*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int) * fds) };
		for (size_t i = 0; i < fds; i++)
			list[i] = fd;
	}
	assert_int_equal(sendmsg(fd, &packet, 0), bytes);
}

static void test_raw_packets(void **state)
{
	for (size_t i = 0; i < sizeof(raw) / sizeof(*raw); i++) {
		cleanup_error struct error *err = NULL;
		int pair[2], before, got;

		(void)state;
		assert_int_equal(msg_pair(pair, &err), 0);
		before = count_fds();
		send_raw(pair[0], raw[i].bytes, raw[i].fds);
		got = msg_receive(pair[1], &received, &err);
		if (got != raw[i].expect)
			fail_msg("%s: %d", raw[i].why, got);
		if (got == 1)
			assert_int_equal(received.fd_count, raw[i].fds);
		for (size_t k = 0; k < received.fd_count; k++)
			assert_true(fcntl(received.fds[k], F_GETFD) & FD_CLOEXEC);
		msg_close_fds(&received);
		if (count_fds() != before)
			fail_msg("%s: fds leaked", raw[i].why);
		close(pair[0]);
		close(pair[1]);
	}
}

static void test_fds_arrive(void **state)
{
	cleanup_error struct error *err = NULL;
	int pair[2], ends[2];
	char byte = 0;

	(void)state;
	assert_int_equal(msg_pair(pair, &err), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(msg_send_fds(pair[0], 5, "fd", 2, &ends[1], 1, &err), 0);
	assert_int_equal(msg_receive(pair[1], &received, &err), 1);
	assert_int_equal(received.fd_count, 1);
	assert_int_equal(write(received.fds[0], "!", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '!');
	msg_close_fds(&received);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(ends[i]);
	}
}

static void test_nonblocking_says_again(void **state)
{
	cleanup_error struct error *err = NULL, *full = NULL;
	int pair[2], sent = 0;

	(void)state;
	assert_int_equal(msg_pair(pair, &err), 0);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	assert_int_equal(msg_receive(pair[1], &received, &err), -1);
	assert_int_equal(error_errno(err), EAGAIN);
	while (sent < 100000 && msg_send(pair[0], 1, "x", 1, &full) == 0)
		sent++;
	assert_non_null(full);
	assert_int_equal(error_errno(full), EAGAIN);
	close(pair[1]);
	close(pair[0]);
}

static void test_dead_peer_is_an_end(void **state)
{
	cleanup_error struct error *err = NULL, *pipe_err = NULL;
	int pair[2];

	(void)state;
	/* It dies with a message of ours unread: the kernel says ECONNRESET then. */
	assert_int_equal(msg_pair(pair, &err), 0);
	assert_int_equal(msg_send(pair[0], 1, "x", 1, &err), 0);
	close(pair[1]);
	assert_int_equal(msg_receive(pair[0], &received, &err), 0);
	/* And no SIGPIPE kills who still sends. */
	assert_int_equal(msg_send(pair[0], 1, "x", 1, &pipe_err), -1);
	assert_int_equal(error_errno(pipe_err), EPIPE);
	close(pair[0]);
}

static void test_last_words_of_a_peer(void **state)
{
	cleanup_error struct error *err = NULL;
	int pair[2];

	(void)state;
	/* It answers, and closes without having read what we sent meanwhile. */
	assert_int_equal(msg_pair(pair, &err), 0);
	assert_int_equal(msg_send(pair[0], 1, "unread", 6, &err), 0);
	assert_int_equal(msg_send(pair[1], 2, "last", 4, &err), 0);
	close(pair[1]);
	assert_int_equal(msg_receive(pair[0], &received, &err), 1);
	assert_string_equal(received.data, "last");
	assert_int_equal(msg_receive(pair[0], &received, &err), 0);
	close(pair[0]);
}

static void test_error_travels(void **state)
{
	cleanup_error struct error *err = NULL, *sent = NULL, *got = NULL;
	int pair[2];

	(void)state;
	assert_int_equal(msg_pair(pair, &err), 0);
	error_new(&sent, ERROR_NO_PROGRAM, "exec 'x'");
	error_hint(&sent, "look in the image");
	assert_int_equal(msg_send_error(pair[0], 4, sent, &err), 0);
	assert_int_equal(msg_receive(pair[1], &received, &err), 1);
	assert_int_equal(error_unpack(&got, received.data, received.length), -1);
	assert_int_equal(error_kind(got), ERROR_NO_PROGRAM);
	assert_string_equal(error_message(got), "exec 'x'");
	assert_string_equal(error_hint_text(got), "look in the image");
	close(pair[0]);
	close(pair[1]);
}

static void test_listen_below_a_deep_directory(void **state)
{
	char top[] = "/tmp/msg_test.XXXXXX", *deep;
	cleanup_error struct error *err = NULL, *none = NULL;
	cleanup_close int dir_fd = -1, listener = -1, again = -1, client = -1;
	cleanup_free char *remove = NULL;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(top));
	deep = xasprintf("%s/%0200d", top, 0); /* sun_path has room for 108 */
	assert_int_equal(mkdir(deep, 0700), 0);
	dir_fd = open(deep, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(msg_connect_at(dir_fd, "s", &none), -1);
	assert_int_equal(error_errno(none), ENOENT);
	listener = msg_listen_at(dir_fd, "s", &err);
	assert_true(listener >= 0);
	assert_int_equal(fstatat(dir_fd, "s", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	again = msg_listen_at(dir_fd, "s", &err); /* over what a dead one left */
	assert_true(again >= 0);
	client = msg_connect_at(dir_fd, "s", &err);
	assert_true(client >= 0);
	unlinkat(dir_fd, "s", 0);
	rmdir(deep);
	rmdir(top);
	free(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_too_large_is_not_sent),
		cmocka_unit_test(test_raw_packets),
		cmocka_unit_test(test_fds_arrive),
		cmocka_unit_test(test_nonblocking_says_again),
		cmocka_unit_test(test_dead_peer_is_an_end),
		cmocka_unit_test(test_last_words_of_a_peer),
		cmocka_unit_test(test_error_travels),
		cmocka_unit_test(test_listen_below_a_deep_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of a running container: attach, input, terminal. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "monitor/box.h"
#include "monitor/client.h"

static void send_text(int fd, enum monitor_message type, const char *text)
{
	cleanup_error struct error *err = NULL;

	if (msg_send(fd, type, text, strlen(text), &err) < 0)
		fail_msg("%s", error_message(err));
}

/* ---- attach ---- */

/*
 * ATTACH has no answer. Once the connection is accepted, its ATTACH is the next thing that the
 * monitor looks at, before anything that is sent or printed later.
 */
static int attach_surely(struct box *box, const struct monitor_attach *attach)
{
	int fds = count_fds(box->monitor), fd = box_connect(box, attach);

	EVENTUALLY(count_fds(box->monitor) > fds);
	return fd;
}

static void test_input_comes_back(void **state)
{
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "cat; echo end");
	box.config.open_stdin = box.config.stdin_once = true;
	box_run(&box, &attach_input);
	send_text(box.connection, MONITOR_STDIN, "one\n");
	assert_string_equal(box_expect(box.connection, MONITOR_STDOUT)->data, "one\n");
	send_text(box.connection, MONITOR_STDIN, "two\n");
	send_text(box.connection, MONITOR_STDIN_CLOSE, "");
	box_collect(box.connection, &got);
	assert_string_equal(buf_text(&got.out), "two\nend\n");
	assert_int_equal(got.code, 0);
	box_check_gone(&box);
	outcome_done(&got);
}

#define MANY (64L << 20)

/* Sends MANY bytes as the socket takes them, and counts what comes back. */
static void pump(int fd, struct outcome *ret)
{
	cleanup_free char *packet = xcalloc(1, MSG_MAX);
	long sent = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	*ret = (struct outcome){ .out = BUF_INIT(256UL << 20), .err = BUF_INIT(BUF_LARGE) };
	while (ret->out.length < MANY) {
		struct pollfd poll_fd = { .fd = fd,
			.events = (short)(POLLIN | (sent < MANY ? POLLOUT : 0)) };
		cleanup_error struct error *again = NULL, *err = NULL;

		assert_true(poll(&poll_fd, 1, 20000) == 1);
		memset(packet, 'a' + (int)(sent / MSG_MAX % 26), MSG_MAX);
		if (poll_fd.revents & POLLOUT &&
			msg_send(fd, MONITOR_STDIN, packet, MSG_MAX, &again) == 0)
			sent += MSG_MAX;
		if (poll_fd.revents & POLLIN) {
			const struct msg *msg = box_expect(fd, MONITOR_STDOUT);

			buf_append(&ret->out, msg->data, msg->length);
		}
	}
	fcntl(fd, F_SETFL, 0);
}

static void test_much_input_both_ways(void **state)
{
	struct outcome got, rest;
	struct box box;

	(void)state;
	box_init(&box, "cat");
	replace_string(&box.config.log_path, NULL);
	box.config.open_stdin = box.config.stdin_once = true;
	box_run(&box, &attach_input);
	pump(box.connection, &got);
	for (long i = 0; i < MANY; i += 4093)
		assert_int_equal(got.out.data[i], 'a' + (int)(i / MSG_MAX % 26));
	send_text(box.connection, MONITOR_STDIN_CLOSE, "");
	box_collect(box.connection, &rest);
	assert_int_equal(rest.code, 0);
	assert_int_equal(rest.out.length, 0);
	box_check_gone(&box);
	outcome_done(&got);
	outcome_done(&rest);
}

static void test_input_without_a_reader(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *packet = xcalloc(1, MSG_MAX);
	struct outcome got;
	struct box box;
	int other;

	(void)state;
	/* Nothing reads stdin: the client's sends stop, everything else goes on. */
	box_init(&box, "while ! test -e /tmp/go; do sleep 0.01; done; echo done");
	box.config.open_stdin = true;
	box_run(&box, &attach_input);
	fcntl(box.connection, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 100 && !err; i++)
		(void)msg_send(box.connection, MONITOR_STDIN, packet, MSG_MAX, &err);
	assert_non_null(err);
	assert_int_equal(error_errno(err), EAGAIN);
	fcntl(box.connection, F_SETFL, 0);
	other = attach_surely(&box, &attach_output);
	{
		cleanup_free char *go = xasprintf("%s/rootfs/tmp/go", box.dir);

		close(open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	box_collect(other, &got);
	assert_string_equal(buf_text(&got.out), "done\n");
	assert_int_equal(got.code, 0);
	close(other);
	outcome_done(&got);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 0);
	box_check_gone(&box);
	outcome_done(&got);
}

static const struct {
	const char *why;
	bool once, closes_it;
} stdin_ends[] = {
	{ "stdin_once: the death of the first client ends it", true, true },
	{ "else it stays for the next client", false, false },
};

static void test_stdin_and_dying_clients(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct outcome got;
		struct box box;
		int second;

		box_init(&box, "cat; echo end");
		box.config.open_stdin = true;
		box.config.stdin_once = stdin_ends[i].once;
		box_run(&box, &attach_input);
		second = attach_surely(&box, &attach_input);
		send_text(box.connection, MONITOR_STDIN, "first\n");
		assert_string_equal(box_expect(second, MONITOR_STDOUT)->data, "first\n");
		close_fd(take_fd(&box.connection));
		if (!stdin_ends[i].closes_it) {
			send_text(second, MONITOR_STDIN_CLOSE, ""); /* no end either */
			send_text(second, MONITOR_STDIN, "second\n");
			assert_string_equal(box_expect(second, MONITOR_STDOUT)->data, "second\n");
			assert_int_equal(kill(box.init, SIGKILL), 0);
		}
		box_collect(second, &got);
		assert_string_equal(buf_text(&got.out), stdin_ends[i].closes_it ? "end\n" : "");
		assert_int_equal(got.code, stdin_ends[i].closes_it ? 0 : 137);
		close(second);
		box_check_gone(&box);
		outcome_done(&got);
	}
}

#define SLOW_BYTES 20000000

static void test_slow_client_gets_everything(void **state)
{
	cleanup_error struct error *err = NULL;
	struct outcome got;
	struct box box;
	struct stat before, after;

	(void)state;
	box_init(&box, "head -c 20000000 /dev/zero");
	box_run(&box, &attach_output);
	/* It waits for us, in bounded memory. */
	usleep(300000);
	assert_int_equal(monitor_is_alive(box.run_fd, &err), 1);
	assert_int_equal(stat(box.config.log_path, &before), 0);
	usleep(200000);
	assert_int_equal(stat(box.config.log_path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_true(BOX_SANITIZED || process_pss(box.monitor) < 2000);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 0);
	assert_int_equal(got.out.length, SLOW_BYTES);
	box_check_gone(&box);
	outcome_done(&got);
}

/* Who did not start the container is not waited for without end. */
static void test_forgotten_client_is_dropped(void **state)
{
	struct outcome got;
	struct box box;
	int64_t before;
	int forgotten;

	(void)state;
	if (!getenv("MONITOR_LONG")) {
		print_message("skipped: takes %d seconds (set MONITOR_LONG)\n", MONITOR_PATIENCE_S);
		skip();
	}
	box_init(&box, "head -c 20000000 /dev/zero");
	box_spawn(&box);
	box_start(&box, &attach_output);
	forgotten = attach_surely(&box, &attach_output);
	before = clock_monotonic_ns();
	box_collect(box.connection, &got);
	assert_int_equal(got.out.length, SLOW_BYTES);
	assert_int_equal(got.code, 0);
	before = clock_monotonic_ns() - before;
	assert_true(before > (MONITOR_PATIENCE_S - 1) * INT64_C(1000000000));
	assert_true(before < (MONITOR_PATIENCE_S + 5) * INT64_C(1000000000));
	outcome_done(&got);
	box_collect(forgotten, &got);
	assert_int_equal(got.code, -1); /* it can see that it did not get all */
	close(forgotten);
	box_check_gone(&box);
	outcome_done(&got);
}

/* The container ends while a client has not read: record and state do not wait for it. */
static void test_end_does_not_wait_for_a_client(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *reaped = NULL;
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "head -c 1500000 /dev/zero | tail -c 900000; exit 4");
	box.config.reap = true;
	reaped = xasprintf("%s/reaped", box.dir);
	box_run(&box, &attach_output);
	EVENTUALLY(monitor_is_alive(box.run_fd, &err) == 0);
	EVENTUALLY(access(reaped, F_OK) == 0);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 4);
	assert_int_equal(got.out.length, 900000);
	box_check_gone(&box);
	outcome_done(&got);
}

static void test_wait_is_an_attach_to_nothing(void **state)
{
	struct outcome got;
	struct box box;
	int waiters[20];

	(void)state;
	box_init(&box, "echo noise; sleep 1000");
	box_run(&box, NULL);
	for (int i = 0; i < 20; i++)
		waiters[i] = attach_surely(&box, &attach_nothing);
	assert_int_equal(kill(box.init, SIGKILL), 0);
	for (int i = 0; i < 20; i++) {
		box_collect(waiters[i], &got);
		assert_int_equal(got.code, 137);
		assert_int_equal(got.out.length, 0);
		outcome_done(&got);
		close(waiters[i]);
	}
	box_check_gone(&box);
}

static void test_many_clients_come_and_go(void **state)
{
	cleanup_error struct error *err = NULL;
	struct box box;
	int fds;

	(void)state;
	box_init(&box, "while :; do echo noise; sleep 0.001; done");
	box_run(&box, NULL);
	fds = count_fds(box.monitor);
	for (int i = 0; i < 3000; i++)
		close(box_connect(&box, i % 3 == 0 ? NULL : &attach_output));
	EVENTUALLY(count_fds(box.monitor) == fds);
	assert_int_equal(monitor_is_alive(box.run_fd, &err), 1);
	box_done(&box);
}

static void test_no_place_for_more(void **state)
{
	cleanup_error struct error *sent = NULL;
	int fds[MONITOR_CLIENTS_MAX + 1];
	const struct msg *msg;
	struct box box;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, NULL); /* the engine's connection is one of them */
	for (int i = 0; i < MONITOR_CLIENTS_MAX; i++)
		fds[i] = box_connect(&box, NULL);
	msg = box_expect(fds[MONITOR_CLIENTS_MAX - 1], MONITOR_ERROR);
	(void)error_unpack(&sent, msg->data, msg->length);
	assert_int_equal(error_kind(sent), ERROR_UNAVAILABLE);
	for (int i = 0; i < MONITOR_CLIENTS_MAX; i++)
		close(fds[i]);
	usleep(50000);
	fds[0] = box_connect(&box, &attach_output);
	assert_int_equal(kill(box.init, SIGKILL), 0);
	(void)box_expect(fds[0], MONITOR_EXITED);
	close(fds[0]);
	box_done(&box);
}

/* ---- terminal ---- */

static void test_terminal(void **state)
{
	const struct monitor_size early = { .rows = 11, .columns = 22 },
				  later = { .rows = 33, .columns = 44 };
	cleanup_error struct error *err = NULL;
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "stty size; read line; stty size; tty; exit 2");
	box.spec.process.terminal = true;
	box.config.open_stdin = true;
	box_spawn(&box);
	assert_int_equal(msg_send(box.connection, MONITOR_RESIZE, &early, sizeof(early), &err), 0);
	box_start(&box, &attach_input);
	(void)box_expect(box.connection, MONITOR_STDOUT); /* timing decides what size it saw */
	assert_int_equal(msg_send(box.connection, MONITOR_RESIZE, &later, sizeof(later), &err), 0);
	send_text(box.connection, MONITOR_STDIN, "go\n");
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 2);
	assert_non_null(strstr(buf_text(&got.out), "33 44\r\n/dev/pts/0\r\n"));
	assert_int_equal(got.err.length, 0);
	box_check_gone(&box);
	outcome_done(&got);
}

/* ---- what no client of ours sends ---- */

static const struct {
	const char *why;
	size_t length;
	uint32_t type;
	bool attach_first, fd;
} out_of_place[] = {
	{ "unknown type", 0, 4711, false, false },
	{ "type 0", 0, 0, false, false },
	{ "a monitor's message", 3, MONITOR_STDOUT, false, false },
	{ "START after the start", 0, MONITOR_START, false, false },
	{ "STDIN without ATTACH", 3, MONITOR_STDIN, false, false },
	{ "RESIZE without ATTACH", 4, MONITOR_RESIZE, false, false },
	{ "ATTACH of a wrong size", 3, MONITOR_ATTACH, false, false },
	{ "ATTACH twice", 4, MONITOR_ATTACH, true, false },
	{ "EXEC after ATTACH", 2, MONITOR_EXEC, true, false },
	{ "STDIN without asking for it", 3, MONITOR_STDIN, true, false },
	{ "fds where none belong", 4, MONITOR_ATTACH, false, true },
	{ "EXEC with one fd", 2, MONITOR_EXEC, false, true },
};

static void test_messages_out_of_place(void **state)
{
	cleanup_error struct error *err = NULL;
	struct outcome got;
	struct box box;
	int fds;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, &attach_output);
	fds = count_fds(box.monitor);
	for (size_t i = 0; i < sizeof(out_of_place) / sizeof(*out_of_place); i++) {
		const struct monitor_attach *attach =
			out_of_place[i].attach_first ? &attach_output : NULL;
		int fd = box_connect(&box, attach);

		assert_int_equal(msg_send_fds(fd, out_of_place[i].type, "{}\0\0",
					 out_of_place[i].length, &fd, out_of_place[i].fd, &err),
			0);
		box_collect(fd, &got); /* to the end of the connection */
		if (got.code != -1)
			fail_msg("%s", out_of_place[i].why);
		outcome_done(&got);
		close(fd);
	}
	EVENTUALLY(count_fds(box.monitor) == fds);
	assert_int_equal(kill(box.init, SIGKILL), 0);
	(void)box_expect(box.connection, MONITOR_EXITED);
	box_check_gone(&box);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input_comes_back),
		cmocka_unit_test(test_much_input_both_ways),
		cmocka_unit_test(test_input_without_a_reader),
		cmocka_unit_test(test_stdin_and_dying_clients),
		cmocka_unit_test(test_slow_client_gets_everything),
		cmocka_unit_test(test_forgotten_client_is_dropped),
		cmocka_unit_test(test_end_does_not_wait_for_a_client),
		cmocka_unit_test(test_wait_is_an_attach_to_nothing),
		cmocka_unit_test(test_many_clients_come_and_go),
		cmocka_unit_test(test_no_place_for_more),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_messages_out_of_place),
	};

	box_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

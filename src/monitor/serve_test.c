/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of a running container: attach, input, terminal, exec. Needs root. */
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
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "monitor/box.h"
#include "monitor/client.h"
#include "runtime/seccomp.h"
#include "sys/process.h"

static void send_text(int fd, enum monitor_message type, const char *text)
{
	cleanup_error struct error *err = NULL;

	if (msg_send(fd, type, text, strlen(text), &err) < 0)
		fail_msg("%s", error_message(err));
}

/* ---- attach ---- */

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
	other = box_connect(&box, &attach_output);
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
		second = box_connect(&box, &attach_input);
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
	assert_true(process_pss(box.monitor) < 2000);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 0);
	assert_int_equal(got.out.length, SLOW_BYTES);
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
	box_init(&box, "echo noise; sleep 0.2; exit 9");
	box_run(&box, NULL);
	close_fd(take_fd(&box.connection));
	for (int i = 0; i < 20; i++)
		waiters[i] = box_connect(&box, &attach_nothing);
	for (int i = 0; i < 20; i++) {
		box_collect(waiters[i], &got);
		assert_int_equal(got.code, 9);
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

/* ---- exec ---- */

struct exec {
	int connection;
	int stdin_fd, stdout_fd, stderr_fd; /* our ends */
};

static char *exec_request(const char *shell, bool terminal, bool detach, size_t padding)
{
	cleanup_json struct json_object *request = json_object_new_object();
	struct spec_process process = { .umask = (mode_t)-1, .terminal = terminal };
	cleanup_free char *pad = xcalloc(1, padding + 1);

	memset(pad, 'p', padding);
	strv_append(&process.args, "sh");
	strv_append(&process.args, "-c");
	strv_append(&process.args, shell);
	strv_append(&process.env, "PATH=/bin");
	strv_appendf(&process.env, "PAD=%s", pad);
	process.cwd = xstrdup("/");
	process.capabilities.bounding = process.capabilities.effective =
		process.capabilities.permitted = CAPABILITIES_DEFAULT;
	json_put(request, "process", spec_process_json(&process));
	json_put_bool(request, "detach", detach);
	spec_process_done(&process);
	return json_compact(request);
}

static void exec_send(struct box *box, const char *json, bool pipes, struct exec *ret)
{
	cleanup_error struct error *err = NULL;
	int in[2], out[2], errors[2];

	*ret = (struct exec){ box_connect(box, NULL), -1, -1, -1 };
	if (!pipes) {
		assert_int_equal(
			msg_send(ret->connection, MONITOR_EXEC, json, strlen(json), &err), 0);
		return;
	}
	assert_int_equal(
		pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(errors, O_CLOEXEC), 0);
	assert_int_equal(msg_send_fds(ret->connection, MONITOR_EXEC, json, strlen(json),
				 (int[]){ in[0], out[1], errors[1] }, 3, &err),
		0);
	ret->stdin_fd = in[1];
	ret->stdout_fd = out[0];
	ret->stderr_fd = errors[0];
	close(in[0]);
	close(out[1]);
	close(errors[1]);
}

static void exec_done(struct exec *exec)
{
	close_fd(exec->connection);
	close_fd(exec->stdin_fd);
	close_fd(exec->stdout_fd);
	close_fd(exec->stderr_fd);
}

static void check_read(int fd, const char *wanted)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;

	assert_true(file_read_fd(fd, "the pipe", 1 << 20, &text, &err) >= 0);
	assert_string_equal(text, wanted);
}

static void check_exited(int connection, int code)
{
	struct monitor_exit ended;

	memcpy(&ended, box_expect(connection, MONITOR_EXITED)->data, sizeof(ended));
	assert_int_equal(ended.code, code);
}

static void test_exec(void **state)
{
	cleanup_free char *json =
		exec_request("cat; echo oops >&2; cat /proc/1/comm; exit 6", false, false, 0);
	struct exec exec;
	struct box box;
	int fds;

	(void)state;
	box_init(&box, "sleep 1000; :");
	box_run(&box, NULL);
	fds = count_fds(box.monitor);
	for (int i = 0; i < 20; i++) {
		exec_send(&box, json, true, &exec);
		(void)box_expect(exec.connection, MONITOR_EXEC_STARTED);
		assert_int_equal(write(exec.stdin_fd, "in\n", 3), 3);
		close_fd(take_fd(&exec.stdin_fd));
		check_read(exec.stdout_fd, "in\nsh\n");
		check_read(exec.stderr_fd, "oops\n");
		check_exited(exec.connection, 6);
		exec_done(&exec);
	}
	EVENTUALLY(count_fds(box.monitor) == fds);
	box_done(&box);
}

static void test_exec_that_cannot_run(void **state)
{
	static const char *const requests[] = { "", "{", "[]", "{}", "{\"process\":[]}",
		"{\"process\":{\"args\":[\"nosuch\"],\"cwd\":\"/\"}}" };
	static const enum error_kind kinds[] = { ERROR_INVALID, ERROR_INVALID, ERROR_INVALID,
		ERROR_INVALID, ERROR_INVALID, ERROR_NO_PROGRAM };
	cleanup_free char *good = exec_request("exit 1", false, false, 0);
	struct exec exec;
	struct box box;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, NULL);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		cleanup_error struct error *sent = NULL;
		const struct msg *msg;

		exec_send(&box, requests[i], false, &exec);
		msg = box_expect(exec.connection, MONITOR_ERROR);
		(void)error_unpack(&sent, msg->data, msg->length);
		if (error_kind(sent) != kinds[i])
			fail_msg("'%s': %s", requests[i], error_message(sent));
		exec_done(&exec);
	}
	exec_send(&box, good, false, &exec);
	(void)box_expect(exec.connection, MONITOR_EXEC_STARTED);
	check_exited(exec.connection, 1);
	exec_done(&exec);
	box_done(&box);
}

/* Longer than a message: in a memfd. */
static void test_long_exec(void **state)
{
	cleanup_free char *json = exec_request("echo ${#PAD}", false, false, 100000);
	cleanup_error struct error *err = NULL;
	cleanup_close int file = memfd_create("exec", MFD_CLOEXEC);
	int connection, out[2];
	struct box box;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, NULL);
	connection = box_connect(&box, NULL);
	assert_int_equal(file_write_all(file, json, strlen(json), "memfd", &err), 0);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(msg_send_fds(connection, MONITOR_EXEC, NULL, 0,
				 (int[]){ file, out[1], out[1], file }, 4, &err),
		0);
	close(out[1]);
	(void)box_expect(connection, MONITOR_EXEC_STARTED);
	check_read(out[0], "100000\n");
	check_exited(connection, 0);
	close(out[0]);
	close(connection);
	box_done(&box);
}

static void test_exec_with_a_terminal(void **state)
{
	cleanup_free char *json = exec_request("tty; read line; echo got $line", true, false, 0);
	struct exec exec;
	struct box box;
	char text[256];
	struct msg *msg;
	int master;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, NULL);
	exec_send(&box, json, false, &exec);
	msg = box_expect(exec.connection, MONITOR_EXEC_STARTED);
	assert_int_equal(msg->fd_count, 1);
	master = msg->fds[0];
	assert_true(read(master, text, sizeof(text)) > 0);
	assert_memory_equal(text, "/dev/pts/", 9);
	assert_int_equal(write(master, "hi\n", 3), 3);
	check_exited(exec.connection, 0);
	close(master);
	exec_done(&exec);
	box_done(&box);
}

/* Detached: its client leaves, and it neither stops nor blocks, nor stays as a zombie. */
static void test_detached_exec(void **state)
{
	(void)state;
	for (int terminal = 0; terminal < 2; terminal++) {
		cleanup_free char *json = exec_request(
			"head -c 300000 /dev/zero; echo there > /tmp/file", terminal, true, 0);
		cleanup_free char *path = NULL;
		struct exec exec;
		struct box box;
		pid_t pid;

		box_init(&box, "sleep 1000");
		box_run(&box, NULL);
		path = xasprintf("%s/rootfs/tmp/file", box.dir);
		exec_send(&box, json, false, &exec);
		memcpy(&pid, box_expect(exec.connection, MONITOR_EXEC_STARTED)->data, sizeof(pid));
		exec_done(&exec);
		EVENTUALLY(access(path, F_OK) == 0);
		EVENTUALLY(process_start_time(pid) == 0);
		box_done(&box);
	}
}

static void test_container_ends_under_an_exec(void **state)
{
	cleanup_free char *json = exec_request("sleep 1000", false, false, 0);
	struct exec exec;
	struct box box;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, &attach_output);
	exec_send(&box, json, false, &exec);
	(void)box_expect(exec.connection, MONITOR_EXEC_STARTED);
	assert_int_equal(kill(box.init, SIGKILL), 0);
	check_exited(exec.connection, 137);
	check_exited(box.connection, 137);
	exec_done(&exec);
	box_check_gone(&box);
}

static void test_time_of_exec(void **state)
{
	cleanup_free char *json = exec_request("", false, false, 0);
	int64_t times[200];
	struct exec exec;
	struct box box;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, NULL);
	for (int i = 0; i < 200; i++) {
		int64_t before = clock_monotonic_ns();
		int at = i;

		exec_send(&box, json, true, &exec);
		(void)box_expect(exec.connection, MONITOR_EXEC_STARTED);
		check_exited(exec.connection, 0);
		exec_done(&exec);
		before = clock_monotonic_ns() - before;
		for (; at > 0 && times[at - 1] > before; at--)
			times[at] = times[at - 1];
		times[at] = before;
	}
	print_message("exec of sh -c '': median %lld us\n", (long long)times[100] / 1000);
	box_done(&box);
}

/* ---- what no client of ours sends ---- */

static const struct {
	const char *why;
	uint32_t type;
	size_t length;
	bool attach_first, fd;
} out_of_place[] = {
	{ "unknown type", 4711, 0, false, false },
	{ "type 0", 0, 0, false, false },
	{ "a monitor's message", MONITOR_STDOUT, 3, false, false },
	{ "START after the start", MONITOR_START, 0, false, false },
	{ "STDIN without ATTACH", MONITOR_STDIN, 3, false, false },
	{ "RESIZE without ATTACH", MONITOR_RESIZE, 4, false, false },
	{ "ATTACH of a wrong size", MONITOR_ATTACH, 3, false, false },
	{ "ATTACH twice", MONITOR_ATTACH, 4, true, false },
	{ "EXEC after ATTACH", MONITOR_EXEC, 2, true, false },
	{ "STDIN without asking for it", MONITOR_STDIN, 3, true, false },
	{ "fds where none belong", MONITOR_ATTACH, 4, false, true },
	{ "EXEC with one fd", MONITOR_EXEC, 2, false, true },
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
	check_exited(box.connection, 137);
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
		cmocka_unit_test(test_end_does_not_wait_for_a_client),
		cmocka_unit_test(test_wait_is_an_attach_to_nothing),
		cmocka_unit_test(test_many_clients_come_and_go),
		cmocka_unit_test(test_no_place_for_more),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_that_cannot_run),
		cmocka_unit_test(test_long_exec),
		cmocka_unit_test(test_exec_with_a_terminal),
		cmocka_unit_test(test_detached_exec),
		cmocka_unit_test(test_container_ends_under_an_exec),
		cmocka_unit_test(test_time_of_exec),
		cmocka_unit_test(test_messages_out_of_place),
	};

	box_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Further processes in a running container, by its monitor. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "monitor/box.h"
#include "runtime/seccomp.h"
#include "sys/process.h"

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

/* Its end: a sanitizer may have warned on stderr before. */
static void check_read(int fd, const char *wanted)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_fd(fd, "the pipe", 1 << 20, &text, &err);

	assert_true(length >= (ssize_t)strlen(wanted));
	assert_string_equal(text + length - strlen(wanted), wanted);
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

/* Its client leaves, and it neither stops nor blocks, nor stays as a zombie. */
static void check_detached(bool terminal)
{
	cleanup_free char *json =
		exec_request("head -c 300000 /dev/zero; echo there > /tmp/file", terminal, true, 0);
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

static void test_detached_exec(void **state)
{
	(void)state;
	check_detached(false);
	check_detached(true);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_that_cannot_run),
		cmocka_unit_test(test_long_exec),
		cmocka_unit_test(test_exec_with_a_terminal),
		cmocka_unit_test(test_detached_exec),
		cmocka_unit_test(test_container_ends_under_an_exec),
		cmocka_unit_test(test_time_of_exec),
	};

	box_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

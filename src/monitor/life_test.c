/* SPDX-License-Identifier: Apache-2.0 */
/* A container's life under its monitor: start, end, and whoever else dies meanwhile. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "monitor/box.h"
#include "monitor/client.h"
#include "monitor/log.h"
#include "sys/process.h"

#define PSS_MAX_KB 500

static int print_line(const struct log_line *line, void *arg)
{
	buf_printf(arg, "%d:%.*s", line->stream, (int)line->length, line->data);
	return 0;
}

static void check_log(const struct box *box, const char *wanted)
{
	cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);
	cleanup_error struct error *err = NULL;
	struct log_query query = { .tail = -1 };

	assert_int_equal(log_read(box->config.log_path, &query, print_line, NULL, &text, &err), 0);
	assert_string_equal(buf_text(&text), wanted);
}

static void check_record(const struct box *box, int code, bool oom_killed)
{
	cleanup_close int dir_fd = open(box->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_error struct error *err = NULL;
	struct monitor_record record;

	assert_int_equal(monitor_record_read(dir_fd, &record, &err), 1);
	assert_int_equal(record.code, code);
	assert_int_equal(record.oom_killed, oom_killed);
	assert_string_equal(record.error, "");
	assert_true(record.started_ns > clock_now_ns() - 60000000000 &&
		    record.finished_ns >= record.started_ns &&
		    record.finished_ns <= clock_now_ns());
}

static bool reaped(const struct box *box)
{
	return faccessat(AT_FDCWD, box->dir, F_OK, 0) == 0 &&
	       faccessat(open(box->dir, O_PATH | O_CLOEXEC), "reaped", F_OK, 0) == 0;
}

static void test_output_code_record_log(void **state)
{
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "echo out; echo error >&2; printf rest; exit 7");
	box.config.durable = true;
	box_run(&box, &attach_output);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 7);
	assert_false(got.oom_killed);
	assert_string_equal(buf_text(&got.out), "out\nrest");
	assert_string_equal(buf_text(&got.err), "error\n");
	/* Who was told finds it ended everywhere, without waiting. */
	check_record(&box, 7, false);
	check_log(&box, "1:out\n2:error\n1:rest");
	box_check_gone(&box);
	outcome_done(&got);
}

static const struct {
	const char *why, *program;
	enum error_kind kind;
} bad_programs[] = {
	{ "missing", "/nosuch", ERROR_NO_PROGRAM },
	{ "not found in PATH", "nosuch", ERROR_NO_PROGRAM },
	{ "a directory", "/tmp", ERROR_NOT_EXECUTABLE },
};

static void test_program_that_cannot_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_programs) / sizeof(*bad_programs); i++) {
		cleanup_error struct error *err = NULL, *sent = NULL;
		const struct msg *msg;
		struct box box;

		box_init(&box, "");
		strv_free(take_ptr(box.spec.process.args));
		strv_append(&box.spec.process.args, bad_programs[i].program);
		box.config.reap = true;
		box_spawn(&box);
		assert_int_equal(msg_send(box.connection, MONITOR_START, NULL, 0, &err), 0);
		msg = box_expect(box.connection, MONITOR_ERROR);
		(void)error_unpack(&sent, msg->data, msg->length);
		if (error_kind(sent) != bad_programs[i].kind)
			fail_msg("%s: %s", bad_programs[i].why, error_message(sent));
		assert_int_equal(access("/tmp/exit.json", F_OK), -1);
		assert_false(reaped(&box)); /* the engine, which was told, undoes its part */
		box_check_gone(&box);
	}
}

static void test_killed_program(void **state)
{
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "kill -9 $$; sleep 1000");
	/* PID 1 of its namespace is not killed from inside: by us. */
	box_run(&box, &attach_output);
	assert_int_equal(kill(box.init, SIGKILL), 0);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 137);
	check_record(&box, 137, false);
	box_check_gone(&box);
	outcome_done(&got);
}

static void test_out_of_memory(void **state)
{
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "x=a; while :; do x=$x$x; done");
	box.spec.resources.memory_limit = box.spec.resources.memory_swap = 16 << 20;
	box_run(&box, &attach_output);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 137);
	assert_true(got.oom_killed);
	check_record(&box, 137, true);
	box_check_gone(&box);
	outcome_done(&got);
}

static void test_what_init_leaves_is_killed(void **state)
{
	cleanup_free char *logged = NULL;
	int64_t before = clock_monotonic_ns();
	struct outcome got;
	struct box box;

	(void)state;
	/* On the host's pid namespace the kernel does not kill the rest, which holds stdout open.
	 */
	box_init(&box, "sleep 1000 & echo $!; exit 3");
	for (size_t i = 0; i < box.spec.namespace_count; i++)
		if (box.spec.namespaces[i].type == CLONE_NEWPID)
			box.spec.namespaces[i] = box.spec.namespaces[--box.spec.namespace_count];
	box_run(&box, &attach_output);
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 3);
	assert_true(clock_monotonic_ns() - before < 10000000000);
	EVENTUALLY(process_start_time((pid_t)strtol(buf_text(&got.out), NULL, 10)) == 0);
	logged = xasprintf("1:%s", buf_text(&got.out));
	check_log(&box, logged);
	box_check_gone(&box);
	outcome_done(&got);
}

static void test_second_monitor_is_refused(void **state)
{
	cleanup_error struct error *err = NULL, *sent = NULL;
	cleanup_close int second = -1;
	const struct msg *msg;
	struct box box;

	(void)state;
	box_init(&box, "sleep 1000");
	box_run(&box, NULL);
	assert_int_equal(monitor_is_alive(box.run_fd, &err), 1);
	second = monitor_spawn(box.run_dir, &err);
	assert_int_equal(monitor_begin(second, &err), 0);
	msg = box_expect(second, MONITOR_ERROR);
	(void)error_unpack(&sent, msg->data, msg->length);
	assert_int_equal(error_kind(sent), ERROR_CONFLICT);
	/* And took nothing away from the first. */
	assert_int_equal(monitor_is_alive(box.run_fd, &err), 1);
	close(box_connect(&box, &attach_nothing));
	box_done(&box);
}

/* ---- who cleans up ---- */

static void test_reap(void **state)
{
	cleanup_free char *text = NULL, *path = NULL, *wanted = NULL;
	cleanup_error struct error *err = NULL;
	struct box box;

	(void)state;
	box_init(&box, "exit 0");
	box.config.reap = true;
	path = xasprintf("%s/reaped", box.dir);
	wanted = xasprintf("--root /nowhere --run-dir %s reap %s", box.dir, box.id);
	box_run(&box, NULL);
	EVENTUALLY(access(path, F_OK) == 0);
	assert_true(file_read_at(AT_FDCWD, path, 4096, &text, &err) > 0);
	assert_string_equal(text, wanted);
	box_check_gone(&box);
}

static const struct {
	const char *why;
	bool owner, leaves, reaped;
} owners[] = {
	{ "an attached client that is no owner", false, false, true },
	{ "an owner that sees the end", true, false, false },
	{ "an owner that died before", true, true, true },
};

static void test_owner_reaps_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		const struct monitor_attach attach = { .stdout = 1, .owner = owners[i].owner };
		cleanup_free char *path = NULL;
		struct outcome got;
		struct box box;
		int status;

		box_init(&box, "echo started; sleep 1000");
		box.config.reap = true;
		path = xasprintf("%s/reaped", box.dir);
		box_run(&box, &attach);
		(void)box_expect(box.connection, MONITOR_STDOUT);
		if (owners[i].leaves)
			close_fd(take_fd(&box.connection));
		usleep(20000);
		assert_int_equal(kill(box.init, SIGKILL), 0);
		if (!owners[i].leaves) {
			box_collect(box.connection, &got);
			assert_int_equal(got.code, 137);
			outcome_done(&got);
		}
		/* The monitor, or what it became, is over: now it is decided. */
		assert_int_equal(waitpid(box.monitor, &status, 0), box.monitor);
		assert_int_equal(status, 0);
		if ((access(path, F_OK) == 0) != owners[i].reaped)
			fail_msg("%s", owners[i].why);
		box_check_gone(&box);
	}
}

/* ---- others die ---- */

enum step { CREATED, ATTACHED, START_SENT, STARTED };

static void be_engine(struct box *box, enum step step)
{
	cleanup_error struct error *err = NULL;

	box_spawn(box);
	if (step >= ATTACHED)
		(void)msg_send(box->connection, MONITOR_ATTACH, &attach_output,
			sizeof(attach_output), &err);
	if (step >= START_SENT)
		(void)msg_send(box->connection, MONITOR_START, NULL, 0, &err);
	if (step >= STARTED)
		(void)box_expect(box->connection, MONITOR_STARTED);
	(void)kill(getpid(), SIGKILL);
}

static void check_running_alone(struct box *box)
{
	cleanup_error struct error *err = NULL;
	struct monitor_state running;

	EVENTUALLY(monitor_state_read(box->run_fd, &running, &err) == 1);
	usleep(50000);
	assert_int_equal(monitor_is_alive(box->run_fd, &err), 1);
	assert_int_equal(process_start_time(running.pid), running.start_time);
	box->init = running.pid;
	box_done(box);
}

static void test_engine_killed(void **state)
{
	(void)state;
	for (enum step step = CREATED; step <= STARTED; step++) {
		struct box box;
		pid_t engine;
		int status;

		box_init(&box, "sleep 1000");
		engine = fork();
		if (engine == 0)
			be_engine(&box, step);
		assert_int_equal(waitpid(engine, &status, 0), engine);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		/* Never a container that nobody has asked to start. */
		if (step < START_SENT)
			box_check_gone(&box);
		else
			check_running_alone(&box);
	}
}

/* At any moment of the start: the engine dies after so many microseconds. */
static void test_engine_killed_at_any_time(void **state)
{
	(void)state;
	for (useconds_t delay = 0; delay < 8000; delay += 400) {
		cleanup_error struct error *err = NULL;
		struct monitor_state running = { 0 };
		struct box box;
		pid_t engine;

		box_init(&box, "sleep 1000");
		engine = fork();
		if (engine == 0)
			be_engine(&box, STARTED);
		usleep(delay);
		(void)kill(engine, SIGKILL);
		assert_int_equal(waitpid(engine, NULL, 0), engine);
		usleep(100000);
		/* Either it runs and has its monitor, or there is nothing. */
		if (monitor_state_read(box.run_fd, &running, &err) == 1)
			assert_int_equal(monitor_is_alive(box.run_fd, &err), 1);
		box.init = running.pid;
		box_done(&box);
	}
}

static void test_stray_signals(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGTSTP };
	cleanup_free char *go = NULL;
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "while ! test -e /tmp/go; do sleep 0.01; done; exit 5");
	box_run(&box, &attach_output);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		assert_int_equal(kill(box.monitor, signals[i]), 0);
	go = xasprintf("%s/rootfs/tmp/go", box.dir);
	close(open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	box_collect(box.connection, &got);
	assert_int_equal(got.code, 5);
	box_check_gone(&box);
	outcome_done(&got);
}

/* How the monitor stays alive is not for the container's processes to inherit. */
static void test_signals_of_the_program(void **state)
{
	struct outcome got;
	struct box box;

	(void)state;
	box_init(&box, "");
	strv_free(take_ptr(box.spec.process.args));
	strv_append(&box.spec.process.args, "cat");
	strv_append(&box.spec.process.args, "/proc/self/status");
	box_run(&box, &attach_output);
	box_collect(box.connection, &got);
	assert_non_null(strstr(buf_text(&got.out), "SigIgn:\t0000000000000000"));
	assert_non_null(strstr(buf_text(&got.out), "SigBlk:\t0000000000000000"));
	box_check_gone(&box);
	outcome_done(&got);
}

static void test_held_ports_and_flock(void **state)
{
	cleanup_error struct error *err = NULL;
	struct box box;
	int ends[2], lock_fd;
	char byte;

	(void)state;
	box_init(&box, "sleep 1000");
	box_spawn(&box);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(
		msg_send_fds(box.connection, MONITOR_START, NULL, 0, &ends[1], 1, &err), 0);
	(void)box_expect(box.connection, MONITOR_STARTED);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(read(ends[0], &byte, 1), -1); /* the monitor holds the other end */
	fcntl(ends[0], F_SETFL, 0);
	lock_fd = openat(box.run_fd, MONITOR_LOCK, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(lock_fd, LOCK_SH | LOCK_NB), -1);
	assert_int_equal(kill(box.init, SIGKILL), 0);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* until the end */
	assert_int_equal(flock(lock_fd, LOCK_SH), 0);
	check_record(&box, 137, false);
	close(lock_fd);
	close(ends[0]);
	box_check_gone(&box);
}

static void test_time_of_a_run(void **state)
{
	int64_t times[51];
	struct box box;

	(void)state;
	for (int i = 0; i < 51; i++) {
		struct outcome got;
		int64_t before;
		int at = i;

		box_init(&box, "");
		before = clock_monotonic_ns();
		box_run(&box, &attach_output);
		box_collect(box.connection, &got);
		before = clock_monotonic_ns() - before;
		assert_int_equal(got.code, 0);
		outcome_done(&got);
		box_check_gone(&box);
		for (; at > 0 && times[at - 1] > before; at--)
			times[at] = times[at - 1];
		times[at] = before;
	}
	print_message("monitor_spawn() to EXITED: median %lld us\n", (long long)times[25] / 1000);
}

/* When it has been quiet for a second or two; its PSS then, in kB. */
static long await_small(const struct box *box)
{
	EVENTUALLY(process_pss(box->monitor) <= PSS_MAX_KB);
	return process_pss(box->monitor);
}

static void test_memory_of_a_waiting_monitor(void **state)
{
	cleanup_free char *go = NULL;
	struct box box;
	long first, later;

	(void)state;
	if (BOX_SANITIZED) {
		print_message("skipped: a sanitizer has memory of its own\n");
		skip();
	}
	box_init(&box, "while ! test -e /tmp/go; do sleep 0.01; done; head -c 30000000 /dev/zero; "
		       "yes | head -c 20000000; rm /tmp/go; sleep 1000");
	go = xasprintf("%s/rootfs/tmp/go", box.dir);
	box_run(&box, NULL);
	close_fd(take_fd(&box.connection));
	first = await_small(&box);
	close(open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	EVENTUALLY(access(go, F_OK) < 0);
	later = await_small(&box);
	print_message(
		"PSS of a waiting monitor: %ld kB, after 50 MB of output: %ld kB\n", first, later);
	box_done(&box);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_code_record_log),
		cmocka_unit_test(test_program_that_cannot_run),
		cmocka_unit_test(test_killed_program),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_what_init_leaves_is_killed),
		cmocka_unit_test(test_second_monitor_is_refused),
		cmocka_unit_test(test_reap),
		cmocka_unit_test(test_owner_reaps_itself),
		cmocka_unit_test(test_engine_killed),
		cmocka_unit_test(test_engine_killed_at_any_time),
		cmocka_unit_test(test_stray_signals),
		cmocka_unit_test(test_signals_of_the_program),
		cmocka_unit_test(test_held_ports_and_flock),
		cmocka_unit_test(test_time_of_a_run),
		cmocka_unit_test(test_memory_of_a_waiting_monitor),
	};

	box_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

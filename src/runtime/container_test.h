/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of real containers: running one to its end, with its output caught. */
#pragma once

#include "runtime/fixture_test.h"

#include <sys/wait.h>

#define OUTPUT_MAX (256UL * 1024)

struct outcome {
	int code; /* the exit code, 128 + a signal, or -1 when it did not start */
	char *output; /* stdout and stderr */
	struct error *error;
};

TEST_HELPER void outcome_done_p_(struct outcome *outcome)
{
	free(outcome->output);
	error_free(outcome->error);
}
#define cleanup_outcome __attribute__((cleanup(outcome_done_p_)))

/* A terminal's master says EIO when the last slave is closed: an end, too. */
TEST_HELPER char *read_all(int fd)
{
	char *text = xcalloc(1, OUTPUT_MAX + 1);
	size_t length = 0;
	ssize_t n;

	while ((n = TEMP_FAILURE_RETRY(read(fd, text + length, OUTPUT_MAX - length))) > 0)
		length += (size_t)n;
	return text;
}

TEST_HELPER int wait_code(int pidfd)
{
	siginfo_t info = { 0 };

	assert_int_equal(TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED)), 0);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

TEST_HELPER struct outcome fixture_run(struct fixture *fixture)
{
	struct outcome outcome = { .code = -1 };
	int ends[2];
	struct container_setup setup = { .spec = &fixture->spec };
	struct container_init init;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	setup.io = (struct container_io){ -1, ends[1], ends[1] };
	if (runtime_create(&setup, &init, &outcome.error) == 0 &&
		runtime_start(&init, &outcome.error) == 0) {
		close(ends[1]);
		outcome.output = read_all(ends[0]);
		outcome.code = wait_code(init.pidfd);
		runtime_destroy(&init);
	} else {
		close(ends[1]);
	}
	close(ends[0]);
	return outcome;
}

TEST_HELPER struct container_init fixture_start(struct fixture *fixture, int *ret_output_fd)
{
	struct container_setup setup = { .spec = &fixture->spec };
	struct container_init init;
	struct error *err = NULL;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	setup.io = (struct container_io){ -1, ends[1], ends[1] };
	if (runtime_create(&setup, &init, &err) < 0 || runtime_start(&init, &err) < 0)
		fail_msg("%s", error_message(err));
	close(ends[1]);
	fixture->running = init.pid;
	*ret_output_fd = ends[0];
	return init;
}

TEST_HELPER struct outcome fixture_exec(struct fixture *fixture, const struct container_init *init,
	const struct spec_process *process)
{
	struct outcome outcome = { .code = -1 };
	int ends[2], pidfd = -1, console_fd = -1;
	struct container_exec exec = { .spec = &fixture->spec,
		.process = process,
		.init_pidfd = init->pidfd,
		.init_pid = init->pid,
		.cgroup = init->cgroup };

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	exec.io = (struct container_io){ -1, ends[1], ends[1] };
	if (runtime_exec(&exec, &pidfd, &console_fd, &outcome.error) > 0) {
		close(ends[1]);
		outcome.output = read_all(console_fd >= 0 ? console_fd : ends[0]);
		outcome.code = wait_code(pidfd);
	} else {
		close(ends[1]);
	}
	close_fd(pidfd);
	close_fd(console_fd);
	close(ends[0]);
	return outcome;
}

/* Runs the script and compares what it says, and that it ends well. */
TEST_HELPER void expect_output(struct fixture *fixture, const char *script, const char *wanted)
{
	struct outcome outcome cleanup_outcome = { 0 };

	fixture_script(fixture, script);
	outcome = fixture_run(fixture);
	if (outcome.error)
		fail_msg("%s: %s", script, error_message(outcome.error));
	if (strcmp(outcome.output, wanted) != 0)
		fail_msg("%s: says '%s', not '%s'", script, outcome.output, wanted);
	assert_int_equal(outcome.code, 0);
}

/* The container must not start, and says why. */
TEST_HELPER void expect_error(
	struct fixture *fixture, enum error_kind kind, const char *part, const char *why)
{
	struct outcome outcome cleanup_outcome = fixture_run(fixture);

	if (!outcome.error)
		fail_msg("%s: started, and ended with %d: %s", why, outcome.code, outcome.output);
	if (!strstr(error_message(outcome.error), part))
		fail_msg("%s: '%s' instead of '%s'", why, error_message(outcome.error), part);
	if (error_kind(outcome.error) != kind)
		fail_msg("%s: kind %d, not %d", why, (int)error_kind(outcome.error), (int)kind);
}

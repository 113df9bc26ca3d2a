/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/process.h"

static void a_process_is_waited_for_and_signalled(void **state)
{
	cleanup_close int pidfd = -1;
	cleanup_error struct error *err = NULL;
	pid_t pid = process_clone(0, -1, &pidfd, &err);
	int status = 0;

	(void)state;
	if (pid == 0)
		for (;;)
			pause();
	assert_true(pid > 0);
	assert_int_equal(pidfd_wait(pidfd, 0, &err), 0);
	assert_int_equal(pidfd_signal(pidfd, SIGKILL, &err), 1);
	assert_int_equal(pidfd_wait(pidfd, 5000, &err), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* It has ended, which is an answer and no error. */
	assert_int_equal(pidfd_signal(pidfd, SIGKILL, &err), 0);
	assert_null(err);
}

static void a_process_is_known_by_its_start(void **state)
{
	/* What a name can hold must not shift the fields. */
	char old_name[16] = "";
	uint64_t start;

	(void)state;
	prctl(PR_GET_NAME, old_name);
	prctl(PR_SET_NAME, ") R 1 (x");
	start = process_start_time(getpid());
	prctl(PR_SET_NAME, old_name);
	assert_true(start > 0);
	assert_int_equal(start, process_start_time(getpid()));
	assert_true(start >= process_start_time(1));
	assert_int_equal(process_start_time(0), 0);
	assert_int_equal(process_start_time(-5), 0);
}

static const struct {
	const char *text;
	int number;
} signals[] = {
	{ "TERM", SIGTERM },
	{ "SIGTERM", SIGTERM },
	{ "sigterm", SIGTERM },
	{ "15", SIGTERM },
	{ "HUP", SIGHUP },
	{ "POLL", SIGPOLL },
	{ "RTMIN", 34 },
	{ "SIGRTMIN+3", 37 },
	{ "RTMAX", 64 },
	{ "RTMAX-1", 63 },
	{ "64", 64 },
	{ "65", -1 },
	{ "0", -1 },
	{ "-9", -1 },
	{ "", -1 },
	{ "SIG", -1 },
	{ "9x", -1 },
	{ "99999999999999999999", -1 },
	{ "RTMIN-1", -1 },
	{ "RTMIN+31", -1 },
	{ "RTMAX+1", -1 },
	{ "RTMIN+", -1 },
	{ "TERMINATE", -1 },
};

static void signals_have_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		cleanup_error struct error *err = NULL;
		int number = signal_parse(signals[i].text, &err);

		if (number != signals[i].number)
			fail_msg("'%s' is %d, not %d", signals[i].text, number, signals[i].number);
		assert_int_equal(err != NULL, number < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_waited_for_and_signalled),
		cmocka_unit_test(a_process_is_known_by_its_start),
		cmocka_unit_test(signals_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

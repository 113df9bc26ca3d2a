/* SPDX-License-Identifier: Apache-2.0 */
/* Further processes in a container that runs. */
#include "runtime/container_test.h"

#include <sys/prctl.h>

struct running {
	struct fixture *fixture;
	struct container_init init;
	int fd;
};

static struct running start(void **state)
{
	struct running running = { .fixture = fixture_of(state) };

	fixture_args(running.fixture, (const char *const[]){ "sleep", "1000", NULL });
	running.init = fixture_start(running.fixture, &running.fd);
	return running;
}

static void stop(struct running *running)
{
	runtime_destroy(&running->init);
	close(running->fd);
}

static struct outcome run_script(struct running *running, const char *script)
{
	fixture_script(running->fixture, script);
	return fixture_exec(running->fixture, &running->init, &running->fixture->spec.process);
}

static void expect(struct running *running, const char *script, const char *wanted)
{
	struct outcome outcome cleanup_outcome = run_script(running, script);

	if (outcome.error)
		fail_msg("%s: %s", script, error_message(outcome.error));
	if (strcmp(outcome.output, wanted) != 0)
		fail_msg("%s: says '%s', not '%s'", script, outcome.output, wanted);
	assert_int_equal(outcome.code, 0);
}

static void it_shares_the_containers_namespaces(void **state)
{
	struct running running = start(state);

	expect(&running,
		"for n in mnt pid net ipc uts cgroup user; do test $(readlink /proc/1/ns/$n) = "
		"$(readlink /proc/self/ns/$n) && echo $n; done; hostname; ps -o comm | grep sleep",
		"mnt\npid\nnet\nipc\nuts\ncgroup\nuser\nvessel-test\nsleep\n");
	stop(&running);
}

/* Of the two sets of processors the last one stays. */
static void it_runs_on_the_processors_it_was_told(void **state)
{
	struct running running = start(state);
	struct spec_process *process = &running.fixture->spec.process;
	struct outcome outcome cleanup_outcome = { 0 };

	process->affinity_initial = xstrdup("0");
	expect(&running, "grep Cpus_allowed_list /proc/self/status | tr -d '\\t'",
		"Cpus_allowed_list:0\n");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		process->affinity_final = xstrdup("1");
		expect(&running, "grep Cpus_allowed_list /proc/self/status | tr -d '\\t'",
			"Cpus_allowed_list:1\n");
	}
	replace_string(&process->affinity_final, xstrdup("1000"));
	outcome = run_script(&running, "true");
	assert_non_null(outcome.error);
	assert_non_null(strstr(error_message(outcome.error), "execCPUAffinity.final"));
	stop(&running);
}

/* Also the time namespace, which cannot be entered like the others. */
static void it_shares_the_time_namespace(void **state)
{
	struct running running = { .fixture = fixture_of(state) };

	spec_add_namespace(&running.fixture->spec, CLONE_NEWTIME, NULL);
	running = start(state);
	expect(&running,
		"test $(readlink /proc/1/ns/time) = $(readlink /proc/self/ns/time) && echo same",
		"same\n");
	stop(&running);
}

static void it_has_the_same_protections(void **state)
{
	struct running running = start(state);
	struct spec_process *process = &running.fixture->spec.process;

	process->no_new_privileges = true;
	expect(&running,
		"grep -E '^(CapEff|CapBnd|CapInh|Seccomp|NoNewPrivs):' /proc/self/status | tr -d "
		"'\\t'; ls /proc/$$/fd; readlink /proc/$$/cwd; id -u; echo $HOME; umask",
		"CapInh:0000000000000000\nCapEff:00000000a80425fb\nCapBnd:00000000a80425fb\n"
		"NoNewPrivs:1\nSeccomp:2\n0\n1\n2\n/\n0\n/root\n0022\n");
	replace_string(&process->user, xstrdup("web"));
	replace_string(&process->cwd, xstrdup("/etc"));
	process->capabilities = (struct spec_capabilities){ 0 };
	expect(&running, "id -u; id -G; pwd; echo $HOME; grep CapBnd /proc/self/status",
		"33\n34 50\n/etc\n/srv\nCapBnd:\t0000000000000000\n");
	stop(&running);
}

static void its_exit_code_and_its_signal_arrive(void **state)
{
	struct running running = start(state);
	struct outcome outcome cleanup_outcome = run_script(&running, "exit 42");
	struct outcome killed cleanup_outcome = run_script(&running, "kill -9 $$");

	assert_int_equal(outcome.code, 42);
	assert_int_equal(killed.code, 137);
	stop(&running);
}

static const struct {
	const char *why, *program, *cwd;
	enum error_kind kind;
	const char *message;
} failures[] = {
	{ "in no PATH", "nosuch", "/", ERROR_NO_PROGRAM,
		"exec: \"nosuch\": executable file not found in $PATH" },
	{ "no x bit", "/etc/passwd", "/", ERROR_NOT_EXECUTABLE,
		"exec: \"/etc/passwd\": permission denied" },
	{ "no such directory", "true", "/nosuch", ERROR_NO_PROGRAM, "working directory" },
	{ "a magic link to what is not even a directory", "true", "/proc/self/fd/3",
		ERROR_NOT_EXECUTABLE, "working directory" },
	{ "a magic link to a directory (CVE-2024-21626)", "true", "/proc/self/cwd",
		ERROR_NOT_EXECUTABLE, "working directory" },
};

static void failures_are_told(void **state)
{
	struct running running = start(state);
	struct spec_process *process = &running.fixture->spec.process;

	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		const char *const args[] = { failures[i].program, NULL };
		struct outcome outcome cleanup_outcome = { 0 };

		fixture_args(running.fixture, args);
		replace_string(&process->cwd, xstrdup(failures[i].cwd));
		outcome = fixture_exec(running.fixture, &running.init, process);
		if (!outcome.error)
			fail_msg("%s: ran: %s", failures[i].why, outcome.output);
		if (!strstr(error_message(outcome.error), failures[i].message))
			fail_msg("%s: %s", failures[i].why, error_message(outcome.error));
		assert_int_equal(error_kind(outcome.error), failures[i].kind);
	}
	stop(&running);
}

static void it_can_have_a_terminal(void **state)
{
	struct running running = start(state);
	struct spec_process *process = &running.fixture->spec.process;

	process->terminal = true;
	process->console_height = 24;
	process->console_width = 80;
	expect(&running, "tty; stty size; (: < /dev/tty) && echo controlling",
		"/dev/pts/0\r\n24 80\r\ncontrolling\r\n");
	stop(&running);
}

/* The container must not be able to put another file in the terminal's place (CVE-2025-52565). */
static void a_replaced_ptmx_is_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct running running = { .fixture = fixture };

	fixture->spec.process.capabilities.bounding |= UINT64_C(1) << 21; /* SYS_ADMIN */
	replace_string(&fixture->spec.seccomp, NULL);
	fixture_script(fixture,
		"umount /dev/pts && ln -s /etc/passwd /dev/pts/ptmx && echo ok; sleep 1000");
	running.init = fixture_start(fixture, &running.fd);
	{
		char text[8] = "";

		assert_int_equal(read(running.fd, text, 3), 3);
		assert_string_equal(text, "ok\n");
	}
	fixture->spec.process.terminal = true;
	{
		struct outcome outcome cleanup_outcome = run_script(&running, "tty");

		assert_non_null(outcome.error);
		assert_non_null(strstr(error_message(outcome.error), "no pty multiplexer"));
	}
	stop(&running);
}

static void the_oom_score_is_its_own(void **state)
{
	struct running running = start(state);
	struct spec_process *process = &running.fixture->spec.process;
	cleanup_free char *before = NULL, *after = NULL;
	struct error *err = NULL;

	process->has_oom_score_adj = true;
	process->oom_score_adj = 654;
	file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &before, &err);
	expect(&running, "cat /proc/self/oom_score_adj", "654\n");
	/* The helper shares our memory, not our score. */
	file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &after, &err);
	assert_string_equal(before, after);
	stop(&running);
}

static void after_the_containers_end_it_is_an_error(void **state)
{
	struct running running = start(state);
	struct outcome outcome cleanup_outcome = { 0 };

	kill(running.init.pid, SIGKILL);
	assert_int_equal(wait_code(running.init.pidfd), 137);
	outcome = run_script(&running, "echo ran");
	assert_non_null(outcome.error);
	stop(&running);
}

static void nothing_is_left_in_the_caller(void **state)
{
	struct running running = start(state);
	int before = fcntl(0, F_DUPFD_CLOEXEC, 0), after;

	close(before);
	for (int i = 0; i < 20; i++)
		expect(&running, "true", "");
	after = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(after);
	assert_int_equal(before, after);
	/* No child but init. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	stop(&running);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(it_shares_the_containers_namespaces),
		CONTAINER_TEST(it_runs_on_the_processors_it_was_told),
		CONTAINER_TEST(it_shares_the_time_namespace),
		CONTAINER_TEST(it_has_the_same_protections),
		CONTAINER_TEST(its_exit_code_and_its_signal_arrive),
		CONTAINER_TEST(failures_are_told),
		CONTAINER_TEST(it_can_have_a_terminal),
		CONTAINER_TEST(a_replaced_ptmx_is_refused),
		CONTAINER_TEST(the_oom_score_is_its_own),
		CONTAINER_TEST(after_the_containers_end_it_is_an_error),
		CONTAINER_TEST(nothing_is_left_in_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

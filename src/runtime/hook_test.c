/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: what they are told, where they run, and what becomes of the container when they fail. */
#include "runtime/container_test.h"

#include "base/clock.h"
#include "runtime/hook.h"
#include "sys/msg.h"

static void add_hook(struct fixture *fixture, enum spec_hook_point point, const char *script)
{
	struct spec_hooks *hooks = &fixture->spec.hooks[point];
	struct spec_hook *hook;
	const char *const args[] = { "sh", "-c", script, NULL };

	hooks->items = xrealloc(hooks->items, hooks->count + 1, sizeof(*hooks->items));
	hook = &hooks->items[hooks->count++];
	*hook = (struct spec_hook){ .path = xstrdup("/bin/sh"),
		.args = strv_copy((char *const *)args) };
	strv_append(&hook->env, "PATH=/bin:/usr/bin:/usr/sbin:/sbin");
	strv_appendf(&hook->env, "OUT=%s/out", fixture->dir);
}

static struct container_setup setup_of(struct fixture *fixture, int output_fd)
{
	return (struct container_setup){ .spec = &fixture->spec,
		.bundle = fixture->dir,
		.id = "test-id",
		.io = { -1, output_fd, output_fd } };
}

/* To its end; what it says. */
static struct outcome run_with_hooks(struct fixture *fixture)
{
	struct outcome outcome = { .code = -1 };
	struct container_setup setup;
	struct container_init init;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	setup = setup_of(fixture, ends[1]);
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

static char *written(struct fixture *fixture)
{
	struct error *err = NULL;
	char *text = NULL;

	if (file_read_at(fixture->dir_fd, "out", 65536, &text, &err) < 0)
		fail_msg("%s", error_message(err));
	return text;
}

static void expect_written(struct fixture *fixture, const char *wanted)
{
	cleanup_free char *text = written(fixture);

	if (strcmp(text, wanted) != 0)
		fail_msg("the hooks wrote '%s', not '%s'", text, wanted);
}

/* In their order, in the namespaces they belong to, the program last. */
static void each_runs_in_its_place(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *host = NULL, *wanted = NULL;
	struct outcome outcome cleanup_outcome = { 0 };
	char ns[64] = "";

	assert_true(readlink("/proc/self/ns/uts", ns, sizeof(ns) - 1) > 0);
	add_hook(
		fixture, HOOK_PRESTART, "echo prestart $(readlink /proc/self/ns/uts) $PWD >> $OUT");
	add_hook(fixture, HOOK_CREATE_RUNTIME,
		"echo runtime1 $(readlink /proc/self/ns/uts) >> $OUT");
	add_hook(fixture, HOOK_CREATE_RUNTIME, "echo runtime2 >> $OUT");
	/* In the container's namespaces, and the host's files can still be seen. */
	add_hook(fixture, HOOK_CREATE_CONTAINER,
		"echo container $(hostname) $(pwd) $(test -e rootfs/proc/self && echo mounts) "
		"$(test -e /usr/bin/env && echo host) >> $OUT");
	add_hook(fixture, HOOK_START_CONTAINER,
		"echo start $(pwd) $(test -e /usr/bin/env || echo inside) > /tmp/hook");
	add_hook(fixture, HOOK_POSTSTART, "echo never >> $OUT");
	fixture_script(fixture, "cat /tmp/hook");
	outcome = run_with_hooks(fixture);
	if (outcome.error)
		fail_msg("%s", error_message(outcome.error));
	assert_string_equal(outcome.output, "start / inside\n");
	wanted = xasprintf("prestart %s %s\nruntime1 %s\nruntime2\n"
			   "container vessel-test %s mounts host\n",
		ns, fixture->dir, ns, fixture->dir);
	expect_written(fixture, wanted);
}

static void they_are_told_the_state(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct outcome outcome cleanup_outcome = { 0 };
	cleanup_free char *text = NULL, *wanted = NULL;

	strv_append(&fixture->spec.annotations, "com.example/a=b=c");
	add_hook(fixture, HOOK_CREATE_CONTAINER, "cat >> $OUT");
	add_hook(fixture, HOOK_START_CONTAINER, "cat > /tmp/state");
	add_hook(fixture, HOOK_CREATE_RUNTIME,
		"sed -E 's/.*\"pid\":([0-9]+).*/\\1/' | { read p; "
		"readlink /proc/$p/ns/uts | grep -vqx $(readlink /proc/self/ns/uts) && "
		"echo other >> $OUT; }");
	fixture_script(fixture, "cat /tmp/state");
	outcome = run_with_hooks(fixture);
	if (outcome.error)
		fail_msg("%s", error_message(outcome.error));
	wanted = xasprintf(
		"{\"ociVersion\":\"1.2.1\",\"id\":\"test-id\",\"status\":\"created\",\"pid\":1,"
		"\"bundle\":\"%s\",\"annotations\":{\"com.example/a\":\"b=c\"}}",
		fixture->dir);
	assert_string_equal(outcome.output, wanted);
	free(wanted);
	wanted = xasprintf("other\n{\"ociVersion\":\"1.2.1\",\"id\":\"test-id\",\"status\":"
			   "\"creating\",\"pid\":1,\"bundle\":\"%s\",\"annotations\":"
			   "{\"com.example/a\":\"b=c\"}}",
		fixture->dir);
	expect_written(fixture, wanted);
}

/* Only what the bundle gives: neither our environment, nor fds of ours, nor ignored signals. */
static void they_inherit_nothing(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct outcome outcome cleanup_outcome = { 0 };
	static const enum spec_hook_point points[] = { HOOK_PRESTART, HOOK_CREATE_CONTAINER };

	assert_int_equal(setenv("VESSEL_TEST_SECRET", "1", 1), 0);
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		add_hook(fixture, points[i],
			"env | grep -c SECRET >> $OUT; ls /proc/self/fd | tr '\\n' ' ' >> $OUT;"
			"grep -E 'SigIgn|SigBlk' /proc/self/status | tr -d '\\t' >> $OUT; true");
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	fixture_script(fixture, "true");
	outcome = run_with_hooks(fixture);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)unsetenv("VESSEL_TEST_SECRET");
	if (outcome.error)
		fail_msg("%s", error_message(outcome.error));
#define NOTHING "0\n0 1 2 3 SigBlk:0000000000000000\nSigIgn:0000000000000000\n"
	expect_written(fixture, NOTHING NOTHING); /* 3 is what ls looks at */
}

/* Outside ours, which tests and callers may need; inside the program's. */
static void without_an_environment_there_is_a_default(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct outcome outcome cleanup_outcome = { 0 };
	static const enum spec_hook_point points[] = { HOOK_CREATE_CONTAINER,
		HOOK_START_CONTAINER };
	cleanup_free char *out = xasprintf("%s/out", fixture->dir);

	assert_int_equal(setenv("VESSEL_TEST_OUT", out, 1), 0);
	strv_append(&fixture->spec.process.env, "IMAGE=1");
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		add_hook(fixture, points[i],
			"echo image:$IMAGE ours:$VESSEL_TEST_OUT >> ${VESSEL_TEST_OUT:-/tmp/out}");
		strv_free(fixture->spec.hooks[points[i]].items[0].env);
		fixture->spec.hooks[points[i]].items[0].env = NULL;
	}
	fixture_script(fixture, "cat /tmp/out");
	outcome = run_with_hooks(fixture);
	(void)unsetenv("VESSEL_TEST_OUT");
	if (outcome.error)
		fail_msg("%s", error_message(outcome.error));
	assert_string_equal(outcome.output, "image:1 ours:\n");
	{
		cleanup_free char *wanted = xasprintf("image: ours:%s\n", out);

		expect_written(fixture, wanted);
	}
}

static const struct {
	enum spec_hook_point point;
	int timeout;
	const char *why, *script, *part;
} failures[] = {
	{ HOOK_PRESTART, 0, "an exit code", "echo why >&2; exit 3",
		"prestart hook failed with exit code 3 (/bin/sh): why" },
	{ HOOK_CREATE_RUNTIME, 0, "a signal", "kill -9 $$",
		"error running hook: createRuntime hook was killed by signal 9, killed (/bin/sh)" },
	{ HOOK_CREATE_RUNTIME, 1, "too slow, with a child", "sleep 1000 & sleep 1000",
		"createRuntime hook was killed after 1 s (/bin/sh)" },
	{ HOOK_CREATE_CONTAINER, 1, "too slow", "sleep 1000", "killed after 1 s" },
	{ HOOK_CREATE_CONTAINER, 0, "bytes for a terminal", "printf 'a\\033[1mb' >&2; exit 1",
		"code 1 (/bin/sh): a [1mb" },
	{ HOOK_START_CONTAINER, 0, "an exit code", "echo inside >&2; exit 7",
		"startContainer hook failed with exit code 7 (/bin/sh): inside" },
};

static void drop_hooks(struct fixture *fixture)
{
	for (int point = 0; point < HOOK_POINTS; point++) {
		struct spec_hooks *hooks = &fixture->spec.hooks[point];

		for (size_t i = 0; i < hooks->count; i++) {
			free(hooks->items[i].path);
			strv_free(hooks->items[i].args);
			strv_free(hooks->items[i].env);
		}
		free(hooks->items);
		*hooks = (struct spec_hooks){ 0 };
	}
}

static void one_that_fails_ends_the_start(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "echo ran");
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		struct outcome outcome cleanup_outcome = { 0 };
		int64_t began = clock_monotonic_ns();

		drop_hooks(fixture);
		add_hook(fixture, failures[i].point, failures[i].script);
		add_hook(fixture, failures[i].point, "echo second >> $OUT");
		fixture->spec.hooks[failures[i].point].items[0].timeout = failures[i].timeout;
		outcome = run_with_hooks(fixture);
		if (!outcome.error)
			fail_msg("%s: started: %s", failures[i].why, outcome.output);
		if (!strstr(error_message(outcome.error), failures[i].part))
			fail_msg("%s: %s", failures[i].why, error_message(outcome.error));
		assert_true(clock_monotonic_ns() - began < 10 * INT64_C(1000000000));
		assert_int_equal(faccessat(fixture->dir_fd, "out", F_OK, 0), -1);
	}
	drop_hooks(fixture);
	add_hook(fixture, HOOK_PRESTART, "true");
	replace_string(&fixture->spec.hooks[HOOK_PRESTART].items[0].path, xstrdup("/nosuch"));
	{
		struct outcome outcome cleanup_outcome = run_with_hooks(fixture);

		assert_non_null(outcome.error);
		assert_non_null(strstr(error_message(outcome.error), "No such file"));
	}
}

/* nsenter into it, and a mount below the bundle's name of the root: what existing hooks do. */
static void their_mounts_are_the_containers(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct outcome outcome cleanup_outcome = { 0 };

	fixture_file(fixture, "/etc/a", "", 0644);
	fixture_file(fixture, "/etc/b", "", 0644);
	add_hook(fixture, HOOK_CREATE_RUNTIME,
		"p=$(sed -E 's/.*\"pid\":([0-9]+).*/\\1/'); d=${OUT%/out}; echo one > $d/one;"
		"nsenter -m -t $p mount --bind $d/one $d/rootfs/etc/a");
	add_hook(fixture, HOOK_CREATE_CONTAINER,
		"echo two > ${OUT%/out}/two; mount --bind ${OUT%/out}/two rootfs/etc/b");
	fixture_script(fixture, "cat /etc/a /etc/b");
	outcome = run_with_hooks(fixture);
	if (outcome.error)
		fail_msg("%s", error_message(outcome.error));
	assert_string_equal(outcome.output, "one\ntwo\n");
}

/* Started by another process: the error of a startContainer hook is that one's. */
static void behind_a_gate_they_run_at_the_start(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_setup setup = setup_of(fixture, -1);
	struct container_init init = CONTAINER_INIT_NONE;
	struct error *err = NULL;
	cleanup_close int pidfd = -1;
	pid_t pid;

	add_hook(fixture, HOOK_START_CONTAINER, "echo hello > /tmp/started; exit 5");
	fixture_script(fixture, "true");
	setup.gate_fd = msg_listen_at(fixture->dir_fd, "gate", &err);
	if (setup.gate_fd < 0 || runtime_create(&setup, &init, &err) < 0 ||
		runtime_wait_ready(&init, &err) < 0)
		fail_msg("%s", error_message(err));
	pid = fixture->running = init.pid;
	pidfd = fcntl(init.pidfd, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(runtime_leave(&init, &err), 0);
	close(setup.gate_fd);
	assert_int_equal(faccessat(fixture->dir_fd, "rootfs/tmp/started", F_OK, 0), -1);
	assert_int_equal(runtime_open_gate(fixture->dir_fd, "gate", pidfd, &err), -1);
	assert_non_null(strstr(error_message(err), "exit code 5"));
	error_free(err);
	assert_int_equal(faccessat(fixture->dir_fd, "rootfs/tmp/started", F_OK, 0), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fixture->running = 0;
}

static void who_gives_no_id_gets_no_hooks(void **state)
{
	struct fixture *fixture = fixture_of(state);

	add_hook(fixture, HOOK_PRESTART, "true");
	fixture_script(fixture, "true");
	expect_error(fixture, ERROR_UNSUPPORTED, "has hooks", "vessel's own bundles have none");
}

static void post_hooks_run_by_the_same_function(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct hook_state told = { .id = "x", .status = "stopped", .bundle = "/nosuch" };
	struct error *err = NULL;

	add_hook(fixture, HOOK_POSTSTOP, "pwd >> $OUT; cat >> $OUT");
	assert_int_equal(hooks_run(&fixture->spec, HOOK_POSTSTOP, &told, &err), 0);
	expect_written(fixture, "/\n{\"ociVersion\":\"1.2.1\",\"id\":\"x\",\"status\":\"stopped\","
				"\"bundle\":\"/nosuch\"}");
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(each_runs_in_its_place),
		CONTAINER_TEST(they_are_told_the_state),
		CONTAINER_TEST(they_inherit_nothing),
		CONTAINER_TEST(without_an_environment_there_is_a_default),
		CONTAINER_TEST(one_that_fails_ends_the_start),
		CONTAINER_TEST(their_mounts_are_the_containers),
		CONTAINER_TEST(behind_a_gate_they_run_at_the_start),
		CONTAINER_TEST(who_gives_no_id_gets_no_hooks),
		CONTAINER_TEST(post_hooks_run_by_the_same_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

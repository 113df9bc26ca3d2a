/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's program finds, and why one does not run. */
#include "runtime/container_test.h"

#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define STATUS(fields) "grep -E '^(" fields "):' /proc/self/status | tr -d '\\t'"

static void capabilities_are_those_given(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec_process *process = &fixture->spec.process;

	expect_output(fixture, STATUS("Cap.*|NoNewPrivs|Seccomp"),
		"CapInh:0000000000000000\nCapPrm:00000000a80425fb\nCapEff:00000000a80425fb\n"
		"CapBnd:00000000a80425fb\nCapAmb:0000000000000000\nNoNewPrivs:0\nSeccomp:2\n");
	/* Another user has none, and none comes back through the bounding set. */
	process->uid = process->gid = 1000;
	process->no_new_privileges = true;
	expect_output(fixture, STATUS("Cap.*|NoNewPrivs|Seccomp"),
		"CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\n"
		"CapBnd:00000000a80425fb\nCapAmb:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n");
	/* Ambient ones are what gives a user some. */
	process->capabilities.inheritable = process->capabilities.ambient = CAP(NET_BIND_SERVICE);
	expect_output(fixture, STATUS("CapEff|CapAmb"),
		"CapEff:0000000000000400\nCapAmb:0000000000000400\n");
	process->uid = process->gid = 0;
	process->no_new_privileges = false;
	process->capabilities = (struct spec_capabilities){ 0 };
	replace_string(&fixture->spec.seccomp, NULL);
	expect_output(fixture, STATUS("CapEff|CapBnd|Seccomp"),
		"CapEff:0000000000000000\nCapBnd:0000000000000000\nSeccomp:0\n");
}

static void a_capability_that_we_lack_is_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);
	int cap = 0;

	while (cap <= CAP_LAST_CAP && prctl(PR_CAPBSET_READ, cap) == 1)
		cap++;
	if (cap > CAP_LAST_CAP) {
		print_message("skipped: this root has all capabilities\n");
		skip();
	}
	fixture_script(fixture, "true");
	fixture->spec.process.capabilities.bounding |= UINT64_C(1) << cap;
	expect_error(fixture, ERROR_DENIED, "cannot be given", "a lacking one");
}

static void it_runs_when_and_where_it_was_told(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	struct spec_process *process = &spec->process;

	process->scheduler =
		(struct spec_scheduler){ .set = true, .policy = SCHED_BATCH, .nice = 7 };
	process->io_priority = (struct spec_io_priority){ .set = true, .io_class = 2, .level = 6 };
	spec->personality = (struct spec_personality){ .set = true, .value = 8 | 0x0040000 };
	/* Another user, who may do none of it himself. */
	process->uid = process->gid = 1000;
	expect_output(fixture,
		"awk '{ print $19, $41 }' /proc/self/stat; busybox ionice;"
		"cat /proc/self/personality; busybox uname -m",
		"7 3\nbest-effort: prio 6\n00040008\ni686\n");
}

/* What the kernel refuses is told, and not left out. */
static void a_policy_that_cannot_be_is_told(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "true");
	fixture->spec.process.scheduler =
		(struct spec_scheduler){ .set = true, .policy = 4 /* SCHED_ISO */ };
	expect_error(fixture, ERROR_INVALID, "process.scheduler", "one that Linux does not have");
	fixture->spec.process.scheduler.set = false;
	fixture->spec.memory_policy =
		(struct spec_memory_policy){ .set = true, .mode = 2, .nodes = xstrdup("999") };
	expect_error(fixture, ERROR_INVALID, "linux.memoryPolicy", "no such node");
}

static const struct {
	const char *why, *user, *output; /* output NULL: error */
	const char *error;
} users[] = {
	{ "nobody said: root, with root's groups", "", "0:0:0 50:/root", NULL },
	{ "a name", "web", "33:34:34 50:/srv", NULL },
	{ "its number means the same", "33", "33:34:34 50:/srv", NULL },
	{ "a group stands alone", "web:log", "33:50:50:/srv", NULL },
	{ "a number that is nobody's", "1000", "1000:0:0:/", NULL },
	{ "both numbers", "1000:1001", "1000:1001:1001:/", NULL },
	{ "the largest", "4294967294", "4294967294:0:0:/", NULL },
	{ "would be \"leave it as it is\"", "4294967295", NULL, "out of range" },
	{ "would wrap to root", "4294967296", NULL, "out of range" },
	{ "no such name", "ghost", NULL,
		"unable to find user ghost: no matching entries in passwd file" },
	{ "no such group", "web:ghost", NULL,
		"unable to find group ghost: no matching entries in group file" },
	{ "signs make no number", "-1", NULL, "unable to find user" },
};

static void users_are_found_as_docker_does(void **state)
{
	struct fixture *fixture = fixture_of(state);

	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		replace_string(&fixture->spec.process.user, xstrdup(users[i].user));
		if (users[i].output) {
			cleanup_free char *line = xasprintf("%s\n", users[i].output);

			expect_output(fixture, "echo $(id -u):$(id -g):$(id -G):$HOME", line);
		} else {
			expect_error(fixture, ERROR_INVALID, users[i].error, users[i].why);
		}
	}
}

/* CVE-2016-3697: a user "1000" with uid 0 would be root for who asks for number 1000. */
static void digits_are_never_a_name(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_file(fixture, "/etc/passwd", "1000:x:0:0::/root:/bin/sh\n", 0644);
	replace_string(&fixture->spec.process.user, xstrdup("1000"));
	expect_output(fixture, "id -u", "1000\n");
}

static void a_hostile_passwd_does_not_hold_us(void **state)
{
	struct fixture *fixture = fixture_of(state);

	replace_string(&fixture->spec.process.user, xstrdup("web"));
	fixture_script(fixture, "true");
	assert_int_equal(unlinkat(fixture->dir_fd, "rootfs/etc/passwd", 0), 0);
	assert_int_equal(mknodat(fixture->dir_fd, "rootfs/etc/passwd", S_IFIFO | 0644, 0), 0);
	expect_error(fixture, ERROR_INVALID, "not a regular file", "a FIFO");
	assert_int_equal(unlinkat(fixture->dir_fd, "rootfs/etc/passwd", 0), 0);
	fixture_file(fixture, "/etc/passwd", "", 0644);
	{
		cleanup_free char *path = xasprintf("%s/etc/passwd", fixture->rootfs);

		assert_int_equal(truncate(path, 1L << 40), 0);
	}
	expect_error(fixture, ERROR_INVALID, "is larger than", "a terabyte of holes");
}

static void only_stdio_is_open(void **state)
{
	struct fixture *fixture = fixture_of(state);
	/* Without O_CLOEXEC, as a library might open one. */
	int leaked = open("/", O_RDONLY | O_DIRECTORY); // NOLINT(android-cloexec-open)

	/* The shell has its three and what it reads the list with. */
	expect_output(fixture, "ls /proc/1/fd; readlink /proc/1/fd/0; readlink /proc/1/cwd",
		"0\n1\n2\n/dev/null\n/\n");
	close(leaked);
}

static void the_environment_is_the_specs(void **state)
{
	struct fixture *fixture = fixture_of(state);

	strv_append(&fixture->spec.process.env, "GREETING=hello world");
	setenv("LEAK", "1", 1);
	fixture_args(fixture, (const char *const[]){ "env", NULL });
	{
		struct outcome outcome cleanup_outcome = fixture_run(fixture);

		assert_string_equal(
			outcome.output, "PATH=/bin\nGREETING=hello world\nHOME=/root\n");
	}
	unsetenv("LEAK");
}

static void signals_umask_and_session_are_fresh(void **state)
{
	struct fixture *fixture = fixture_of(state);
	sigset_t blocked, old;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, &old);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	/* The shell's own handlers are in SigCgt only. */
	expect_output(fixture,
		STATUS("SigIgn|SigBlk") "; umask; awk '{ print $5, $6 }' /proc/1/stat",
		"SigBlk:0000000000000000\nSigIgn:0000000000000000\n0022\n1 1\n");
	fixture->spec.process.umask = 077;
	expect_output(fixture, "umask", "0077\n");
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGUSR1, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void exit_codes_arrive(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "exit 42");
	{
		struct outcome outcome cleanup_outcome = fixture_run(fixture);

		assert_int_equal(outcome.code, 42);
	}
}

static void limits_are_set_or_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec_process *process = &fixture->spec.process;
	struct rlimit own;

	process->rlimits = xcalloc(1, sizeof(*process->rlimits));
	process->rlimit_count = 1;
	process->rlimits[0] = (struct spec_rlimit){ RLIMIT_NOFILE, 100, 200 };
	expect_output(fixture, "ulimit -Sn; ulimit -Hn", "100\n200\n");
	process->rlimits[0] = (struct spec_rlimit){ RLIMIT_NOFILE, 200, 100 };
	expect_error(fixture, ERROR_INTERNAL, "resource limit", "soft above hard");
	getrlimit(RLIMIT_NOFILE, &own);
	if (own.rlim_max == RLIM_INFINITY || prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1)
		return;
	process->rlimits[0] =
		(struct spec_rlimit){ RLIMIT_NOFILE, own.rlim_max + 1, own.rlim_max + 1 };
	expect_error(fixture, ERROR_INTERNAL, "resource limit", "above our own");
}

static void the_oom_score_is_set_or_refused(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture->spec.process.has_oom_score_adj = true;
	fixture->spec.process.oom_score_adj = 321;
	expect_output(fixture, "cat /proc/self/oom_score_adj", "321\n");
	if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1)
		return;
	fixture->spec.process.oom_score_adj = -999;
	expect_error(fixture, ERROR_INTERNAL, "oom_score_adj", "lower than ours");
}

static const struct {
	const char *why, *program;
	enum error_kind kind;
	const char *message, *hint;
} failures[] = {
	{ "in no PATH", "nosuch", ERROR_NO_PROGRAM,
		"exec: \"nosuch\": executable file not found in $PATH", NULL },
	{ "a path that is not there", "/x/nosuch", ERROR_NO_PROGRAM,
		"exec: \"/x/nosuch\": stat /x/nosuch: no such file or directory", NULL },
	{ "no x bit", "/etc/passwd", ERROR_NOT_EXECUTABLE,
		"exec: \"/etc/passwd\": permission denied", NULL },
	{ "a directory", "/etc", ERROR_NOT_EXECUTABLE, "exec: \"/etc\": permission denied", NULL },
	{ "below a file", "/etc/passwd/x", ERROR_NOT_EXECUTABLE, "Not a directory", NULL },
	{ "nothing", "", ERROR_NO_PROGRAM, "no such file or directory", NULL },
	{ "a directory of PATH's name is no program", "etc", ERROR_NO_PROGRAM,
		"executable file not found", NULL },
	{ "interpreter missing", "/t/python", ERROR_NO_PROGRAM,
		"its interpreter '/usr/bin/python9' is not in the image", "install" },
	{ "Windows line ends", "/t/windows", ERROR_NO_PROGRAM, "'/bin/sh\\r'", "CRLF" },
	{ "empty", "/t/empty", ERROR_NOT_EXECUTABLE, "the file is empty", NULL },
	{ "no first line", "/t/plain", ERROR_NOT_EXECUTABLE, "exec format error", "#!/bin/sh" },
	{ "loader missing", "/t/dynamic", ERROR_NO_PROGRAM, "its loader '/lib", "statically" },
	{ "another machine's", "/t/foreign", ERROR_NOT_EXECUTABLE, "it is built for s390x",
		"platform" },
};

static void put_programs(struct fixture *fixture)
{
	struct error *err = NULL;
	cleanup_free char *bytes = NULL;
	ssize_t length = file_read_at(AT_FDCWD, "/proc/self/exe", 64UL << 20, &bytes, &err);

	assert_true(length > 64);
	assert_int_equal(mkdirat(fixture->dir_fd, "rootfs/t", 0755), 0);
	fixture_file(fixture, "/t/python", "#!/usr/bin/python9 -u\nprint(1)\n", 0755);
	fixture_file(fixture, "/t/windows", "#!/bin/sh\r\necho hello\r\n", 0755);
	fixture_file(fixture, "/t/empty", "", 0755);
	fixture_file(fixture, "/t/plain", "echo hello\n", 0755);
	assert_int_equal(file_replace_at(fixture->dir_fd, "rootfs/t/dynamic", bytes, (size_t)length,
				 0755, false, &err),
		0);
	bytes[18] = 22; /* e_machine: EM_S390 */
	bytes[19] = 0;
	assert_int_equal(file_replace_at(fixture->dir_fd, "rootfs/t/foreign", bytes, (size_t)length,
				 0755, false, &err),
		0);
}

static void a_program_that_cannot_run_is_explained(void **state)
{
	struct fixture *fixture = fixture_of(state);

	put_programs(fixture);
	env_set(&fixture->spec.process.env, "PATH", "/nowhere:/:/bin");
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		const char *const args[] = { failures[i].program, NULL };
		struct outcome outcome cleanup_outcome = { 0 };
		const char *hint;

		fixture_args(fixture, args);
		outcome = fixture_run(fixture);
		print_message("  %s: %s\n", failures[i].why,
			outcome.error ? error_message(outcome.error) : outcome.output);
		assert_non_null(outcome.error);
		assert_int_equal(error_kind(outcome.error), failures[i].kind);
		assert_non_null(strstr(error_message(outcome.error), failures[i].message));
		hint = error_hint_text(outcome.error);
		assert_true(!failures[i].hint || (hint && strstr(hint, failures[i].hint)));
	}
}

static void path_is_searched_in_order(void **state)
{
	struct fixture *fixture = fixture_of(state);

	assert_int_equal(mkdirat(fixture->dir_fd, "rootfs/first", 0755), 0);
	assert_int_equal(mkdirat(fixture->dir_fd, "rootfs/second", 0755), 0);
	fixture_file(fixture, "/first/tool", "no x bit", 0644);
	fixture_file(fixture, "/second/tool", "#!/bin/sh\necho second $1\n", 0755);
	env_set(&fixture->spec.process.env, "PATH", "/first:/second:/bin");
	fixture_args(fixture, (const char *const[]){ "tool", "arg", NULL });
	{
		struct outcome outcome cleanup_outcome = fixture_run(fixture);

		assert_null(outcome.error);
		assert_string_equal(outcome.output, "second arg\n");
	}
}

static const struct {
	const char *why, *cwd, *message;
} directories_refused[] = {
	{ "cannot be made", "/etc/passwd/below", "Not a directory" },
	{ "a file", "/etc/passwd", "Not a directory" },
	{ "a host fd (CVE-2024-21626)", "/proc/self/fd/3", "working directory" },
	{ "another one", "/proc/self/fd/7", "working directory" },
	{ "a host fd behind a link", "/door", "working directory" },
};

static void the_working_directory_is_inside(void **state)
{
	struct fixture *fixture = fixture_of(state);
	char **cwd = &fixture->spec.process.cwd;

	assert_int_equal(symlinkat("/proc/self/fd/5", fixture->dir_fd, "rootfs/door"), 0);
	assert_int_equal(symlinkat("../../../../tmp", fixture->dir_fd, "rootfs/up"), 0);
	replace_string(cwd, xstrdup("/up"));
	expect_output(fixture, "pwd -P; touch here; ls /tmp", "/tmp\nhere\n");
	/* The first process's is made when it is missing, as all runtimes do. */
	replace_string(cwd, xstrdup("/made/here"));
	expect_output(fixture, "pwd", "/made/here\n");
	for (size_t i = 0; i < sizeof(directories_refused) / sizeof(*directories_refused); i++) {
		struct outcome outcome cleanup_outcome = { 0 };

		replace_string(cwd, xstrdup(directories_refused[i].cwd));
		outcome = fixture_run(fixture);
		if (!outcome.error ||
			!strstr(error_message(outcome.error), directories_refused[i].message))
			fail_msg("%s: %s", directories_refused[i].why,
				outcome.error ? error_message(outcome.error) : outcome.output);
	}
}

static void a_terminal_is_one(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec_process *process = &fixture->spec.process;
	struct container_setup setup = { .spec = &fixture->spec, .io = { -1, -1, -1 } };
	struct container_init init;
	struct error *err = NULL;
	cleanup_free char *output = NULL;

	process->terminal = true;
	process->console_height = 40;
	process->console_width = 132;
	replace_string(&process->user, xstrdup("web"));
	fixture_script(fixture,
		"tty; stty size; stat -c %u:%t $(tty); stat -c %t:%T /dev/console /dev/pts/0;"
		"(: < /dev/tty) && echo controlling");
	if (runtime_create(&setup, &init, &err) < 0 || runtime_start(&init, &err) < 0)
		fail_msg("%s", error_message(err));
	assert_true(init.console_fd >= 0);
	output = read_all(init.console_fd);
	assert_int_equal(wait_code(init.pidfd), 0);
	runtime_destroy(&init);
	assert_string_equal(
		output, "/dev/pts/0\r\n40 132\r\n33:88\r\n88:0\r\n88:0\r\ncontrolling\r\n");
}

static void init_forwards_and_reaps(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_init init;
	char *self = realpath("/proc/self/exe", NULL), *slash;
	cleanup_free char *output = NULL;
	int fd;

	/* build/src/this -> build/vessel-init */
	for (int up = 0; up < 2 && (slash = strrchr(self, '/')); up++)
		*slash = '\0';
	fixture->spec.init = xasprintf("%s/vessel-init", self);
	free(self);
	if (access(fixture->spec.init, X_OK) < 0) {
		print_message("skipped: %s is not built\n", fixture->spec.init);
		skip();
	}
	fixture_args(fixture, (const char *const[]){ "nosuch", NULL });
	expect_error(fixture, ERROR_NO_PROGRAM, "not found in $PATH", "a missing program is told");
	fixture_script(fixture, "readlink /proc/1/exe; trap 'echo got it; exit 5' TERM; echo ready;"
				"while :; do sleep 0.05; done");
	init = fixture_start(fixture, &fd);
	{
		char text[64] = "";
		size_t length = 0;

		while (!strstr(text, "ready"))
			length += (size_t)read(fd, text + length, sizeof(text) - 1 - length);
		assert_string_equal(text, "/sbin/docker-init\nready\n");
	}
	assert_int_equal(kill(init.pid, SIGTERM), 0);
	output = read_all(fd);
	assert_string_equal(output, "got it\n");
	assert_int_equal(wait_code(init.pidfd), 5);
	runtime_destroy(&init);
	close(fd);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(capabilities_are_those_given),
		CONTAINER_TEST(a_capability_that_we_lack_is_refused),
		CONTAINER_TEST(it_runs_when_and_where_it_was_told),
		CONTAINER_TEST(a_policy_that_cannot_be_is_told),
		CONTAINER_TEST(users_are_found_as_docker_does),
		CONTAINER_TEST(digits_are_never_a_name),
		CONTAINER_TEST(a_hostile_passwd_does_not_hold_us),
		CONTAINER_TEST(only_stdio_is_open),
		CONTAINER_TEST(the_environment_is_the_specs),
		CONTAINER_TEST(signals_umask_and_session_are_fresh),
		CONTAINER_TEST(exit_codes_arrive),
		CONTAINER_TEST(limits_are_set_or_refused),
		CONTAINER_TEST(the_oom_score_is_set_or_refused),
		CONTAINER_TEST(a_program_that_cannot_run_is_explained),
		CONTAINER_TEST(path_is_searched_in_order),
		CONTAINER_TEST(the_working_directory_is_inside),
		CONTAINER_TEST(a_terminal_is_one),
		CONTAINER_TEST(init_forwards_and_reaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What callers of a runtime can ask for besides: fds for the program, their keyring, no pivot_root.
 */
#include "runtime/container_test.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "runtime/entry.h"

#define READY_CODE 42

static int moved(int fd)
{
	int above = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	close(fd);
	return above;
}

/* In a process of its own: 3 is a file, 4 the output; 5 is what ls looks at. */
static void __attribute__((noreturn)) pass_fds(struct fixture *fixture)
{
	cleanup_free char *path = xasprintf("%s/rootfs/etc/passwd", fixture->dir), *output = NULL;
	struct container_setup setup = { .spec = &fixture->spec, .preserve_fds = 2 };
	struct container_init init;
	struct error *err = NULL;
	int ends[2], file_fd = moved(open(path, O_RDONLY | O_CLOEXEC));

	if (pipe2(ends, O_CLOEXEC) < 0)
		_exit(1);
	ends[0] = moved(ends[0]);
	ends[1] = moved(ends[1]);
	if (dup2(file_fd, 3) < 0 || dup3(ends[1], 4, O_CLOEXEC) < 0)
		_exit(2);
	setup.io = (struct container_io){ -1, ends[1], ends[1] };
	/* One that does not come from our caller is none that it gave. */
	if (runtime_create(&setup, &init, &err) == 0 || !strstr(error_message(err), "fd 4"))
		_exit(3);
	error_free(err);
	err = NULL;
	if (dup2(ends[1], 4) < 0)
		_exit(4);
	if (runtime_create(&setup, &init, &err) < 0 || runtime_start(&init, &err) < 0) {
		print_error("%s\n", error_message(err));
		_exit(5);
	}
	close(ends[1]);
	close(4);
	output = read_all(ends[0]);
	if (strcmp(output, "root\nfour\n012345") != 0)
		print_error("says '%s'\n", output);
	runtime_destroy(&init);
	_exit(strcmp(output, "root\nfour\n012345") == 0 ? READY_CODE : 6);
}

static void the_callers_fds_reach_the_program(void **state)
{
	struct fixture *fixture = fixture_of(state);
	int status;
	pid_t pid;

	fixture_script(
		fixture, "head -c 4 <&3; echo; echo four >&4; ls /proc/self/fd | tr -d '\\n'");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		pass_fds(fixture);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, READY_CODE << 8);
}

/* The same for a further process, which must not see more of the host either. */
static void __attribute__((noreturn))
pass_to_exec(struct fixture *fixture, const struct container_init *init)
{
	cleanup_free char *path = xasprintf("%s/rootfs/etc/passwd", fixture->dir), *output = NULL;
	struct container_exec exec = { .spec = &fixture->spec,
		.process = &fixture->spec.process,
		.init_pid = init->pid,
		.init_pidfd = fcntl(init->pidfd, F_DUPFD_CLOEXEC, 20),
		.preserve_fds = 1 };
	int ends[2], pidfd, console_fd, file_fd = moved(open(path, O_RDONLY | O_CLOEXEC));
	struct error *err = NULL;

	if (pipe2(ends, O_CLOEXEC) < 0)
		_exit(1);
	ends[0] = moved(ends[0]);
	ends[1] = moved(ends[1]);
	if (dup2(file_fd, 3) < 0)
		_exit(2);
	exec.io = (struct container_io){ -1, ends[1], ends[1] };
	if (runtime_exec(&exec, &pidfd, &console_fd, &err) < 0) {
		print_error("%s\n", error_message(err));
		_exit(3);
	}
	close(ends[1]);
	output = read_all(ends[0]);
	(void)wait_code(pidfd);
	if (strcmp(output, "root01234") != 0)
		print_error("says '%s'\n", output);
	_exit(strcmp(output, "root01234") == 0 ? READY_CODE : 4);
}

static void also_a_further_process(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_init init;
	int status, fd;
	pid_t pid;

	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	init = fixture_start(fixture, &fd);
	fixture_script(fixture, "head -c 4 <&3; ls /proc/self/fd | tr -d '\\n'");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		pass_to_exec(fixture, &init);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, READY_CODE << 8);
	runtime_destroy(&init);
	close(fd);
}

static long session_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

/* In a child, which then has a session of its own. */
static void the_keyring_is_new_or_the_callers(void **state)
{
	(void)state;
	for (int keep = 0; keep <= 1; keep++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct entry entry = { .no_new_keyring = keep };
			struct error *err = NULL;
			long before;

			(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
			before = session_keyring();
			if (before < 0 || entry_begin(&entry, &err) < 0)
				_exit(1);
			_exit((session_keyring() == before) == keep ? READY_CODE : 2);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, READY_CODE << 8);
	}
}

/* With the rights to mount in a user namespace of its own, were there an unmasked procfs. */
static void look_for_the_host(struct fixture *fixture)
{
	replace_string(&fixture->spec.seccomp, NULL);
	fixture->spec.process.capabilities.bounding = ~UINT64_C(0) >> 23 & ~(UINT64_C(1) << 24);
	fixture->spec.process.capabilities.permitted = fixture->spec.process.capabilities.bounding;
	fixture->spec.process.capabilities.effective = fixture->spec.process.capabilities.bounding;
	fixture_script(fixture,
		"test -e /usr/bin/env || echo no host; ls -d /bin;"
		"unshare -Urmpf mount -t proc none /tmp 2>/dev/null && echo unmasked;"
		"awk '{print $5}' /proc/self/mountinfo | sort | uniq -d");
}

static void expect_no_host(struct fixture *fixture, struct container_setup *setup)
{
	struct container_init init;
	struct error *err = NULL;
	cleanup_free char *output = NULL;
	int ends[2];

	look_for_the_host(fixture);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	setup->io = (struct container_io){ -1, ends[1], ends[1] };
	if (runtime_create(setup, &init, &err) < 0 || runtime_start(&init, &err) < 0)
		fail_msg("%s", error_message(err));
	close(ends[1]);
	output = read_all(ends[0]);
	close(ends[0]);
	assert_int_equal(wait_code(init.pidfd), 0);
	runtime_destroy(&init);
	assert_string_equal(output, "no host\n/bin\n");
}

/* The whole of the host's tree is gone from the namespace, and what it masks stays masked. */
static void without_pivot_root_nothing_of_the_host_is_left(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_setup setup = { .spec = &fixture->spec, .no_pivot = true };

	expect_no_host(fixture, &setup);
}

/* Hooks find the root at its path: it is moved over the old one after them. */
static void nor_with_hooks(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_setup setup = {
		.spec = &fixture->spec, .bundle = fixture->dir, .id = "test-id", .no_pivot = true
	};
	struct spec_hooks *hooks = &fixture->spec.hooks[HOOK_CREATE_CONTAINER];

	hooks->items = xcalloc(1, sizeof(*hooks->items));
	hooks->items[0].path = xstrdup("/bin/true");
	hooks->count = 1;
	expect_no_host(fixture, &setup);
}

/* There the host's mounts are locked, and could not be taken out of its view. */
static void nor_in_a_user_namespace(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	struct container_setup setup = { .spec = spec, .no_pivot = true, .io = { -1, -1, -1 } };
	cleanup_error struct error *err = NULL;
	struct container_init init;

	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec->uid_map = xcalloc(1, sizeof(*spec->uid_map));
	spec->gid_map = xcalloc(1, sizeof(*spec->gid_map));
	*spec->uid_map = *spec->gid_map = (struct spec_id_map){ 0, 100000, 65536 };
	spec->uid_map_count = spec->gid_map_count = 1;
	fixture_script(fixture, "true");
	if (runtime_create(&setup, &init, &err) == 0) {
		assert_int_equal(runtime_start(&init, &err), -1);
		runtime_destroy(&init);
	}
	assert_int_equal(error_kind(err), ERROR_UNSUPPORTED);
	assert_non_null(strstr(error_message(err), "user namespace"));
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(the_callers_fds_reach_the_program),
		CONTAINER_TEST(also_a_further_process),
		cmocka_unit_test(the_keyring_is_new_or_the_callers),
		CONTAINER_TEST(without_pivot_root_nothing_of_the_host_is_left),
		CONTAINER_TEST(nor_with_hooks),
		CONTAINER_TEST(nor_in_a_user_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

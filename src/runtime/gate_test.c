/* SPDX-License-Identifier: Apache-2.0 */
/* Created by one process, started by another. */
#include "runtime/container_test.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "runtime/sync.h"
#include "sys/msg.h"
#include "sys/process.h"

#define GATE "gate"
#define READY_CODE 42

struct made {
	pid_t pid;
	int pidfd, output_fd;
};

enum creator_end { LEAVES, DIES_WHEN_READY, DIES_AT_ONCE };

/* In a process of its own: what vessel-runtime create does. Tells its init's pid. */
static void __attribute__((noreturn))
create(struct fixture *fixture, int output_fd, int pid_fd, enum creator_end how)
{
	struct container_setup setup = { .spec = &fixture->spec,
		.io = { -1, output_fd, output_fd } };
	struct container_init init;
	struct error *err = NULL;

	setup.gate_fd = msg_listen_at(fixture->dir_fd, GATE, &err);
	if (setup.gate_fd < 0 || runtime_create(&setup, &init, &err) < 0) {
		print_error("%s\n", error_message(err));
		_exit(1);
	}
	if (write(pid_fd, &init.pid, sizeof(init.pid)) != (ssize_t)sizeof(init.pid))
		_exit(1);
	if (how == DIES_AT_ONCE)
		(void)raise(SIGKILL);
	if (runtime_wait_ready(&init, &err) < 0) {
		print_error("%s\n", error_message(err));
		_exit(1);
	}
	if (how == DIES_WHEN_READY)
		(void)raise(SIGKILL);
	_exit(runtime_leave(&init, &err) < 0 ? 1 : READY_CODE);
}

/* It becomes our child when its maker has ended. */
static struct made create_and_leave(struct fixture *fixture, enum creator_end how)
{
	struct made made = { .pid = -1 };
	struct error *err = NULL;
	int out[2], pids[2], status;
	pid_t creator;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	creator = fork();
	assert_true(creator >= 0);
	if (creator == 0)
		create(fixture, out[1], pids[1], how);
	close(out[1]);
	close(pids[1]);
	assert_int_equal(read(pids[0], &made.pid, sizeof(made.pid)), sizeof(made.pid));
	close(pids[0]);
	made.pidfd = pidfd_open_pid(made.pid, &err);
	assert_true(made.pidfd >= 0);
	assert_int_equal(waitpid(creator, &status, 0), creator);
	if (how == LEAVES && (!WIFEXITED(status) || WEXITSTATUS(status) != READY_CODE))
		fail_msg("the creator ended with %d", status);
	fixture->running = made.pid;
	made.output_fd = out[0];
	return made;
}

static void done(struct fixture *fixture, struct made *made)
{
	struct error *err = NULL;

	(void)pidfd_signal(made->pidfd, SIGKILL, &err);
	(void)waitpid(made->pid, NULL, 0);
	fixture->running = 0;
	close(made->pidfd);
	close(made->output_fd);
}

static int ended(const struct made *made, int timeout_ms)
{
	struct error *err = NULL;

	return pidfd_wait(made->pidfd, timeout_ms, &err);
}

static void expect_open(struct fixture *fixture, const struct made *made)
{
	struct error *err = NULL;

	if (runtime_open_gate(fixture->dir_fd, GATE, made->pidfd, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void expect_refused(struct fixture *fixture, const struct made *made, enum error_kind kind)
{
	cleanup_error struct error *err = NULL;

	assert_int_equal(runtime_open_gate(fixture->dir_fd, GATE, made->pidfd, &err), -1);
	if (error_kind(err) != kind)
		fail_msg(
			"kind %d, not %d: %s", (int)error_kind(err), (int)kind, error_message(err));
}

static int waits(struct fixture *fixture)
{
	struct error *err = NULL;

	return runtime_gate_waits(fixture->dir_fd, GATE, &err);
}

/* Nothing but stdio reaches the program; nothing of it runs before it is started. */
static void another_process_starts_it(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *output = NULL;
	struct made made;
	struct pollfd early;

	fixture_script(fixture, "echo $$; ls /proc/$$/fd; true");
	made = create_and_leave(fixture, LEAVES);
	assert_int_equal(ended(&made, 0), 0);
	early = (struct pollfd){ .fd = made.output_fd, .events = POLLIN };
	assert_int_equal(poll(&early, 1, 50), 0);
	assert_int_equal(waits(fixture), 1);
	assert_int_equal(waits(fixture), 1);
	expect_open(fixture, &made);
	output = read_all(made.output_fd);
	assert_string_equal(output, "1\n0\n1\n2\n");
	assert_int_equal(wait_code(made.pidfd), 0);
	assert_int_equal(waits(fixture), 0);
	expect_refused(fixture, &made, ERROR_UNAVAILABLE);
	done(fixture, &made);
}

static void only_one_opens_it(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct error *err = NULL;
	struct made made;
	pid_t openers[4];
	int opened = 0;

	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	made = create_and_leave(fixture, LEAVES);
	for (size_t i = 0; i < 4; i++) {
		openers[i] = fork();
		if (openers[i] == 0)
			_exit(runtime_open_gate(fixture->dir_fd, GATE, made.pidfd, &err) == 0
					? READY_CODE
					: (int)error_kind(err));
	}
	for (size_t i = 0; i < 4; i++) {
		int status;

		assert_int_equal(waitpid(openers[i], &status, 0), openers[i]);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == READY_CODE)
			opened++;
		else
			assert_int_equal(WEXITSTATUS(status), ERROR_CONFLICT);
	}
	assert_int_equal(opened, 1);
	assert_int_equal(waits(fixture), 0);
	expect_refused(fixture, &made, ERROR_CONFLICT);
	done(fixture, &made);
}

static void one_killed_at_the_gate_is_told(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct error *err = NULL;
	struct made made;

	fixture_script(fixture, "true");
	made = create_and_leave(fixture, LEAVES);
	assert_int_equal(pidfd_signal(made.pidfd, SIGKILL, &err), 1);
	expect_refused(fixture, &made, ERROR_UNAVAILABLE);
	assert_int_equal(unlinkat(fixture->dir_fd, GATE, 0), 0);
	expect_refused(fixture, &made, ERROR_NOT_FOUND);
	done(fixture, &made);
}

/* What fails after create is told by start: the program was there, and is gone. */
static void an_exec_error_reaches_who_starts(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct made made;

	fixture_file(fixture, "/bin/program", "#!/bin/sh\n", 0755);
	fixture_args(fixture, (const char *const[]){ "/bin/program", NULL });
	made = create_and_leave(fixture, LEAVES);
	assert_int_equal(unlinkat(fixture->dir_fd, "rootfs/bin/program", 0), 0);
	expect_refused(fixture, &made, ERROR_NO_PROGRAM);
	assert_int_equal(ended(&made, 2000), 1);
	done(fixture, &made);
}

static void without_its_creator_it_ends(void **state)
{
	static const enum creator_end ends[] = { DIES_AT_ONCE, DIES_WHEN_READY };
	struct fixture *fixture = fixture_of(state);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct made made;

		fixture_script(fixture, "echo ran");
		made = create_and_leave(fixture, ends[i]);
		if (ended(&made, 5000) != 1)
			fail_msg("an init outlives its creator (%zu)", i);
		done(fixture, &made);
	}
}

/* Never leaves; says what it made nobody. */
static void __attribute__((noreturn)) create_and_stay(struct fixture *fixture)
{
	struct container_setup setup = { .spec = &fixture->spec, .io = { -1, -1, -1 } };
	struct container_init init;
	struct error *err = NULL;

	setup.gate_fd = msg_listen_at(fixture->dir_fd, GATE, &err);
	if (setup.gate_fd >= 0 && runtime_create(&setup, &init, &err) == 0)
		(void)runtime_wait_ready(&init, &err);
	for (;;)
		pause();
}

/* What it leaves becomes ours: all of it must end. */
static void expect_nothing_left(int64_t killed_after_us)
{
	for (int tries = 0; tries < 5000; tries++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno == ECHILD)
			return;
		if (pid == 0)
			(void)usleep(1000);
	}
	fail_msg("killed after %lld us, it left a process", (long long)killed_after_us);
}

static void kill_at_many_moments(struct fixture *fixture)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (int64_t after_us = 0; after_us < 12000; after_us += 150) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			create_and_stay(fixture);
		(void)usleep((useconds_t)after_us);
		(void)kill(pid, SIGKILL);
		expect_nothing_left(after_us);
	}
}

static void a_creator_killed_at_any_time_leaves_nothing(void **state)
{
	struct fixture *fixture = fixture_of(state);

	fixture_script(fixture, "true");
	kill_at_many_moments(fixture);
}

/* By a process in between, which shares the creator's memory. */
static void also_when_namespaces_are_joined(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct container_init init;
	int fd;

	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	init = fixture_start(fixture, &fd);
	for (size_t i = 0; i < fixture->spec.namespace_count; i++)
		if (fixture->spec.namespaces[i].type == CLONE_NEWNET)
			fixture->spec.namespaces[i].path =
				xasprintf("/proc/%d/ns/net", (int)init.pid);
	/* The holder is not to be among those that must end. */
	{
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			kill_at_many_moments(fixture);
			_exit(READY_CODE);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, READY_CODE << 8);
	}
	runtime_destroy(&init);
	close(fd);
}

/* A process of the container's pid namespace, with the gate's directory at hand. */
static void __attribute__((noreturn)) open_from_inside(struct fixture *fixture, int pidfd)
{
	struct error *err = NULL;
	int fd = -1, passed_fd;
	pid_t pid;
	int status = 0;

	if (setns(pidfd, CLONE_NEWPID) < 0)
		_exit(1);
	pid = fork();
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		_exit(WEXITSTATUS(status));
	fd = msg_connect_at(fixture->dir_fd, GATE, &err);
	if (pid != 0 || fd < 0)
		_exit(2);
	(void)sync_send(fd, SYNC_START, &err);
	_exit(sync_receive(fd, &passed_fd, &err) == SYNC_END ? READY_CODE : 3);
}

static void from_inside_it_stays_closed(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *output = NULL;
	struct made made;
	int status;
	pid_t pid;

	fixture_script(fixture, "echo started");
	made = create_and_leave(fixture, LEAVES);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		open_from_inside(fixture, made.pidfd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), READY_CODE);
	assert_int_equal(waits(fixture), 1);
	expect_open(fixture, &made);
	output = read_all(made.output_fd);
	assert_string_equal(output, "started\n");
	done(fixture, &made);
}

/* With a mapped root, too: the container's root is not who made it. */
static void other_users_stay_outside(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct error *err = NULL;
	struct made made;
	int status;
	pid_t pid;

	fixture_script(fixture, "true");
	made = create_and_leave(fixture, LEAVES);
	/* As if the directory's and the socket's modes had been opened. */
	assert_int_equal(fchmodat(fixture->dir_fd, GATE, 0666, 0), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd, passed_fd;

		if (setresuid(1, 1, 1) < 0)
			_exit(1);
		fd = msg_connect_at(fixture->dir_fd, GATE, &err);
		if (fd < 0)
			_exit(2);
		(void)sync_send(fd, SYNC_START, &err);
		_exit(sync_receive(fd, &passed_fd, &err) == SYNC_END ? READY_CODE : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), READY_CODE);
	expect_open(fixture, &made);
	done(fixture, &made);
}

/* Of a user namespace, too: there the host's root is nobody, and so is everybody else. */
static void a_user_namespaces_root_does_not_open_it(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct spec *spec = &fixture->spec;
	cleanup_free char *output = NULL;
	struct error *err = NULL;
	struct made made;
	int status;
	pid_t pid;

	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec->uid_map = xcalloc(1, sizeof(*spec->uid_map));
	spec->gid_map = xcalloc(1, sizeof(*spec->gid_map));
	*spec->uid_map = *spec->gid_map = (struct spec_id_map){ 0, 100000, 65536 };
	spec->uid_map_count = spec->gid_map_count = 1;
	fixture_script(fixture, "echo started");
	made = create_and_leave(fixture, LEAVES);
	assert_int_equal(fchmodat(fixture->dir_fd, GATE, 0666, 0), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd, passed_fd;

		if (setresuid(100000, 100000, 100000) < 0)
			_exit(1);
		fd = msg_connect_at(fixture->dir_fd, GATE, &err);
		if (fd < 0)
			_exit(2);
		(void)sync_send(fd, SYNC_START, &err);
		_exit(sync_receive(fd, &passed_fd, &err) == SYNC_END ? READY_CODE : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, READY_CODE << 8);
	expect_open(fixture, &made);
	output = read_all(made.output_fd);
	assert_string_equal(output, "started\n");
	done(fixture, &made);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(another_process_starts_it),
		CONTAINER_TEST(only_one_opens_it),
		CONTAINER_TEST(one_killed_at_the_gate_is_told),
		CONTAINER_TEST(an_exec_error_reaches_who_starts),
		CONTAINER_TEST(without_its_creator_it_ends),
		CONTAINER_TEST(a_creator_killed_at_any_time_leaves_nothing),
		CONTAINER_TEST(also_when_namespaces_are_joined),
		CONTAINER_TEST(from_inside_it_stays_closed),
		CONTAINER_TEST(other_users_stay_outside),
		CONTAINER_TEST(a_user_namespaces_root_does_not_open_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

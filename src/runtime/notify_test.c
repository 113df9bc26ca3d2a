/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager hears of a container. */
#include "runtime/container_test.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/notify.h"
#include "sys/process.h"

static int host_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* As a process of the container: in its root, as its environment says. */
static void send_inside(const struct container_init *init, const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/host.sock/notify" };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (setns(init->pidfd, CLONE_NEWNS) < 0 || setresuid(1000, 1000, 1000) < 0)
			_exit(1);
		_exit(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&address,
			      sizeof(address)) < 0
				? 2
				: 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void readiness_is_relayed_and_nothing_else(void **state)
{
	struct fixture *fixture = fixture_of(state);
	cleanup_free char *path = xasprintf("%s/host.sock", fixture->dir), *wanted = NULL;
	cleanup_close int host_fd = host_socket(path), notify_fd = -1;
	struct container_init init;
	struct error *err = NULL;
	char text[256] = "";
	int fd;

	notify_add(&fixture->spec, fixture->dir, "/run/host.sock");
	assert_string_equal(
		env_get(fixture->spec.process.env, "NOTIFY_SOCKET"), "/run/host.sock/notify");
	notify_fd = notify_listen(fixture->dir_fd, &err);
	assert_true(notify_fd >= 0);
	fixture_args(fixture, (const char *const[]){ "sleep", "1000", NULL });
	init = fixture_start(fixture, &fd);
	/* As start does in another process: the container sees the new one. */
	close_fd(take_fd(&notify_fd));
	notify_fd = notify_listen(fixture->dir_fd, &err);
	assert_true(notify_fd >= 0);
	send_inside(&init, "STATUS=busy\nMAINPID=1\nNOTREADY=1");
	assert_int_equal(notify_relay(notify_fd, path, init.pid, init.pidfd, 100, &err), 0);
	assert_int_equal(recv(host_fd, text, sizeof(text) - 1, MSG_DONTWAIT), -1);
	send_inside(&init, "STATUS=done\nREADY=1\nFDSTORE=1");
	assert_int_equal(notify_relay(notify_fd, path, init.pid, init.pidfd, 5000, &err), 1);
	assert_true(recv(host_fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
	wanted = xasprintf("MAINPID=%d\nREADY=1\n", (int)init.pid);
	assert_string_equal(text, wanted);
	/* And whoever ends without a word is not waited for. */
	assert_int_equal(pidfd_signal(init.pidfd, SIGKILL, &err), 1);
	assert_int_equal(notify_relay(notify_fd, path, init.pid, init.pidfd, -1, &err), 0);
	runtime_destroy(&init);
	close(fd);
}

static void a_wrong_socket_is_told(void **state)
{
	static const char *const names[] = { "relative", "", "@", "/nosuch" };
	struct fixture *fixture = fixture_of(state);
	struct error *none = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_close int fd = notify_listen(fixture->dir_fd, &none);
		struct sockaddr_un address = { .sun_family = AF_UNIX };

		assert_true(fd >= 0);
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify/notify",
			fixture->dir);
		assert_true(sendto(fd, "READY=1", 7, 0, (const struct sockaddr *)&address,
				    sizeof(address)) == 7);
		assert_int_equal(notify_relay(fd, names[i], 1, -1, 1000, &err), -1);
	}
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(readiness_is_relayed_and_nothing_else),
		CONTAINER_TEST(a_wrong_socket_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

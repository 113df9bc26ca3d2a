/* SPDX-License-Identifier: Apache-2.0 */
/* Containers whose system calls an agent at a socket decides on (seccomp_unotify(2)). */
#include "runtime/container_test.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/json.h"
#include "oci/spec_seccomp.h"
#include "runtime/filter.h"

#define ASKED SYS_mkdir
#define ASKED_ERRNO EOVERFLOW /* by nothing else */
#define WAIT_MS 10000

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static char *agent_path(const struct fixture *fixture)
{
	return xasprintf("%s/agent.sock", fixture->dir);
}

static int agent_listen(const struct fixture *fixture)
{
	cleanup_free char *path = agent_path(fixture);
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* The listener with the first bytes, then text to the end. */
static int take_message(int agent_fd, char *text, size_t size)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = text, .iov_len = size - 1 };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	int fd = accept4(agent_fd, NULL, NULL, SOCK_CLOEXEC), listener_fd = -1;
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	size_t length = n > 0 ? (size_t)n : 0;

	if (CMSG_FIRSTHDR(&msg) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&listener_fd, CMSG_DATA(&control.header), sizeof(int));
	while (length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(fd);
	return listener_fd;
}

/* Until the last process with that filter has ended. */
static int answer(int listener_fd)
{
	struct pollfd ready = { .fd = listener_fd, .events = POLLIN };
	int count = 0;

	while (poll(&ready, 1, WAIT_MS) > 0 && !(ready.revents & POLLHUP)) {
		struct seccomp_notif question = { 0 };
		struct seccomp_notif_resp reply = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

		if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
			break;
		if (question.data.nr == ASKED) {
			reply = (struct seccomp_notif_resp){ .error = -ASKED_ERRNO };
			count++;
		}
		reply.id = question.id;
		(void)ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
	return count;
}

static void write_to(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Takes one listener and answers it; what it was told and how often it was asked go to report. */
static void __attribute__((noreturn)) serve(int agent_fd, int report_fd)
{
	char text[8192], number[32];
	int listener_fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener_fd = take_message(agent_fd, text, sizeof(text));
	write_to(report_fd, text);
	(void)snprintf(number, sizeof(number), "\n%d", listener_fd < 0 ? -1 : answer(listener_fd));
	write_to(report_fd, number);
	_exit(0);
}

struct agent {
	pid_t pid;
	int report_fd;
};

static struct agent agent_start(const struct fixture *fixture)
{
	int agent_fd = agent_listen(fixture), ends[2];
	struct agent agent;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	agent.report_fd = ends[0];
	agent.pid = fork();
	assert_true(agent.pid >= 0);
	if (agent.pid == 0) {
		close(ends[0]);
		serve(agent_fd, ends[1]);
	}
	close(agent_fd);
	close(ends[1]);
	return agent;
}

/* How often it was asked; *ret is what it was told. */
static int agent_end(struct agent *agent, struct json_object **ret)
{
	cleanup_free char *text = read_all(agent->report_fd);
	char *line = strrchr(text, '\n');
	struct error *err = NULL;

	assert_int_equal(waitpid(agent->pid, NULL, 0), agent->pid);
	close(agent->report_fd);
	assert_non_null(line);
	*line = '\0';
	if (json_parse(text, strlen(text), "the agent's message", ret, &err) < 0)
		fail_msg("%s", error_message(err));
	return atoi(line + 1); // NOLINT(cert-err34-c)
}

static const char *member(struct json_object *object, const char *outer, const char *name)
{
	struct json_object *inner = object, *value = NULL;

	if (outer)
		assert_true(json_object_object_get_ex(object, outer, &inner));
	if (!json_object_object_get_ex(inner, name, &value))
		return "";
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

/* "sendmsg" and "close": calls by which the listener itself gets out. */
static void use_profile(struct fixture *fixture, const char *path)
{
	cleanup_free char *text = xasprintf(
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"%s\","
		"\"listenerMetadata\":\"from the profile\",\"syscalls\":[{\"names\":[\"mkdir\","
		"\"sendmsg\",\"close\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
		path);
	cleanup_json struct json_object *object = NULL;
	struct error *err = NULL;

	replace_string(&fixture->spec.seccomp, NULL);
	assert_int_equal(json_parse(text, strlen(text), "profile", &object, &err), 0);
	fixture->spec.seccomp_profile = xcalloc(1, sizeof(*fixture->spec.seccomp_profile));
	if (spec_seccomp_parse(object, fixture->spec.seccomp_profile, &err) < 0)
		fail_msg("%s", error_message(err));
	strv_append(&fixture->spec.annotations, "com.example/a=b");
}

/* A container with an id and a compiled profile, as vessel-runtime has them. */
struct asked {
	struct fixture *fixture;
	struct filter filter;
	struct container_init init;
	int output_fd;
	struct error *error;
};

static int asked_start(struct asked *asked, const char *const *args)
{
	struct container_setup setup = { .spec = &asked->fixture->spec,
		.bundle = asked->fixture->dir,
		.id = "test-id",
		.filter = &asked->filter };
	int ends[2];

	fixture_args(asked->fixture, args);
	if (filter_compile(&asked->fixture->spec, NULL, &asked->filter, &asked->error) < 0)
		fail_msg("%s", error_message(asked->error));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	setup.io = (struct container_io){ -1, ends[1], ends[1] };
	asked->output_fd = ends[0];
	if (runtime_create(&setup, &asked->init, &asked->error) == 0 &&
		runtime_start(&asked->init, &asked->error) == 0) {
		asked->fixture->running = asked->init.pid;
		close(ends[1]);
		return 0;
	}
	close(ends[1]);
	return -1;
}

static void asked_end(struct asked *asked)
{
	runtime_destroy(&asked->init);
	filter_done(&asked->filter);
	close(asked->output_fd);
	error_free(asked->error);
}

static void check_message(struct json_object *told, const char *status, pid_t pid, pid_t init_pid)
{
	assert_string_equal(member(told, NULL, "metadata"), "from the profile");
	assert_string_equal(member(told, NULL, "fds"), "[\"seccompFd\"]");
	assert_int_equal(atoi(member(told, NULL, "pid")), pid); // NOLINT(cert-err34-c)
	assert_string_equal(member(told, "state", "id"), "test-id");
	assert_string_equal(member(told, "state", "status"), status);
	assert_int_equal(atoi(member(told, "state", "pid")), init_pid); // NOLINT(cert-err34-c)
	assert_string_equal(member(told, "state", "annotations"), "{\"com.example\\/a\":\"b\"}");
}

#define MAKE_ONE \
	(const char *const[]) \
	{ \
		"/bin/sh", "-c", "mkdir /tmp/new; test -e /tmp/new || echo none", NULL \
	}
#define MAKE_NONE \
	"mkdir: can't create directory '/tmp/new': Value too large for defined data type\nnone\n"

static void the_agent_decides(void **state)
{
	struct asked asked = { .fixture = fixture_of(state) };
	cleanup_free char *path = agent_path(asked.fixture), *output = NULL;
	cleanup_json struct json_object *told = NULL;
	struct agent agent = agent_start(asked.fixture);

	use_profile(asked.fixture, path);
	if (asked_start(&asked, MAKE_ONE) < 0)
		fail_msg("%s", error_message(asked.error));
	output = read_all(asked.output_fd);
	assert_string_equal(output, MAKE_NONE);
	assert_int_equal(wait_code(asked.init.pidfd), 0);
	assert_int_equal(agent_end(&agent, &told), 1);
	check_message(told, "creating", asked.init.pid, asked.init.pid);
	assert_string_equal(member(told, "state", "bundle"), asked.fixture->dir);
	asked_end(&asked);
}

static int asked_exec(struct asked *asked, pid_t *ret_pid, char **ret_output)
{
	int ends[2], pidfd = -1, console_fd = -1;
	struct container_exec exec = { .spec = &asked->fixture->spec,
		.process = &asked->fixture->spec.process,
		.init_pidfd = asked->init.pidfd,
		.init_pid = asked->init.pid,
		.id = "test-id",
		.bundle = asked->fixture->dir,
		.filter = &asked->filter };

	fixture_args(asked->fixture, MAKE_ONE);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	exec.io = (struct container_io){ -1, ends[1], ends[1] };
	*ret_pid = runtime_exec(&exec, &pidfd, &console_fd, &asked->error);
	close(ends[1]);
	if (*ret_pid > 0) {
		*ret_output = read_all(ends[0]);
		assert_int_equal(wait_code(pidfd), 0);
	}
	close(ends[0]);
	close_fd(pidfd);
	return *ret_pid > 0 ? 0 : -1;
}

/* A further process has a filter, and so a listener, of its own. */
static void also_for_a_further_process(void **state)
{
	struct asked asked = { .fixture = fixture_of(state) };
	cleanup_free char *path = agent_path(asked.fixture), *output = NULL;
	cleanup_json struct json_object *told = NULL, *first_told = NULL;
	struct agent first = agent_start(asked.fixture), second;
	pid_t pid;

	use_profile(asked.fixture, path);
	if (asked_start(&asked, (const char *const[]){ "sleep", "1000", NULL }) < 0)
		fail_msg("%s", error_message(asked.error));
	assert_int_equal(unlink(path), 0);
	second = agent_start(asked.fixture);
	if (asked_exec(&asked, &pid, &output) < 0)
		fail_msg("%s", error_message(asked.error));
	assert_string_equal(output, MAKE_NONE);
	assert_int_equal(agent_end(&second, &told), 1);
	check_message(told, "running", pid, asked.init.pid);
	pid = asked.init.pid;
	asked_end(&asked);
	assert_int_equal(agent_end(&first, &first_told), 0);
	check_message(first_told, "creating", pid, pid);
}

/* Its calls would wait for ever, or be nobody's to decide. */
static void without_an_agent_nothing_runs(void **state)
{
	struct asked asked = { .fixture = fixture_of(state) };
	cleanup_free char *path = agent_path(asked.fixture), *output = NULL;
	struct agent agent;
	struct json_object *told = NULL;
	pid_t pid;

	use_profile(asked.fixture, path);
	assert_int_equal(asked_start(&asked, MAKE_ONE), -1);
	assert_int_equal(error_errno(asked.error), ENOENT);
	assert_non_null(strstr(error_message(asked.error), "seccomp agent"));
	assert_non_null(strstr(error_hint_text(asked.error), "listenerPath"));
	asked_end(&asked);

	asked = (struct asked){ .fixture = asked.fixture };
	agent = agent_start(asked.fixture);
	assert_int_equal(asked_start(&asked, (const char *const[]){ "sleep", "1000", NULL }), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(asked_exec(&asked, &pid, &output), -1);
	assert_non_null(strstr(error_message(asked.error), "seccomp agent"));
	assert_int_equal(kill(asked.init.pid, 0), 0);
	asked_end(&asked);
	assert_int_equal(agent_end(&agent, &told), 0);
	json_object_put(told);
}

static void a_path_that_is_no_address_is_refused(void **state)
{
	struct asked asked = { .fixture = fixture_of(state) };
	cleanup_free char *path = xasprintf("/%0200d", 0);

	use_profile(asked.fixture, path);
	assert_int_equal(asked_start(&asked, MAKE_ONE), -1);
	assert_int_equal(error_kind(asked.error), ERROR_INVALID);
	assert_non_null(strstr(error_message(asked.error), "is longer than"));
	asked_end(&asked);
}

#define CONTAINER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTAINER_TEST(the_agent_decides),
		CONTAINER_TEST(also_for_a_further_process),
		CONTAINER_TEST(without_an_agent_nothing_runs),
		CONTAINER_TEST(a_path_that_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

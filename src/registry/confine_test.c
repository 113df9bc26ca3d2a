/* SPDX-License-Identifier: Apache-2.0 */
/* What vessel-transfer cannot do any more, each thing tried by a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "registry/confine.h"

#define REFUSED 20 /* exit code: it failed with errno EACCES, EPERM or the like */
#define DONE 21 /* it worked */

static char own_file[] = "/tmp/vessel-confine-test.XXXXXX";

static int outcome(int result)
{
	return result < 0 ? REFUSED : DONE;
}

static int read_others_file(void)
{
	return outcome(open(own_file, O_RDONLY | O_CLOEXEC));
}

static int read_shadow(void)
{
	return outcome(open("/etc/shadow", O_RDONLY | O_CLOEXEC));
}

static int write_file(void)
{
	return outcome(open(own_file, O_WRONLY | O_CLOEXEC));
}

static int make_file(void)
{
	return outcome(open("/tmp/vessel-confine-new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int read_resolver(void)
{
	return outcome(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

static int run_program(void)
{
	char *const args[] = { (char *)"true", NULL };

	return outcome(execve("/bin/true", args, args + 1));
}

static int reach_local_service(void)
{
	return outcome(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_tcp_socket(void)
{
	return outcome(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_raw_packets(void)
{
	return outcome(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int serve(void)
{
	return outcome(listen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 1));
}

static int start_process(void)
{
	return outcome(fork());
}

static void *nothing(void *arg)
{
	return arg;
}

static int start_thread(void)
{
	pthread_t thread;

	return outcome(
		-pthread_create(&thread, NULL, nothing, NULL) || -pthread_join(thread, NULL));
}

static int look_up_a_name(void)
{
	struct addrinfo *found = NULL;

	return outcome(-abs(getaddrinfo("localhost", "80", NULL, &found)));
}

static int trace(void)
{
	return outcome((int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int end_another(void)
{
	return outcome(kill(getppid(), 0));
}

static int type_into_terminal(void)
{
	return outcome(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int make_code(void)
{
	void *code = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return outcome(code == MAP_FAILED ? -1 : 0);
}

static int turn_into_code(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return outcome(mprotect(code, 4096, PROT_READ | PROT_EXEC));
}

static int raise_a_limit(void)
{
	const struct rlimit more = { 1, 1 };

	return outcome(setrlimit(RLIMIT_CORE, &more));
}

static const struct {
	const char *why;
	int (*try)(void);
	bool allowed, by_landlock;
} deeds[] = {
	{ "a file of others", read_others_file, false, true },
	{ "what root's number alone opens", read_shadow, false, true },
	{ "writing", write_file, false, true },
	{ "making a file", make_file, false, true },
	{ "names of hosts", read_resolver, true, false },
	{ "another program", run_program, false, false },
	{ "services that trust root's number", reach_local_service, false, false },
	{ "the network", make_tcp_socket, true, false },
	{ "the network's frames", make_raw_packets, false, false },
	{ "being a server", serve, false, false },
	{ "another process", start_process, false, false },
	{ "a thread, of the resolver", start_thread, true, false },
	{ "looking up a name", look_up_a_name, true, false },
	{ "its parent's memory", trace, false, false },
	{ "its parent's end", end_another, false, false },
	{ "the user's keyboard", type_into_terminal, false, false },
	{ "memory to write and run", make_code, false, false },
	{ "memory that was written, to run", turn_into_code, false, false },
	{ "another limit", raise_a_limit, false, false },
};

static int try_confined(int (*try)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct error *err = NULL;

		_exit(confine_to_network(&err) < 0 ? 1 : try());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void keeps_what_it_needs_and_nothing_else(void **state)
{
	bool landlock =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;

	(void)state;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		int status, want = deeds[i].allowed ? DONE : REFUSED;

		if (deeds[i].by_landlock && !landlock)
			continue;
		status = try_confined(deeds[i].try);
		if (!deeds[i].allowed && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != want)
			fail_msg("%s: status %#x", deeds[i].why, (unsigned int)status);
	}
}

static int make_own_file(void **state)
{
	int fd = mkostemp(own_file, O_CLOEXEC);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_own_file(void **state)
{
	(void)state;
	return unlink(own_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_it_needs_and_nothing_else),
	};

#if defined(__SANITIZE_ADDRESS__)
	return 77; /* there is no filter then (see confine.c): skipped */
#endif
	return cmocka_run_group_tests(tests, make_own_file, remove_own_file);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/program_run.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "sys/process.h"

#define SAID_MAX 1024
#define FIRST_FREE_FD 3

struct running {
	const struct program_run *run;
	int input_fd, output_fd; /* the program's */
	int exec_errno; /* told through the memory that vfork(2) shares */
};

struct said { /* the end of it */
	char text[SAID_MAX + 1];
	size_t length;
};

static void reset_signals(void)
{
	sigset_t none;

	/* Handlers are reset by execve(2), ignored signals are not. */
	for (int number = 1; number < SIGRTMIN; number++)
		(void)signal(number, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int enter_directory(int cwd_fd)
{
	return cwd_fd >= 0 ? fchdir(cwd_fd) : chdir("/");
}

/* After vfork(2): system calls, and the one value for the parent. */
static void __attribute__((noreturn)) run_child(struct running *running)
{
	static char *const nothing[] = { NULL };
	const struct program_run *run = running->run;
	char *const alone[] = { (char *)run->path, NULL };
	int in = fcntl(running->input_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	int out = fcntl(running->output_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	reset_signals();
	(void)setsid();
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 &&
		syscall(SYS_close_range, FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
		enter_directory(run->cwd_fd) == 0)
		(void)execve(run->path, run->args && run->args[0] ? run->args : alone,
			run->env ? run->env : nothing);
	running->exec_errno = errno;
	_exit(127);
}

static pid_t start(struct running *running, struct error **err)
{
	pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)

	if (pid == 0)
		run_child(running);
	if (pid < 0)
		return error_sys(err, "start %s", running->run->name);
	if (running->exec_errno == 0)
		return pid;
	(void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
	errno = running->exec_errno;
	return error_sys(err, "%s: run %s", running->run->name, running->run->path);
}

/* No pipe: nobody has to be there to write while it reads. */
static int input_open(const char *input, struct error **err)
{
	cleanup_close int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "make a file for a program's input");
	if (input && file_write_all(fd, input, strlen(input), "a program's input", err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind a program's input");
	return take_fd(&fd);
}

static void keep_end(struct said *said, const char *data, size_t length)
{
	size_t over;

	if (length > SAID_MAX) {
		data += length - SAID_MAX;
		length = SAID_MAX;
	}
	over = said->length + length > SAID_MAX ? said->length + length - SAID_MAX : 0;
	memmove(said->text, said->text + over, said->length - over);
	said->length -= over;
	memcpy(said->text + said->length, data, length);
	said->length += length;
}

/* False at its end; it does not block. */
static bool take_output(int fd, struct said *said)
{
	char data[4096];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		keep_end(said, data, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int time_left_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_monotonic_ns();

	if (deadline_ns == 0)
		return -1;
	return left > 0 ? (int)(left / 1000000) + 1 : 0;
}

/* 1 when it has ended, 0 when its time is over. A child of its own may keep the pipe for longer. */
static int watch(int pidfd, int output_fd, int timeout_s, struct said *said, struct error **err)
{
	int64_t deadline_ns =
		timeout_s > 0 ? clock_monotonic_ns() + timeout_s * INT64_C(1000000000) : 0;
	struct pollfd fds[2] = { { .fd = pidfd, .events = POLLIN },
		{ .fd = output_fd, .events = POLLIN } };

	for (;;) {
		int n = poll(fds, 2, time_left_ms(deadline_ns));

		if (n < 0 && errno != EINTR)
			return error_sys(err, "wait for a program");
		if (n > 0 && fds[1].revents && !take_output(output_fd, said))
			fds[1].fd = -1;
		if (n > 0 && fds[0].revents) {
			(void)take_output(output_fd, said);
			return 1;
		}
		if (deadline_ns && time_left_ms(deadline_ns) == 0)
			return 0;
	}
}

/* Bytes of another program in a message of ours: control characters could act on a terminal. */
static const char *said_text(struct said *said)
{
	char *text = said->text;

	while (said->length > 0 && (unsigned char)text[said->length - 1] <= ' ')
		said->length--;
	text[said->length] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
	return said->text;
}

/* "31, bad system call" */
static char *signal_words(int signal)
{
	const char *words = sigdescr_np(signal);

	if (!words || !*words)
		return xasprintf("%d", signal);
	return xasprintf("%d, %c%s", signal, (tolower)((unsigned char)*words), words + 1);
}

static int ended_badly(
	const struct program_run *run, int status, struct said *said, struct error **err)
{
	const char *text = said_text(said), *colon = *text ? ": " : "";
	cleanup_free char *signal_name = NULL;

	if (WIFEXITED(status))
		return error_new(err, ERROR_INTERNAL, "%s failed with exit code %d (%s)%s%s",
			run->name, WEXITSTATUS(status), run->path, colon, text);
	signal_name = signal_words(WTERMSIG(status));
	return error_new(err, ERROR_INTERNAL, "%s was killed by signal %s (%s)%s%s", run->name,
		signal_name, run->path, colon, text);
}

static int follow(const struct program_run *run, pid_t pid, int output_fd, struct error **err)
{
	cleanup_close int pidfd = pidfd_open_pid(pid, err);
	struct said said = { .length = 0 };
	int status = 0, over = pidfd < 0 ? -1 : watch(pidfd, output_fd, run->timeout_s, &said, err);

	if (over != 1) {
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
	}
	if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0 && over == 1)
		return error_sys(err, "wait for %s", run->name);
	if (over == 0)
		return error_new(err, ERROR_UNAVAILABLE, "%s was killed after %d s (%s)", run->name,
			run->timeout_s, run->path);
	if (over < 0)
		return -1;
	return status == 0 ? 0 : ended_badly(run, status, &said, err);
}

int program_run(const struct program_run *run, struct error **err)
{
	cleanup_close int input_fd = input_open(run->input, err), ours_fd = -1, output_fd = -1;
	struct running running = { .run = run, .input_fd = input_fd };
	int ends[2];
	pid_t pid;

	if (input_fd < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	ours_fd = ends[0];
	output_fd = running.output_fd = ends[1];
	if (fcntl(ours_fd, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, "make a pipe non-blocking");
	pid = start(&running, err);
	if (pid < 0)
		return -1;
	close_fd(take_fd(&output_fd));
	return follow(run, pid, ours_fd, err);
}

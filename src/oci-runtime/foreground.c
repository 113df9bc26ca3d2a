/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/foreground.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/process.h"

#define CODE_UNKNOWN 255 /* it has ended, and somebody else was told how */

#define CHUNK 16384
#define DRAIN_MS 100

struct stream { /* bytes on their way from one fd to another */
	int from, to;
	char data[CHUNK];
	size_t start, end;
};

static void copy_size(const struct foreground *front)
{
	struct winsize size;

	if (front->tty_fd >= 0 && ioctl(front->tty_fd, TIOCGWINSZ, &size) == 0)
		(void)ioctl(front->console_fd, TIOCSWINSZ, &size);
}

/* Without a terminal of ours (stdin is a pipe) the streams are copied as they are. */
static int use_tty(struct foreground *front, struct error **err)
{
	struct termios mode;

	if (!isatty(STDIN_FILENO))
		return 0;
	if (tcgetattr(STDIN_FILENO, &front->old_mode) < 0)
		return error_sys(err, "read the terminal's mode");
	mode = front->old_mode;
	cfmakeraw(&mode);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &mode) < 0)
		return error_sys(err, "put the terminal into raw mode");
	front->tty_fd = STDIN_FILENO;
	copy_size(front);
	return 0;
}

int foreground_open(struct foreground *front, int console_fd, struct error **err)
{
	sigset_t all;

	front->console_fd = console_fd;
	sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, &front->old_mask) < 0)
		return error_sys(err, "block signals");
	front->open = true;
	return console_fd >= 0 ? use_tty(front, err) : 0;
}

void foreground_close(struct foreground *front)
{
	if (front->tty_fd >= 0)
		(void)tcsetattr(front->tty_fd, TCSANOW, &front->old_mode);
	front->tty_fd = -1;
	close_fd(front->console_fd);
	front->console_fd = -1;
	if (front->open)
		(void)sigprocmask(SIG_SETMASK, &front->old_mask, NULL);
	front->open = false;
}

/* Collects whoever has ended; true when pid was among them. */
static bool reap(pid_t pid, int *ret_code)
{
	bool ended = false;
	int status = 0;
	pid_t found;

	while ((found = waitpid(-1, &status, WNOHANG)) > 0) {
		if (found != pid)
			continue;
		ended = true;
		*ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	/* Without a child to wait for there is no signal to wait for either. */
	if (found < 0 && !ended) {
		ended = true;
		*ret_code = CODE_UNKNOWN;
	}
	return ended;
}

static void forward(const struct foreground *front, int pidfd, int signal)
{
	cleanup_error struct error *ignored = NULL;

	if (signal == SIGWINCH && front->console_fd >= 0)
		copy_size(front);
	/* A stop of ours is for the terminal's shell; Go's runtimes use SIGURG for themselves. */
	else if (signal != SIGCHLD && signal != SIGURG && signal != SIGTSTP && signal != SIGTTIN &&
		 signal != SIGTTOU)
		(void)pidfd_signal(pidfd, signal, &ignored);
}

static int wait_signals(struct foreground *front, pid_t pid, int pidfd)
{
	sigset_t all;
	int code = 0;

	sigfillset(&all);
	while (!reap(pid, &code)) {
		int signal = sigwaitinfo(&all, NULL);

		if (signal > 0)
			forward(front, pidfd, signal);
	}
	return code;
}

static bool is_full(const struct stream *stream)
{
	return stream->end > stream->start;
}

/* False when the stream has ended. */
static bool stream_read(struct stream *stream)
{
	ssize_t n = read(stream->from, stream->data, sizeof(stream->data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	stream->start = 0;
	stream->end = (size_t)n;
	return true;
}

static bool stream_write(struct stream *stream)
{
	ssize_t n = write(stream->to, stream->data + stream->start, stream->end - stream->start);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0)
		return false;
	stream->start += (size_t)n;
	return true;
}

/* One of its two sides, whichever it waits for; -1 in .fd when it is over. */
static struct pollfd stream_poll(const struct stream *stream)
{
	return (struct pollfd){ .fd = is_full(stream) ? stream->to : stream->from,
		.events = is_full(stream) ? POLLOUT : POLLIN };
}

/* What a program's end of input looks like on a terminal, when ours was no terminal. */
static void end_input(struct stream *input, int console_fd)
{
	struct termios mode;

	if (!isatty(input->from) && tcgetattr(console_fd, &mode) == 0) {
		input->data[0] = (char)mode.c_cc[VEOF];
		input->start = 0;
		input->end = 1;
	}
	input->from = -1;
}

static void stream_step(struct stream *stream, short events, bool input, int console_fd)
{
	bool goes_on = true;

	if (!events)
		return;
	if (is_full(stream))
		goes_on = stream_write(stream);
	else
		goes_on = stream_read(stream);
	if (goes_on)
		return;
	if (input && stream->from >= 0 && !is_full(stream))
		end_input(stream, console_fd);
	else
		stream->from = stream->to = -1;
}

/* What the program has written last is still in the terminal when it has ended. */
static void drain(struct stream *output)
{
	struct pollfd at = stream_poll(output);

	while (at.fd >= 0 && poll(&at, 1, DRAIN_MS) > 0) {
		stream_step(output, at.revents, false, -1);
		at = stream_poll(output);
	}
}

static int wait_console(struct foreground *front, pid_t pid, int pidfd, struct error **err)
{
	static struct stream input, output; /* too large for a stack page */
	cleanup_close int signal_fd = -1;
	struct signalfd_siginfo info;
	sigset_t all;
	int code = 0;

	input = (struct stream){ .from = STDIN_FILENO, .to = front->console_fd };
	output = (struct stream){ .from = front->console_fd, .to = STDOUT_FILENO };
	sigfillset(&all);
	signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return error_sys(err, "wait for signals");
	while (!reap(pid, &code)) {
		struct pollfd polls[] = { { .fd = signal_fd, .events = POLLIN },
			stream_poll(&input), stream_poll(&output) };

		if (poll(polls, 3, -1) < 0 && errno != EINTR)
			return error_sys(err, "wait for the terminal");
		while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			forward(front, pidfd, (int)info.ssi_signo);
		stream_step(&input, polls[1].revents, true, front->console_fd);
		stream_step(&output, polls[2].revents, false, -1);
	}
	drain(&output);
	return code;
}

int foreground_wait(struct foreground *front, pid_t pid, int pidfd, struct error **err)
{
	if (front->console_fd >= 0)
		return wait_console(front, pid, pidfd, err);
	return wait_signals(front, pid, pidfd);
}

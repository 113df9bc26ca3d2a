/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/signals.h"
#include "cli/sink.h"
#include "cli/terminal.h"
#include "monitor/protocol.h"

/* After the end of an exec, what it wrote is still in its pipes; a background process that it left
 * may write for ever. No pipe holds more than this. */
#define DRAIN_MAX (1024UL * 1024)
#define TYPED_MAX (MSG_MAX - 1024)

enum { /* places in the poll set */
	POLL_SIGNAL,
	POLL_CONNECTION,
	POLL_STDIN,
	POLL_STDOUT,
	POLL_STDERR,
	POLL_EXEC_IN,
	POLL_EXEC_OUT,
	POLL_EXEC_ERR,
	POLL_COUNT_
};

struct pump {
	struct attach *attach;
	struct signals signals;
	struct sink out, err, in; /* in: an exec's stdin */
	struct msg msg;
	int stdin_fd; /* ours, -1 after its end */
	bool closing; /* the end of stdin is to be told when what was typed is sent */
	size_t typed; /* bytes of buffer to send */
	bool done, exited, detached;
	int code;
	size_t drained;
	char buffer[TYPED_MAX + DETACH_KEYS_MAX];
	char input[TYPED_MAX];
};

static void send_size(struct pump *pump, bool redraw)
{
	struct attach *attach = pump->attach;
	struct monitor_size size = { 0 };
	cleanup_error struct error *ignored = NULL;

	if (!attach->tty)
		return;
	if (!terminal_size(STDOUT_FILENO, &size.rows, &size.columns) &&
		!terminal_size(STDIN_FILENO, &size.rows, &size.columns))
		return;
	if (attach->is_exec) {
		struct winsize winsize = { .ws_row = size.rows, .ws_col = size.columns };

		(void)ioctl(attach->io.stdout_fd, TIOCSWINSZ, &winsize);
		return;
	}
	/* Only a change makes programs draw anew. */
	size.rows = (uint16_t)(size.rows + redraw);
	(void)msg_send(attach->io.connection, MONITOR_RESIZE, &size, sizeof(size), &ignored);
}

static void handle_signal(struct pump *pump)
{
	int number = signals_take(&pump->signals);

	if (number == SIGWINCH)
		send_size(pump, false);
	else if (number > 0 && pump->attach->signal)
		pump->attach->signal(number, pump->attach->arg);
	else if (number > 0) {
		pump->attach->deadly = number;
		pump->done = true;
	}
}

/* 0 also when the reader of our output is gone: then we end as a program in a pipeline does. */
static int put_out(
	struct pump *pump, struct sink *sink, const char *data, size_t length, struct error **err)
{
	cleanup_error struct error *why = NULL;
	int result = data ? sink_write(sink, data, length, &why) : sink_flush(sink, &why);

	if (result == 0)
		return 0;
	if (error_errno(why) == EPIPE) {
		pump->attach->deadly = SIGPIPE;
		pump->done = true;
		return 0;
	}
	*err = take_ptr(why);
	return -1;
}

static int exited(struct pump *pump, struct error **err)
{
	struct monitor_exit end;

	if (pump->msg.length < sizeof(end))
		return error_new(err, ERROR_INTERNAL, "the monitor's last message is too short");
	memcpy(&end, pump->msg.data, sizeof(end));
	pump->code = end.code & 0xff;
	pump->exited = true;
	pump->done = !pump->attach->is_exec;
	return 0;
}

static int handle_connection(struct pump *pump, struct error **err)
{
	struct msg *msg = &pump->msg;
	cleanup_error struct error *lost = NULL;

	if (msg_receive(pump->attach->io.connection, msg, &lost) <= 0) {
		pump->done = true;
		return 0;
	}
	msg_close_fds(msg);
	switch (msg->type) {
	case MONITOR_STDOUT:
		return put_out(pump, &pump->out, msg->data, msg->length, err);
	case MONITOR_STDERR:
		return put_out(pump, &pump->err, msg->data, msg->length, err);
	case MONITOR_EXITED:
		return exited(pump, err);
	case MONITOR_ERROR:
		return error_unpack(err, msg->data, msg->length);
	default:
		return 0; /* of an attached client's business are only these */
	}
}

/* Sends what was typed; the socket has room. A monitor that is gone is noticed by reading. */
static void send_typed(struct pump *pump)
{
	cleanup_error struct error *ignored = NULL;
	int connection = pump->attach->io.connection;

	if (pump->typed > 0)
		(void)msg_send(connection, MONITOR_STDIN, pump->buffer, pump->typed, &ignored);
	else if (pump->closing)
		(void)msg_send(connection, MONITOR_STDIN_CLOSE, NULL, 0, &ignored);
	if (pump->typed == 0)
		pump->closing = false;
	pump->typed = 0;
}

/* An exec's stdin is a pipe (or terminal) of ours. A program that does not read its stdin is no
 * error. */
static void write_typed(struct pump *pump)
{
	cleanup_error struct error *broken = NULL;
	int result = 0;

	if (sink_waits(&pump->in))
		result = sink_flush(&pump->in, &broken);
	else if (pump->typed > 0)
		result = sink_write(&pump->in, pump->buffer, pump->typed, &broken);
	pump->typed = 0;
	if (result < 0) {
		sink_close(&pump->in);
		pump->stdin_fd = -1;
	}
	if (pump->closing && !sink_waits(&pump->in)) {
		pump->closing = false;
		if (!pump->attach->tty) /* a terminal has no half that could be closed */
			sink_close(&pump->in);
	}
}

static void handle_stdin(struct pump *pump)
{
	ssize_t n = read(pump->stdin_fd, pump->input, sizeof(pump->input));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		pump->typed = detach_flush(&pump->attach->detach, pump->buffer);
		pump->stdin_fd = -1;
		pump->closing = true;
	} else {
		pump->typed = detach_feed(&pump->attach->detach, pump->input, (size_t)n,
			pump->buffer, &pump->detached);
		pump->done = pump->detached;
	}
	if (pump->attach->is_exec)
		write_typed(pump);
}

/* A stream of an exec: a pipe, or the terminal's master, whose end is EIO. */
static int handle_exec_output(struct pump *pump, int *fd, struct sink *sink, struct error **err)
{
	ssize_t n = read(*fd, pump->msg.data, MSG_MAX);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		close_fd(*fd);
		*fd = -1;
		if (pump->attach->tty) { /* stdin was the same terminal */
			sink_close(&pump->in);
			pump->stdin_fd = -1;
			pump->typed = 0;
			pump->closing = false;
		}
		return 0;
	}
	if (pump->exited)
		pump->drained += (size_t)n;
	return put_out(pump, sink, pump->msg.data, (size_t)n, err);
}

static void watch(struct pollfd *slot, int fd, bool wanted, short events)
{
	*slot = (struct pollfd){ .fd = wanted ? fd : -1, .events = events };
}

static void fill_set(struct pump *pump, struct pollfd set[static POLL_COUNT_])
{
	struct exec_session *io = &pump->attach->io;
	bool is_exec = pump->attach->is_exec,
	     busy = sink_waits(&pump->out) || sink_waits(&pump->err);
	bool to_send = pump->typed > 0 || pump->closing;
	short connection = (short)(POLLIN | (to_send && !is_exec ? POLLOUT : 0));
	bool silent = is_exec ? pump->exited : busy; /* an exec says one thing, its end */

	watch(&set[POLL_SIGNAL], pump->signals.fd, true, POLLIN);
	watch(&set[POLL_CONNECTION], io->connection, !silent, connection);
	watch(&set[POLL_STDIN], pump->stdin_fd, !to_send && !sink_waits(&pump->in), POLLIN);
	watch(&set[POLL_STDOUT], pump->out.fd, sink_waits(&pump->out), POLLOUT);
	watch(&set[POLL_STDERR], pump->err.fd, sink_waits(&pump->err), POLLOUT);
	watch(&set[POLL_EXEC_IN], pump->in.fd, sink_waits(&pump->in), POLLOUT);
	watch(&set[POLL_EXEC_OUT], io->stdout_fd, is_exec && !sink_waits(&pump->out), POLLIN);
	watch(&set[POLL_EXEC_ERR], io->stderr_fd, is_exec && !sink_waits(&pump->err), POLLIN);
}

static int handle_outputs(
	struct pump *pump, const struct pollfd set[static POLL_COUNT_], struct error **err)
{
	struct exec_session *io = &pump->attach->io;

	if (set[POLL_STDOUT].revents && put_out(pump, &pump->out, NULL, 0, err) < 0)
		return -1;
	if (set[POLL_STDERR].revents && put_out(pump, &pump->err, NULL, 0, err) < 0)
		return -1;
	if (set[POLL_EXEC_OUT].revents &&
		handle_exec_output(pump, &io->stdout_fd, &pump->out, err) < 0)
		return -1;
	if (set[POLL_EXEC_ERR].revents &&
		handle_exec_output(pump, &io->stderr_fd, &pump->err, err) < 0)
		return -1;
	return 0;
}

static int handle_events(
	struct pump *pump, const struct pollfd set[static POLL_COUNT_], struct error **err)
{
	if (set[POLL_SIGNAL].revents)
		handle_signal(pump);
	if (handle_outputs(pump, set, err) < 0)
		return -1;
	if (set[POLL_CONNECTION].revents & POLLOUT)
		send_typed(pump);
	if (set[POLL_EXEC_IN].revents)
		write_typed(pump);
	if (set[POLL_STDIN].revents && !pump->done)
		handle_stdin(pump);
	if ((set[POLL_CONNECTION].revents & ~POLLOUT) && !pump->done)
		return handle_connection(pump, err);
	return 0;
}

/* Nothing happened in time: either no more is in the pipes, or a lone ctrl-p was meant. */
static void handle_silence(struct pump *pump, bool drain)
{
	if (drain) {
		pump->done = true;
		return;
	}
	pump->typed = detach_flush(&pump->attach->detach, pump->buffer);
	if (pump->attach->is_exec)
		write_typed(pump);
}

static int turn(struct pump *pump, struct error **err)
{
	struct pollfd set[POLL_COUNT_];
	bool drain = pump->exited && !sink_waits(&pump->out) && !sink_waits(&pump->err);
	bool held = pump->attach->detach.held > 0 && pump->typed == 0 && !sink_waits(&pump->in);
	int timeout = drain ? 0 : held ? DETACH_WAIT_MS : -1, ready;

	if (drain && pump->drained > DRAIN_MAX) {
		pump->done = true;
		return 0;
	}
	fill_set(pump, set);
	ready = poll(set, POLL_COUNT_, timeout);
	if (ready < 0)
		return errno == EINTR ? 0 : error_sys(err, "poll");
	if (ready > 0)
		return handle_events(pump, set, err);
	handle_silence(pump, drain);
	return 0;
}

static int prepare(struct pump *pump, struct error **err)
{
	struct attach *attach = pump->attach;
	bool raw = attach->stdin && attach->tty && isatty(STDIN_FILENO);
	enum signals_wanted wanted = attach->signal ? SIGNALS_ALL
				     : raw          ? SIGNALS_DEADLY
						    : SIGNALS_NONE;

	pump->stdin_fd = attach->stdin ? STDIN_FILENO : -1;
	pump->in.fd = -1;
	sink_open(&pump->out, STDOUT_FILENO);
	sink_open(&pump->err, STDERR_FILENO);
	if (attach->io.stdin_fd >= 0) {
		sink_take(&pump->in, attach->io.stdin_fd);
		if (attach->io.stdin_fd == attach->io.stdout_fd)
			pump->in.owned = false; /* the terminal: closed once, as stdout_fd */
		attach->io.stdin_fd = -1;
	}
	if (attach->io.stdout_fd >= 0)
		(void)fcntl(attach->io.stdout_fd, F_SETFL, O_NONBLOCK | O_RDWR);
	if (attach->io.stderr_fd >= 0)
		(void)fcntl(attach->io.stderr_fd, F_SETFL, O_NONBLOCK);
	if (!attach->tty)
		attach->detach.count = 0;
	/* Before raw mode: from then on no signal may end us without taking it back. */
	if (signals_open(&pump->signals, wanted, attach->tty, err) < 0)
		return -1;
	if (raw && terminal_raw(STDIN_FILENO, err) < 0)
		return -1;
	if (attach->redraw)
		send_size(pump, true);
	send_size(pump, false);
	return 0;
}

static void finish(struct pump *pump)
{
	struct exec_session *io = &pump->attach->io;

	terminal_restore();
	sink_close(&pump->out);
	sink_close(&pump->err);
	sink_close(&pump->in);
	close_fd(io->connection);
	close_fd(io->stdout_fd);
	close_fd(io->stderr_fd);
	io->connection = io->stdin_fd = io->stdout_fd = io->stderr_fd = -1;
	signals_close(&pump->signals);
}

int attach_run(struct attach *attach, int *ret_code, struct error **err)
{
	cleanup_free struct pump *pump = xcalloc(1, sizeof(*pump));
	int result;

	fflush(stdout);
	pump->attach = attach;
	pump->signals.fd = -1;
	result = prepare(pump, err);
	while (result == 0 && !pump->done)
		result = turn(pump, err);
	if (pump->detached && pump->typed > 0 && !attach->is_exec)
		send_typed(pump); /* what was typed just before the keys */
	finish(pump);
	if (result < 0)
		return -1;
	if (attach->deadly)
		return ATTACH_KILLED;
	if (pump->exited)
		*ret_code = pump->code;
	return pump->exited ? ATTACH_EXITED : pump->detached ? ATTACH_DETACHED : ATTACH_LOST;
}

int attach_check_tty(bool stdin, bool tty, struct error **err)
{
	if (!stdin || !tty || isatty(STDIN_FILENO))
		return 0;
	error_new(err, ERROR_INVALID, "the input device is not a TTY");
	return error_hint(err, "leave out -t when stdin is a pipe or a file");
}

void attach_say_detached(void)
{
	fprintf(stderr, "read escape sequence\n");
}

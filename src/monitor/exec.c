/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Further processes. They are the monitor's children, so that their exit code is known also when
 * the client that asked is gone. What parsing took is given back when it is quiet again.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "monitor/internal.h"
#include "sys/loop.h"
#include "sys/process.h"

struct request {
	struct spec_process process;
	bool detach;
	struct container_io io;
};

static inline void request_done_p_(struct request *request)
{
	spec_process_done(&request->process);
}

int exit_code_of(int pidfd, int *ret_code)
{
	siginfo_t info = { 0 };

	if (TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL)) <
			0 ||
		info.si_pid == 0)
		return 0;
	*ret_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 1;
}

void exec_collect(struct client *client)
{
	cleanup_error struct error *ignored = NULL;
	struct monitor_exit ended = { .code = 128 + 9 };

	/* Killed and not to be waited for (it hangs in the kernel): told as what it will be. */
	if (!exit_code_of(client->pidfd, &ended.code) && !client->monitor->ending)
		return;
	loop_remove(client->monitor->loop, client->pidfd);
	close_fd(take_fd(&client->pidfd));
	if (client->drain_fd >= 0) {
		loop_remove(client->monitor->loop, client->drain_fd);
		close_fd(take_fd(&client->drain_fd));
	}
	if (client->fd >= 0)
		(void)msg_send(client->fd, MONITOR_EXITED, &ended, sizeof(ended), &ignored);
	client->pid = 0;
	client_close(client);
}

static int on_exec_end(int fd, uint32_t events, void *arg, struct error **err)
{
	(void)fd;
	(void)events;
	(void)err;
	exec_collect(arg);
	return 0;
}

/* A detached process's terminal has no client: what it prints is read and forgotten. */
static int on_drain(int fd, uint32_t events, void *arg, struct error **err)
{
	struct client *client = arg;
	struct monitor *m = client->monitor;
	ssize_t n = TEMP_FAILURE_RETRY(read(fd, m->msg.data, sizeof(m->msg.data)));

	(void)events;
	(void)err;
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return 0;
	loop_remove(m->loop, fd);
	close_fd(take_fd(&client->drain_fd));
	return 0;
}

/* The JSON is the message, or in a memfd when it is too long for one. */
static int parse_json(struct msg *msg, struct json_object **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t length;
	int fd;

	if (msg->length > 0)
		return json_parse(msg->data, msg->length, "the exec request", ret, err);
	if (msg->fd_count == 0)
		return error_new(err, ERROR_INVALID, "the exec request is empty");
	fd = msg->fds[msg->fd_count - 1];
	/* Never a read that could block. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_new(err, ERROR_INVALID, "the exec request is not in a file");
	length = file_read_fd(fd, "the exec request", MONITOR_EXEC_MAX, &text, err);
	if (length < 0)
		return -1;
	close_fd(fd);
	msg->fd_count--;
	return json_parse(text, (size_t)length, "the exec request", ret, err);
}

static int parse(struct msg *msg, struct request *ret, struct error **err)
{
	cleanup_json struct json_object *json = NULL;
	struct json_object *process = NULL;

	if (parse_json(msg, &json, err) < 0)
		return -1;
	if (json_get(json, "process", json_type_object, &process, err) < 0 ||
		json_get_bool(json, "detach", &ret->detach, err) < 0)
		return -1;
	if (!process)
		return error_new(err, ERROR_INVALID, "the exec request has no process");
	if (spec_process_parse(process, &ret->process, err) < 0)
		return error_wrap(err, "the exec request");
	if (msg->fd_count != 0 && (msg->fd_count != 3 || ret->process.terminal))
		return error_new(err, ERROR_INVALID, "the exec request has %zu fds", msg->fd_count);
	ret->io = msg->fd_count == 0
			  ? (struct container_io){ -1, -1, -1 }
			  : (struct container_io){ msg->fds[0], msg->fds[1], msg->fds[2] };
	return 0;
}

/* Announces the process, with its terminal unless the monitor keeps that. */
static int announce(struct client *client, int *console_fd, struct error **err)
{
	struct monitor_created started = { .pid = client->pid,
		.start_time = process_start_time(client->pid) };

	return msg_send_fds(client->fd, MONITOR_EXEC_STARTED, &started, sizeof(started), console_fd,
		*console_fd >= 0, err);
}

static int keep_terminal(struct client *client, int *console_fd, struct error **err)
{
	if (fd_nonblocking(*console_fd, err) < 0 ||
		loop_add(client->monitor->loop, *console_fd, EPOLLIN, on_drain, client, err) < 0)
		return -1;
	client->drain_fd = take_fd(console_fd);
	return 0;
}

static int run(struct client *client, struct request *request, struct error **err)
{
	struct monitor *m = client->monitor;
	struct container_exec exec = { .spec = &m->spec,
		.process = &request->process,
		.init_pidfd = m->init.pidfd,
		.init_pid = m->init.pid,
		.cgroup = m->init.cgroup,
		.io = request->io };
	cleanup_error struct error *ignored = NULL;
	cleanup_close int console_fd = -1, pidfd = -1;
	pid_t pid;

	/* Ours is not what the container has, once it was lowered. */
	if (m->has_oom_score_adj && !request->process.has_oom_score_adj) {
		request->process.has_oom_score_adj = true;
		request->process.oom_score_adj = m->spec.process.has_oom_score_adj
							 ? m->spec.process.oom_score_adj
							 : m->oom_score_adj;
	}
	pid = runtime_exec(&exec, &pidfd, &console_fd, err);
	if (pid < 0)
		return -1;
	/* From here on it runs: what fails now costs its client the answer, not it its end. */
	if (loop_add(m->loop, pidfd, EPOLLIN, on_exec_end, client, err) < 0) {
		(void)pidfd_signal(pidfd, SIGKILL, &ignored);
		(void)waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED | __WALL);
		return -1;
	}
	client->pid = pid;
	client->pidfd = take_fd(&pidfd);
	if (request->detach && console_fd >= 0 && keep_terminal(client, &console_fd, err) < 0)
		return -1;
	if (announce(client, &console_fd, &ignored) < 0)
		client_close(client);
	return 0;
}

static int handle(struct client *client, struct msg *msg, struct error **err)
{
	struct request request __attribute__((cleanup(request_done_p_))) = { .detach = false };

	if (client->monitor->ending)
		return error_new(err, ERROR_CONFLICT, "the container has ended");
	return parse(msg, &request, err) < 0 ? -1 : run(client, &request, err);
}

int exec_start(struct client *client, struct msg *msg, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	int result = handle(client, msg, err);

	if (result < 0)
		(void)msg_send_error(client->fd, MONITOR_ERROR, *err, &ignored);
	return result;
}

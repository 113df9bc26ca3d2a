/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A further process in a running container. The monitor makes it: it already runs through a
 * read-only clone of its executable, knows the container's first process, and stays its parent
 * whatever becomes of us. Pipes are made here, so that no fd of the host's terminal or files is
 * ever inside.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/paths.h"
#include "monitor/client.h"
#include "monitor/protocol.h"

#define BUNDLE_MAX (8UL * 1024 * 1024)

/* "NAME=value", or "NAME" for ours. */
static void add_env(strv *env, char *const *more)
{
	for (; more && *more; more++) {
		const char *equals = strchr(*more, '=');
		cleanup_free char *name =
			equals ? xstrndup(*more, (size_t)(equals - *more)) : xstrdup(*more);
		const char *value =
			equals ? equals + 1 : getenv(name); // NOLINT(concurrency-mt-unsafe)

		if (value)
			env_set(env, name, value);
	}
}

/* The process of the bundle, with what exec was asked to change. */
static int make_process(int run_fd, const struct exec_options *options, struct spec_process *ret,
	struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_spec struct spec spec;
	struct spec_process *p = &spec.process;
	ssize_t length = file_read_at(run_fd, MONITOR_BUNDLE, BUNDLE_MAX, &text, err);

	spec_init(&spec);
	if (length < 0 && error_errno(*err) == ENOENT)
		return error_as(err, ERROR_CONFLICT, "the container has just ended");
	if (length < 0 || spec_parse(text, (size_t)length, &spec, err) < 0)
		return error_wrap(err, "read the container's bundle");
	strv_free(take_ptr(p->args));
	p->args = strv_copy(options->command);
	add_env(&p->env, options->env);
	p->terminal = options->tty;
	p->console_height = options->rows;
	p->console_width = options->columns;
	if (options->tty && !env_get(p->env, "TERM"))
		env_set(&p->env, "TERM", "xterm");
	if (options->user)
		replace_string(&p->user, xstrdup(options->user));
	if (options->workdir)
		replace_string(&p->cwd, xstrdup(options->workdir));
	p->make_cwd = false;
	if (options->privileged)
		p->capabilities.bounding = p->capabilities.effective = p->capabilities.permitted =
			bundle_all_capabilities();
	*ret = spec.process;
	memset(&spec.process, 0, sizeof(spec.process));
	return 0;
}

struct pipes {
	int inside[3], outside[3]; /* -1 where there is none */
};

static int make_pipe(struct pipes *pipes, int stream, struct error **err)
{
	int ends[2], reader = stream == 0 ? 0 : 1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	/* For stdin the process reads; for the others it writes. */
	pipes->inside[stream] = ends[reader == 0 ? 0 : 1];
	pipes->outside[stream] = ends[reader == 0 ? 1 : 0];
	return 0;
}

/* With nothing to attach a stream to, it is /dev/null. */
static int make_null(struct pipes *pipes, int stream, struct error **err)
{
	pipes->inside[stream] = open("/dev/null", O_RDWR | O_CLOEXEC);
	return pipes->inside[stream] < 0 ? error_sys(err, "open /dev/null") : 0;
}

static int make_pipes(const struct exec_options *options, struct pipes *pipes, struct error **err)
{
	for (int i = 0; i < 3; i++) {
		bool wanted = !options->detach && (i > 0 || options->open_stdin);

		if (options->tty)
			continue;
		if ((wanted ? make_pipe(pipes, i, err) : make_null(pipes, i, err)) < 0)
			return -1;
	}
	return 0;
}

static void close_all(int fds[static 3])
{
	for (int i = 0; i < 3; i++)
		close_fd(take_fd(&fds[i]));
}

/* A request that is too long for a message goes as a file without a name, the last fd. */
static int send_long(
	int connection, const char *text, const int *fds, size_t fd_count, struct error **err)
{
	cleanup_close int file = memfd_create("exec", MFD_CLOEXEC);
	int with_file[4] = { -1, -1, -1, -1 };

	if (strlen(text) > MONITOR_EXEC_MAX) {
		error_new(err, ERROR_INVALID,
			"the command and its environment are too large for exec");
		return error_hint(err, "put them into a file of the container");
	}
	if (file < 0 || file_write_all(file, text, strlen(text), "the request", err) < 0)
		return *err ? -1 : error_sys(err, "make a file in memory");
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind a file in memory");
	if (fd_count > 0)
		memcpy(with_file, fds, fd_count * sizeof(*fds));
	with_file[fd_count] = file;
	return msg_send_fds(connection, MONITOR_EXEC, NULL, 0, with_file, fd_count + 1, err);
}

static int send_exec(int connection, const struct exec_options *options,
	const struct spec_process *process, const struct pipes *pipes, struct error **err)
{
	cleanup_json struct json_object *request = json_object_new_object();
	size_t fd_count = options->tty ? 0 : 3;
	cleanup_free char *text = NULL;

	json_put(request, "process", spec_process_json(process));
	json_put_bool(request, "detach", options->detach);
	text = json_compact(request);
	if (strlen(text) > MSG_MAX)
		return send_long(connection, text, pipes->inside, fd_count, err);
	return msg_send_fds(
		connection, MONITOR_EXEC, text, strlen(text), pipes->inside, fd_count, err);
}

static int receive_started(
	int connection, bool tty, struct exec_session *session, struct error **err)
{
	cleanup_free struct msg *msg = xcalloc(1, sizeof(*msg));
	int got = msg_receive(connection, msg, err);

	if (got < 0)
		return -1;
	if (got == 0)
		return error_new(err, ERROR_CONFLICT, "the container ended");
	if (msg->type == MONITOR_ERROR)
		return error_unpack(err, msg->data, msg->length);
	if (msg->type != MONITOR_EXEC_STARTED)
		return error_new(err, ERROR_INTERNAL, "the monitor sent message %u", msg->type);
	if (tty && msg->fd_count == 1) {
		session->stdin_fd = fcntl(msg->fds[0], F_DUPFD_CLOEXEC, 3);
		session->stdout_fd = take_fd(&msg->fds[0]);
	}
	msg_close_fds(msg);
	return 0;
}

static int connect_running(
	struct engine *engine, const char *id, int *ret_run_fd, struct error **err)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing);
	struct container_status status;
	int connection;

	if (container_status(engine, id, &status, err) < 0)
		return -1;
	if (run_fd < 0 || status.pid == 0) {
		error_new(err, ERROR_CONFLICT, "Container %s is not running", id);
		return error_hint(err, "vessel start %.12s", id);
	}
	if (status.state == CONTAINER_PAUSED)
		return error_new(err, ERROR_CONFLICT,
			"Container %s is paused, unpause the container before exec", id);
	connection = monitor_connect(run_fd, err);
	*ret_run_fd = take_fd(&run_fd);
	return connection;
}

int container_exec(struct engine *engine, const char *name, const struct exec_options *options,
	struct exec_session *ret, struct error **err)
{
	struct exec_session session = { -1, -1, -1, -1 };
	struct pipes pipes = { { -1, -1, -1 }, { -1, -1, -1 } };
	cleanup_close int run_fd = -1, connection = -1;
	struct spec_process process = { 0 };
	char id[ID_MAX];
	int result;

	if (!container_resolve_quick(engine, name, id) &&
		container_resolve(engine, name, id, err) < 0)
		return -1;
	connection = connect_running(engine, id, &run_fd, err);
	if (connection < 0 || make_process(run_fd, options, &process, err) < 0)
		return -1;
	result = make_pipes(options, &pipes, err) < 0 ||
				 send_exec(connection, options, &process, &pipes, err) < 0 ||
				 receive_started(connection, options->tty, &session, err) < 0
			 ? -1
			 : 0;
	close_all(pipes.inside);
	spec_process_done(&process);
	if (result < 0) {
		close_all(pipes.outside);
		return -1;
	}
	if (!options->tty) {
		session.stdin_fd = pipes.outside[0];
		session.stdout_fd = pipes.outside[1];
		session.stderr_fd = pipes.outside[2];
	}
	session.connection = take_fd(&connection);
	*ret = session;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/signals.h"
#include "cli/terminal.h"

struct container_attach session_streams(const struct session *session, bool out, bool errors)
{
	struct container_attach attach = {
		.stdin = session->stdin, .stdout = out, .stderr = errors, .owner = session->owner
	};

	if (session->tty && !terminal_size(STDOUT_FILENO, &attach.rows, &attach.columns))
		(void)terminal_size(STDIN_FILENO, &attach.rows, &attach.columns);
	return attach;
}

static void pass_signal(int signal, void *arg)
{
	const struct session *session = arg;
	cleanup_error struct error *gone = NULL;

	/* It may have ended this moment; then its exit code comes next. */
	(void)container_signal(session->engine, session->id, signal, &gone);
}

int session_check(const struct session *session, struct error **err)
{
	struct detach detach;

	return detach_init(&detach, session->detach_keys, err);
}

/*
 * We go before the container's end was seen. A monitor that still runs finds no owner connected at
 * its end, and clears away; one that has ended while we were connected has left that to us.
 */
static void leave(const struct session *session)
{
	cleanup_error struct error *ignored = NULL;

	if (session->owner && !container_is_running(session->engine, session->id))
		(void)container_reap(session->engine, session->id, &ignored);
}

int session_run(const struct session *session, int connection, struct error **err)
{
	struct session copy = *session;
	struct attach attach = {
		.io = { .connection = connection,
			.stdin_fd = -1,
			.stdout_fd = -1,
			.stderr_fd = -1 },
		.stdin = session->stdin,
		.tty = session->tty,
		.redraw = session->redraw,
		.signal = session->proxy ? pass_signal : NULL,
		.arg = &copy,
	};
	int code = 0, end;

	if (detach_init(&attach.detach, session->detach_keys, err) < 0) {
		close_fd(connection);
		return -1;
	}
	end = attach_run(&attach, &code, err);
	if (end < 0 || end == ATTACH_KILLED)
		leave(session);
	if (end < 0)
		return -1;
	if (end == ATTACH_KILLED)
		signals_die(attach.deadly);
	if (end == ATTACH_DETACHED) {
		attach_say_detached();
		return 0;
	}
	if (end == ATTACH_LOST && container_await(session->engine, session->id, -1, &code, err) < 0)
		return error_wrap(err, "the monitor of %.12s is gone", session->id);
	if (session->owner && container_reap(session->engine, session->id, err) < 0)
		return -1;
	return code;
}

int session_describe(
	struct engine *engine, const char *id, bool *ret_tty, bool *ret_stdin, struct error **err)
{
	cleanup_json struct json_object *object = NULL;
	struct json_object *config = NULL;

	if (container_inspect(engine, id, &object, err) < 0)
		return -1;
	if (json_get(object, "Config", json_type_object, &config, err) < 0 || !config ||
		json_get_bool(config, "Tty", ret_tty, err) < 0 ||
		json_get_bool(config, "OpenStdin", ret_stdin, err) < 0)
		return *err ? -1 : error_new(err, ERROR_INTERNAL, "%.12s has no configuration", id);
	return 0;
}

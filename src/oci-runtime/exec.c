/* SPDX-License-Identifier: Apache-2.0 */
/* A further process in a container that runs. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci-runtime/console.h"
#include "oci-runtime/foreground.h"
#include "oci-runtime/instance.h"
#include "oci-runtime/process.h"
#include "runtime/filter.h"
#include "sys/process.h"

static const struct flag exec_flags[] = {
	{ 'p', "process", "FILE", "what to run, as the process of a configuration", FLAG_TEXT,
		FLAG_AT(exec_opts, process, const char *) },
	{ 0, "cwd", "DIR", "working directory", FLAG_TEXT, FLAG_AT(exec_opts, cwd, const char *) },
	{ 'e', "env", "NAME=VALUE", "set this in its environment", FLAG_LIST,
		FLAG_AT(exec_opts, env, strv) },
	{ 'u', "user", "UID[:GID]", "user it runs as", FLAG_TEXT,
		FLAG_AT(exec_opts, user, const char *) },
	{ 'c', "cap", "NAME", "give it this capability, too", FLAG_LIST,
		FLAG_AT(exec_opts, caps, strv) },
	{ 'g', "additional-gids", "GID", "put it into this group, too", FLAG_LIST,
		FLAG_AT(exec_opts, gids, strv) },
	{ 't', "tty", NULL, "give it a terminal", FLAG_BOOL, FLAG_AT(exec_opts, tty, bool) },
	{ 'd', "detach", NULL, "do not wait for its end", FLAG_BOOL,
		FLAG_AT(exec_opts, detach, bool) },
	{ 0, "pid-file", "FILE", "write its pid to it", FLAG_TEXT,
		FLAG_AT(exec_opts, pid_file, const char *) },
	{ 0, "console-socket", "PATH", "unix socket that gets the terminal's master", FLAG_TEXT,
		FLAG_AT(exec_opts, console_socket, const char *) },
	{ 0, "preserve-fds", "N", "pass N further fds, from 3 on", FLAG_INT,
		FLAG_AT(exec_opts, preserve_fds, int64_t) },
	{ 0, "apparmor", "PROFILE", "AppArmor profile", FLAG_TEXT,
		FLAG_AT(exec_opts, apparmor, const char *) },
	{ 0, "process-label", "LABEL", "SELinux label", FLAG_TEXT,
		FLAG_AT(exec_opts, label, const char *) },
	{ 0, "no-new-privs", NULL, "it cannot gain rights by executing programs", FLAG_BOOL,
		FLAG_AT(exec_opts, no_new_privs, bool) },
	{ 0, "cgroup", "PATH", "cgroup below the container's", FLAG_LIST,
		FLAG_AT(exec_opts, cgroups, strv) },
	{ 0, "ignore-paused", NULL, "also in a paused container, where it waits", FLAG_BOOL,
		FLAG_AT(exec_opts, ignore_paused, bool) },
	{ 0, "no-subreaper", NULL, NULL, FLAG_BOOL, FLAG_AT(exec_opts, no_subreaper, bool) },
	{},
};

static int check_status(const struct state *state, const struct exec_opts *opts, struct error **err)
{
	enum status status = state_status(state);

	if (status == STATUS_STOPPED)
		return error_new(err, ERROR_CONFLICT, "cannot exec in a stopped container");
	if (status == STATUS_PAUSED && !opts->ignore_paused) {
		error_new(err, ERROR_CONFLICT, "cannot exec in a paused container");
		return error_hint(err, "use --ignore-paused if it shall wait");
	}
	if (status == STATUS_CREATING)
		return error_new(
			err, ERROR_CONFLICT, "cannot exec in a container that is being created");
	return 0;
}

static int check_terminal(
	const struct exec_opts *opts, const struct spec_process *process, struct error **err)
{
	if (process->terminal && opts->detach && !opts->console_socket) {
		error_new(err, ERROR_INVALID, "a terminal without somebody who holds it");
		return error_hint(err, "use --console-socket with a detached process");
	}
	return 0;
}

/* Runs it; what was made but cannot be handed over is ended. */
static int stay(const struct exec_opts *opts, const struct container_exec *how, struct error **err)
{
	struct foreground front = FOREGROUND_INIT;
	cleanup_close int pidfd = -1, console_fd = -1, socket_fd = -1;
	int code = 0;
	pid_t pid;

	if (opts->console_socket) {
		socket_fd = console_connect(opts->console_socket, err);
		if (socket_fd < 0)
			return -1;
	}
	pid = runtime_exec(how, &pidfd, &console_fd, err);
	if (pid < 0)
		return -1;
	if ((socket_fd >= 0 && console_fd >= 0 && console_send(socket_fd, console_fd, err) < 0) ||
		pid_file_write(opts->pid_file, pid, err) < 0)
		code = -1;
	else if (!opts->detach) {
		if (socket_fd >= 0)
			close_fd(take_fd(&console_fd));
		code = foreground_open(&front, take_fd(&console_fd), err);
		if (code == 0)
			code = foreground_wait(&front, pid, pidfd, err);
		foreground_close(&front);
	}
	if (code < 0) {
		cleanup_error struct error *ignored = NULL;

		(void)pidfd_signal(pidfd, SIGKILL, &ignored);
	}
	return code;
}

static int exec_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct exec_opts *opts = opts_;
	cleanup_state struct state state = STATE_INIT;
	cleanup_cgroup struct cgroup *cgroup = NULL, *below = NULL;
	cleanup_close int init_pidfd = -1;
	cleanup_free char *cache = xasprintf("%s/" STATE_FILTERS, runtime->root);
	struct filter filter cleanup_filter = { 0 };
	int code;
	struct spec spec cleanup_spec;
	struct spec_process process cleanup_process = { 0 };
	struct container_exec how = { .spec = &spec,
		.process = &process,
		.io = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
		.preserve_fds = instance_fds(opts->preserve_fds) };

	spec_init(&spec);
	if (state_open(runtime, args[0], STATE_LOOK, &state, err) < 0 ||
		check_status(&state, opts, err) < 0)
		return -1;
	init_pidfd = state_pidfd(&state, err);
	if (init_pidfd < 0 || state_spec(&state, &spec, err) < 0 ||
		process_choose(opts, args + 1, &spec, &process, err) < 0 ||
		check_terminal(opts, &process, err) < 0 || state_cgroup(&state, &cgroup, err) < 0)
		return -1;
	if (filter_compile(&spec, cache, &filter, err) < 0)
		return -1;
	how.filter = &filter;
	how.id = state.id;
	how.bundle = state.bundle;
	how.init_pidfd = init_pidfd;
	how.init_pid = state.pid;
	how.cgroup = cgroup;
	if (opts->cgroups && cgroup) {
		if (cgroup_open_below(cgroup, opts->cgroups, &below, err) < 0)
			return -1;
		how.cgroup = below;
	}
	/* The words that runc's log has for these steps: scripts look for them. */
	log_debug(&runtime->log, "join '%s': nsexec container setup, then child process in init()",
		args[0]);
	log_debug(&runtime->log, "setns_init: about to exec");
	code = stay(opts, &how, err);
	return code < 0 ? error_wrap(err, "exec failed") : code;
}

const struct command oci_exec = {
	.name = "exec",
	.args = "CONTAINER cmd [ARG...]",
	.summary = "Run a further process in a container",
	.flags = exec_flags,
	.opts_size = sizeof(struct exec_opts),
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.protects = true,
	.failure_code = 255,
	.run = exec_run,
};

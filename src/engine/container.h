/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: create, start, look, signal, wait, remove. A container is named by its full id, its
 * name, or a unique prefix of its id. Errors are Docker's sentences where scripts know them ("No
 * such container: x").
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/id.h"
#include "base/strv.h"
#include "cgroup/cgroup.h"
#include "engine/engine.h"
#include "engine/options.h"

struct error;

enum container_state {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_EXITED,
	CONTAINER_DEAD,
};
const char *container_state_name(enum container_state state); /* "created", … */

/* What the kernel and the exit record say of it now. */
struct container_status {
	enum container_state state;
	pid_t pid; /* 0 unless running */
	int exit_code;
	bool oom_killed;
	int64_t started_ns, finished_ns;
	char error[256];
};

/* Best effort, for who will create a container and start it at once: chooses its id, and starts its
 * monitor, which gets ready meanwhile. */
void container_ahead(struct engine *engine);
/* Fills in *ret_id. The image must be here (see engine/image.h for pulling). Undone when it fails.
 * warnings: lines, the caller's. */
int container_create(struct engine *engine, const struct container_options *options,
	char ret_id[static ID_MAX], strv *warnings, struct error **err);

struct container_attach {
	bool stdin, stdout, stderr; /* all false: detached */
	bool owner; /* we remove it after its end (run --rm) */
	uint16_t rows, columns; /* of the terminal, 0: none */
};
/*
 * Starts it. Returns when the program runs; *ret_connection is then an attached connection
 * (monitor/protocol.h), or -1 when nothing was to be attached. ERROR_NO_PROGRAM and
 * ERROR_NOT_EXECUTABLE as runtime/container.h has them.
 */
int container_start(struct engine *engine, const char *id, const struct container_attach *attach,
	int *ret_connection, struct error **err);
int container_attach(struct engine *engine, const char *name, const struct container_attach *attach,
	int *ret_connection, struct error **err);

struct exec_options {
	char *const *command, *const *env;
	const char *user, *workdir;
	bool tty, open_stdin, detach, privileged;
	uint16_t rows, columns;
};
struct exec_session { /* all the caller's; -1 where not there */
	int connection; /* EXITED comes here */
	int stdin_fd, stdout_fd, stderr_fd; /* our ends of the pipes; with a terminal, stdin and
					       stdout are its master */
};
int container_exec(struct engine *engine, const char *name, const struct exec_options *options,
	struct exec_session *ret, struct error **err);

/* Full id of the one that name means; ERROR_NOT_FOUND: "No such container: x". */
int container_resolve(
	struct engine *engine, const char *name, char ret_id[static ID_MAX], struct error **err);
/* The same for one that runs, without opening the register; false: ask container_resolve(). */
bool container_resolve_quick(struct engine *engine, const char *name, char ret_id[static ID_MAX]);
int container_status(
	struct engine *engine, const char *id, struct container_status *ret, struct error **err);
/* docker inspect's object; the caller releases it. */
int container_inspect(
	struct engine *engine, const char *name, struct json_object **ret, struct error **err);
/* each() for every container, newest first; all: also those that do not run. */
int container_each(struct engine *engine, bool all,
	int (*each)(
		const struct container_row *row, const struct container_status *status, void *arg),
	void *arg, struct error **err);

/* Sends a signal. signal < 0: the container's own stop signal. ERROR_CONFLICT when it is not
 * running. */
int container_signal(struct engine *engine, const char *name, int signal, struct error **err);
/* The same; after SIGKILL it does not run any more when this returns. */
int container_kill(struct engine *engine, const char *name, int signal, struct error **err);
/* timeout_s: CONTAINER_TIMEOUT_OWN is what it was created with, -1 waits for ever. Stopping a
 * stopped one is fine. */
#define CONTAINER_TIMEOUT_OWN (-2)
int container_stop(
	struct engine *engine, const char *name, int timeout_s, int signal, struct error **err);
int container_restart(
	struct engine *engine, const char *name, int timeout_s, int signal, struct error **err);
/* Until it does not run; *ret_code is its exit code. */
int container_wait(struct engine *engine, const char *name, int *ret_code, struct error **err);
/* The same on an attached connection (or -1), once its output has been read: returns when the
 * monitor is gone. */
int container_await(
	struct engine *engine, const char *id, int connection, int *ret_code, struct error **err);
/* Until no monitor holds the container any more; its exit record is written by then. */
int container_await_monitor(struct engine *engine, const char *id, struct error **err);
/* Kills what runs and waits for its monitor; nothing of the record is looked at. */
int container_end(struct engine *engine, const char *id, struct error **err);
int container_pause(struct engine *engine, const char *name, bool paused, struct error **err);
/* volumes: its anonymous ones too. */
int container_remove(
	struct engine *engine, const char *name, bool force, bool volumes, struct error **err);
/* All of them: signals first, then waits, so n containers take the time of one. each failure goes
 * to failed(). */
int containers_remove(struct engine *engine, char *const *names, bool force, bool volumes,
	void (*done)(const char *name, const struct error *failure, void *arg), void *arg);
int container_update(struct engine *engine, const char *name, const struct spec_resources *limits,
	int64_t nano_cpus, struct error **err);
int container_rename(struct engine *engine, const char *name, const char *to, struct error **err);
int container_stats(struct engine *engine, const char *id, struct cgroup_stats *ret,
	uint64_t *ret_net_rx, uint64_t *ret_net_tx, struct error **err);
/* After the end of a container: addresses, ports, run directory; with auto_remove all of it.
 * Idempotent. */
int container_reap(struct engine *engine, const char *id, struct error **err);
/* The same for who holds the operation (engine/paths.h). */
int container_reap_held(struct engine *engine, const char *id, struct error **err);
/* The log's path and whether the container is still running, for log_read(); the caller frees
 * *ret_path. */
int container_log(struct engine *engine, const char *name, char ret_id[static ID_MAX],
	char **ret_path, struct error **err);
bool container_is_running(struct engine *engine, const char *id);

/* ---- for the builder: the same path, without a name and a place in ps ---- */
struct step_run {
	const char *snapshot; /* from snapshot_make() */
	char *const *lowers; /* topmost first */
	char *const *args, *const *env;
	const char *user, *workdir;
	const char *network; /* "bridge", "host", "none" */
	char *const *add_host;
	int output_fd; /* both streams go here */
};
/* Runs it to its end. */
int step_run(struct engine *engine, const struct step_run *step, int *ret_code, struct error **err);

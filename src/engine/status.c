/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is doing: its monitor's lock says whether it lives, its state file what it runs,
 * its exit record the rest. */
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/container.h"
#include "engine/launch.h"
#include "engine/paths.h"
#include "monitor/client.h"
#include "monitor/config.h"

const char *container_state_name(enum container_state state)
{
	static const char *const names[] = { [CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_PAUSED] = "paused",
		[CONTAINER_EXITED] = "exited",
		[CONTAINER_DEAD] = "dead" };

	return names[state];
}

int container_resolve(
	struct engine *engine, const char *name, char ret_id[static ID_MAX], struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	struct register_db *db;
	int found;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	found = register_find(db, name, &row, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return error_new(err, ERROR_NOT_FOUND, "No such container: %s", name);
	memcpy(ret_id, row.id, ID_MAX);
	return 0;
}

bool container_resolve_quick(struct engine *engine, const char *name, char ret_id[static ID_MAX])
{
	cleanup_close int run_fd = -1;
	cleanup_error struct error *ignored = NULL;

	if (id_is_valid(name))
		memcpy(ret_id, name, ID_MAX);
	else if (!register_link_read(engine->run_fd, name, ret_id))
		return false;
	run_fd = run_dir_open(engine, ret_id, &ignored);
	return run_fd >= 0 && monitor_is_alive(run_fd, &ignored) > 0;
}

/* From the exit record: how the last run ended, or that there was none. */
static int status_of_ended(
	struct engine *engine, const char *id, struct container_status *ret, struct error **err)
{
	cleanup_close int dir_fd = container_dir_open(engine, id, err);
	struct monitor_record record = { 0 };
	int found;

	if (dir_fd < 0)
		return -1;
	found = monitor_record_read(dir_fd, &record, err);
	if (found < 0)
		return -1;
	*ret = (struct container_status){ .state = found ? CONTAINER_EXITED : CONTAINER_CREATED };
	if (!found)
		return 0;
	ret->exit_code = record.code;
	ret->oom_killed = record.oom_killed;
	ret->started_ns = record.started_ns;
	ret->finished_ns = record.finished_ns;
	memcpy(ret->error, record.error, sizeof(ret->error));
	/* It never ran: docker calls that created, with the error beside it. */
	if (record.started_ns == 0)
		ret->state = CONTAINER_CREATED;
	return 0;
}

int container_status(
	struct engine *engine, const char *id, struct container_status *ret, struct error **err)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing);
	struct monitor_state state;
	int found, alive;

	if (run_fd < 0)
		return status_of_ended(engine, id, ret, err);
	alive = monitor_is_alive(run_fd, err);
	found = alive > 0 ? monitor_state_read(run_fd, &state, err) : 0;
	if (alive < 0 || found < 0)
		return error_wrap(err, "container %.12s", id);
	if (!alive || !found)
		return status_of_ended(engine, id, ret, err);
	*ret = (struct container_status){ .state = faccessat(run_fd, "paused", F_OK, 0) == 0
							   ? CONTAINER_PAUSED
							   : CONTAINER_RUNNING,
		.pid = state.pid,
		.started_ns = state.started_ns };
	return 0;
}

bool container_is_running(struct engine *engine, const char *id)
{
	cleanup_error struct error *ignored = NULL;
	struct container_status status = { 0 };

	return container_status(engine, id, &status, &ignored) == 0 && status.pid != 0;
}

struct each_call {
	struct engine *engine;
	bool all;
	int (*each)(const struct container_row *, const struct container_status *, void *);
	void *arg;
};

/* A run directory without a monitor: the monitor was killed, or is about to reap. Whoever looks,
 * clears. */
static bool needs_reaping(struct engine *engine, const char *id)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing);

	return run_fd >= 0 && monitor_is_alive(run_fd, &missing) == 0;
}

static int collect(const struct container_row *row, void *arg)
{
	strv_append((strv *)arg, row->id);
	return 0;
}

static int reap_the_dead(struct engine *engine, struct register_db *db, struct error **err)
{
	cleanup_strv strv ids = NULL;

	if (register_each(db, collect, &ids, err) < 0)
		return -1;
	for (size_t i = 0; ids && ids[i]; i++) {
		cleanup_error struct error *at_work = NULL;

		if (needs_reaping(engine, ids[i]))
			(void)container_reap(engine, ids[i], &at_work);
	}
	return 0;
}

static int look_at_each(const struct container_row *row, void *arg)
{
	const struct each_call *call = arg;
	cleanup_error struct error *unreadable = NULL;
	struct container_status status = { 0 };

	if (container_status(call->engine, row->id, &status, &unreadable) < 0)
		status = (struct container_status){ .state = CONTAINER_DEAD };
	if (!call->all && status.pid == 0)
		return 0;
	return call->each(row, &status, call->arg);
}

int container_each(struct engine *engine, bool all,
	int (*each)(
		const struct container_row *row, const struct container_status *status, void *arg),
	void *arg, struct error **err)
{
	struct each_call call = { .engine = engine, .all = all, .each = each, .arg = arg };
	struct register_db *db;

	if (engine_register(engine, &db, err) < 0 || reap_the_dead(engine, db, err) < 0)
		return -1;
	return register_each(db, look_at_each, &call, err);
}

int container_log(struct engine *engine, const char *name, char ret_id[static ID_MAX],
	char **ret_path, struct error **err)
{
	cleanup_record struct record record;
	cleanup_free char *file = NULL;
	char id[ID_MAX];

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	if (strcmp(record.log_driver, "none") == 0)
		return error_new(err, ERROR_UNSUPPORTED,
			"configured logging driver does not support reading");
	file = xasprintf("%s-json.log", id);
	*ret_path = container_path(engine, id, file);
	memcpy(ret_id, id, ID_MAX);
	return 0;
}

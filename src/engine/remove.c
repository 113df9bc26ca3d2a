/* SPDX-License-Identifier: Apache-2.0 */
/* The end of containers: reaping what a run leaves, and removing all of it. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/container.h"
#include "engine/launch.h"
#include "engine/names.h"
#include "engine/paths.h"
#include "engine/volume.h"
#include "monitor/client.h"
#include "sys/process.h"

/* Row first: from then on it is garbage that any later command may finish removing. */
static int delete_locked(struct engine *engine, const char *id, bool volumes, struct error **err)
{
	cleanup_error struct error *no_record = NULL;
	cleanup_record struct record record;
	struct register_db *db;
	bool known;

	record_init(&record);
	known = record_load(engine, id, &record, &no_record) == 0;
	if (engine_register(engine, &db, err) < 0 || register_remove(db, id, err) < 0)
		return -1;
	if (known && volumes && volumes_remove_anonymous(engine, &record, err) < 0)
		return -1;
	return tree_remove_at(engine->containers_fd, id, err);
}

static bool is_alive(struct engine *engine, const char *id)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int run_fd = run_dir_open(engine, id, &missing);

	return run_fd >= 0 && monitor_is_alive(run_fd, &missing) != 0;
}

int container_reap_held(struct engine *engine, const char *id, struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	struct register_db *db;
	int found;

	if (engine_register(engine, &db, err) < 0)
		return -1;
	found = register_find(db, id, &row, err);
	if (found < 0)
		return -1;
	if (is_alive(engine, id)) {
		/* A step of a build that was killed: it would write to what nobody will have. */
		if (found || container_end(engine, id, err) < 0)
			return found ? 0 : -1;
	}
	if (launch_clear(engine, id, err) < 0)
		return -1;
	/* Without a row it was never anybody's: a create or a build step that was killed. */
	if (!found || row.auto_remove)
		return delete_locked(engine, id, true, err);
	return 0;
}

int container_reap(struct engine *engine, const char *id, struct error **err)
{
	int operation = operation_begin(engine, id, false, err), result;

	if (operation == -2)
		return 0; /* being started or removed: whoever does that clears first */
	if (operation < 0)
		return -1;
	result = container_reap_held(engine, id, err);
	operation_end(engine, id, &operation);
	return result < 0 ? error_wrap(err, "tidy up container %.12s", id) : 0;
}

static int remove_locked(struct engine *engine, const char *id, bool volumes, struct error **err)
{
	if (launch_clear(engine, id, err) < 0)
		return -1;
	return delete_locked(engine, id, volumes, err);
}

static int refuse_running(const char *id, struct error **err)
{
	error_new(err, ERROR_CONFLICT,
		"You cannot remove a running container %s. Stop the container before attempting "
		"removal or force remove",
		id);
	return error_hint(err, "vessel rm -f %.12s", id);
}

/* One of several that are removed at the same time. */
struct removal {
	char id[ID_MAX];
	int connection; /* as owner: we reap, and the monitor need not start a process for it */
	bool force;
	struct error *failure;
};

/* Signals only; the waiting is done when all have got theirs. */
static int removal_begin(
	struct engine *engine, const char *name, bool force, struct removal *r, struct error **err)
{
	const struct container_attach owner = { .owner = true };
	cleanup_error struct error *ended = NULL, *ended_meanwhile = NULL;

	r->connection = -1;
	r->force = force;
	if (container_resolve(engine, name, r->id, err) < 0)
		return -1;
	if (!is_alive(engine, r->id))
		return 0;
	if (!force)
		return refuse_running(r->id, err);
	(void)container_attach(engine, r->id, &owner, &r->connection, &ended);
	(void)container_signal(engine, r->id, SIGKILL, &ended_meanwhile);
	return 0;
}

static int removal_finish(
	struct engine *engine, struct removal *r, bool volumes, struct error **err)
{
	int operation, result, code;

	if (r->connection >= 0 && is_alive(engine, r->id) &&
		container_await(engine, r->id, r->connection, &code, err) < 0)
		return -1;
	operation = operation_begin(engine, r->id, true, err);
	if (operation < 0)
		return -1;
	/* Started again meanwhile, or a start whose client was killed. */
	if (is_alive(engine, r->id) && (!r->force || container_end(engine, r->id, err) < 0))
		result = r->force ? -1 : refuse_running(r->id, err);
	else
		result = remove_locked(engine, r->id, volumes, err);
	operation_end(engine, r->id, &operation);
	return result;
}

int container_remove(
	struct engine *engine, const char *name, bool force, bool volumes, struct error **err)
{
	struct removal removal;
	int result;

	if (removal_begin(engine, name, force, &removal, err) < 0)
		return -1;
	result = removal_finish(engine, &removal, volumes, err);
	close_fd(removal.connection);
	return result;
}

int containers_remove(struct engine *engine, char *const *names, bool force, bool volumes,
	void (*done)(const char *name, const struct error *failure, void *arg), void *arg)
{
	size_t count = strv_length(names), failures = 0;
	cleanup_free struct removal *removals = xcalloc(count, sizeof(*removals));

	for (size_t i = 0; i < count; i++)
		(void)removal_begin(engine, names[i], force, &removals[i], &removals[i].failure);
	for (size_t i = 0; i < count; i++) {
		struct removal *r = &removals[i];

		if (!r->failure)
			(void)removal_finish(engine, r, volumes, &r->failure);
		failures += r->failure != NULL;
		done(names[i], r->failure, arg);
		error_free(r->failure);
		close_fd(r->connection);
	}
	return failures ? -1 : 0;
}

int container_rename(struct engine *engine, const char *name, const char *to, struct error **err)
{
	cleanup_record struct record record;
	struct register_db *db;
	char id[ID_MAX];

	record_init(&record);
	if (name_check(to, err) < 0 || container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	if (strcmp(record.name, to) == 0)
		return error_new(err, ERROR_INVALID,
			"Renaming a container with the same name as its current name");
	if (engine_register(engine, &db, err) < 0 || register_set_name(db, id, to, err) < 0)
		return -1;
	replace_string(&record.name, xstrdup(to));
	return record_save(engine, &record, err);
}

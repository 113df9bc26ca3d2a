/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "engine/paths.h"
#include "engine/prune.h"
#include "sys/path.h"

#define DEFAULT_ROOT "/var/lib/vessel"
#define DEFAULT_RUN "/run/vessel"

static char *choose(const char *given, const char *variable, const char *fallback)
{
	const char *env = getenv(variable); // NOLINT(concurrency-mt-unsafe): one thread
	const char *chosen = given && *given ? given : env && *env ? env : fallback;
	char cwd[4096];
	cleanup_free char *joined = NULL;

	if (chosen[0] == '/')
		return path_clean(chosen);
	joined = xasprintf("%s/%s", getcwd(cwd, sizeof(cwd)) ? cwd : "/", chosen);
	return path_clean(joined);
}

/* Another root is another vessel: what is global on a host (bridge, table, cgroup) gets a name of
 * its own. */
static void name_instance(struct engine *engine)
{
	uint8_t digest[32];

	if (strcmp(engine->root, DEFAULT_ROOT) == 0)
		return;
	sha256_bytes(engine->root, strlen(engine->root), digest);
	hex_encode(digest, 4, engine->instance);
}

static int open_folders(struct engine *engine, struct error **err)
{
	cleanup_close int operations_fd = -1, containers_fd = -1;

	engine->run_fd = dir_make_at(AT_FDCWD, engine->run_dir, 0711, err);
	if (engine->run_fd < 0)
		return -1;
	operations_fd = dir_make_at(engine->run_fd, "operations", 0700, err);
	containers_fd = dir_make_at(engine->run_fd, "containers", 0700, err);
	if (operations_fd < 0 || containers_fd < 0)
		return -1;
	engine->containers_fd = dir_make_at(engine->store.root_fd, "containers", 0710, err);
	engine->volumes_fd = dir_make_at(engine->store.root_fd, "volumes", 0711, err);
	return engine->containers_fd < 0 || engine->volumes_fd < 0 ? -1 : 0;
}

int engine_open(const struct engine_paths *paths, struct engine *ret, struct error **err)
{
	cleanup_engine struct engine engine = { .run_fd = -1,
		.containers_fd = -1,
		.volumes_fd = -1,
		.store = { .root_fd = -1, .blobs_fd = -1, .layers_fd = -1, .tmp_fd = -1 } };

	engine.root = choose(paths->root, "VESSEL_ROOT", DEFAULT_ROOT);
	engine.run_dir = choose(paths->run_dir, "VESSEL_RUN", DEFAULT_RUN);
	name_instance(&engine);
	if (store_open(engine.root, &engine.store, err) < 0 || open_folders(&engine, err) < 0) {
		if (error_errno(*err) == EACCES || error_errno(*err) == EPERM)
			error_hint(err, "run vessel as root");
		return error_wrap(err, "open the store %s", engine.root);
	}
	*ret = engine;
	engine = (struct engine){ .run_fd = -1,
		.containers_fd = -1,
		.volumes_fd = -1,
		.store = { .root_fd = -1, .blobs_fd = -1, .layers_fd = -1, .tmp_fd = -1 } };
	return 0;
}

void engine_close(struct engine *engine)
{
	if (engine->held_id)
		operation_end(engine, engine->held_id, &engine->held_fd);
	free(engine->held_id);
	if (engine->ahead_id)
		close_fd(engine->ahead_fd);
	free(engine->ahead_id);
	register_close(engine->containers);
	store_close(&engine->store);
	close_fd(engine->run_fd);
	close_fd(engine->containers_fd);
	close_fd(engine->volumes_fd);
	free(engine->root);
	free(engine->run_dir);
	*engine = (struct engine){ .run_fd = -1, .containers_fd = -1, .volumes_fd = -1 };
}

struct refill {
	struct container_row *rows;
	size_t count;
};

/*
 * What is nobody's container: the directory of a killed `create`, or one that --rm should have
 * taken. Another process may be making it at this moment: then it holds the operation, or has
 * entered its row.
 */
static void discard_directory(struct engine *engine, const char *id)
{
	cleanup_error struct error *ignored = NULL, *left = NULL;
	cleanup_container_row struct container_row row = { 0 };
	int operation = operation_begin(engine, id, false, &ignored);

	if (operation < 0)
		return;
	if (register_find(engine->containers, id, &row, &ignored) == 0)
		(void)tree_remove_at(engine->containers_fd, id, &left);
	operation_end(engine, id, &operation);
}

static void refill_one(struct engine *engine, const char *id, struct refill *refill)
{
	cleanup_error struct error *unreadable = NULL;
	cleanup_record struct record record;
	int loaded;

	record_init(&record);
	loaded = record_load(engine, id, &record, &unreadable);
	if (loaded < 0 ? error_kind(unreadable) == ERROR_NOT_FOUND : record.auto_remove) {
		discard_directory(engine, id);
		return;
	}
	if (loaded < 0) {
		/* Damaged: it is listed by its id, so that it can be removed. */
		memcpy(record.id, id, ID_MAX);
		replace_string(&record.name, xstrndup(id, ID_SHORT));
	}
	refill->rows = xrealloc(refill->rows, refill->count + 1, sizeof(*refill->rows));
	record_row(&record, &refill->rows[refill->count++]);
}

/* The run directory is gone after a reboot, and the register with it: containers are found again on
 * disk. */
static int refill(struct engine *engine, struct error **err)
{
	struct refill found = { 0 };
	cleanup_strv strv names = NULL;
	int result;

	if (dir_names(engine->containers_fd, &names, err) < 0)
		return error_wrap(err, "look for containers");
	for (size_t i = 0; names && names[i]; i++)
		if (id_is_valid(names[i]))
			refill_one(engine, names[i], &found);
	/* Also with none: from then on the register is not fresh any more. */
	result = register_fill(engine->containers, found.rows, found.count, err);
	for (size_t i = 0; i < found.count; i++)
		container_row_done(&found.rows[i]);
	free(found.rows);
	return result;
}

int engine_register(struct engine *engine, struct register_db **ret, struct error **err)
{
	bool fresh = false;

	if (!engine->containers) {
		if (register_open(engine->run_fd, &engine->containers, &fresh, err) < 0)
			return error_wrap(err, "open the register in %s", engine->run_dir);
		if (fresh && refill(engine, err) < 0)
			return -1;
		if (operations_recover(engine, err) < 0)
			return error_wrap(err, "tidy up after a process that was killed");
	}
	*ret = engine->containers;
	return 0;
}

int engine_tidy(struct engine *engine, struct error **err)
{
	cleanup_strv strv names = NULL;

	store_keep_room(&engine->store);
	if (dir_names(engine->store.tmp_fd, &names, err) < 0)
		return error_wrap(err, "%s/tmp", engine->root);
	return names ? layers_tidy(engine, err) : 0;
}

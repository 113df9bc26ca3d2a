/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/container.h"
#include "engine/image.h"
#include "engine/paths.h"
#include "engine/prune.h"

/* ---- the catalogue ---- */

static int put_volumes(struct engine *engine, struct error **err)
{
	cleanup_strv strv names = NULL;
	struct catalog *catalog;

	if (store_catalog(&engine->store, &catalog, err) < 0 ||
		dir_names(engine->volumes_fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++)
		if (catalog_put_volume(catalog, names[i], id_is_valid(names[i]), err) < 0)
			return -1;
	return 0;
}

static int move_aside(const struct engine *engine, char **ret_name, struct error **err)
{
	cleanup_free char *name =
		xasprintf("state.db.damaged-%lld", (long long)(clock_now_ns() / 1000000000));

	if (renameat2(engine->store.root_fd, "state.db", engine->store.root_fd, name,
		    RENAME_NOREPLACE) < 0)
		return error_sys(err, "move state.db aside");
	/* Its journal is of no other file. */
	(void)unlinkat(engine->store.root_fd, "state.db-journal", 0);
	*ret_name = take_ptr(name);
	return 0;
}

/* 0: it can be opened (again). */
static int check_catalog(struct engine *engine, const struct store_check *check, struct error **err)
{
	cleanup_error struct error *damage = NULL;
	cleanup_free char *aside = NULL, *text = NULL;
	cleanup_strv strv lines = NULL;
	struct catalog *catalog;

	if (store_catalog(&engine->store, &catalog, &damage) == 0 &&
		catalog_check(catalog, &lines, &damage) == 0)
		return 0;
	/* A newer version's file, a full disk, no permission: not ours to move. */
	if (!check->repair || error_kind(damage) != ERROR_INTERNAL) {
		*err = take_ptr(damage);
		return -1;
	}
	catalog_close(engine->store.catalog);
	engine->store.catalog = NULL;
	if (move_aside(engine, &aside, err) < 0 || store_rebuild(&engine->store, check, err) < 0 ||
		put_volumes(engine, err) < 0)
		return error_wrap(err, "make the catalogue again");
	text = xasprintf("could not be read: moved to %s, and made again", aside);
	check->found(FINDING_REPAIRED, "state.db", text, check->arg);
	return 0;
}

/* ---- images that must be fetched again ---- */

/* Blobs and layers of it that are damaged go, so that a pull brings them. */
static int drop_damaged(struct engine *engine, const struct image_row *row, struct error **err)
{
	cleanup_free struct digest *layers = NULL;
	struct catalog *catalog;
	size_t count = 0;

	if (store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_layers_of(catalog, &row->id, &layers, &count, err) < 0)
		return -1;
	return store_drop_damaged(&engine->store, row, layers, count, err);
}

static int fetch_again(struct engine *engine, const char *id, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 }, pulled = { 0 };
	cleanup_strv strv origins = NULL, references = NULL;
	struct catalog *catalog;

	if (store_find_image(&engine->store, id, &row, err) < 0 ||
		store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_repo_digests_of(catalog, &row.id, &origins, err) < 0 ||
		catalog_references_of(catalog, &row.id, &references, err) < 0)
		return -1;
	if (!origins)
		return error_new(err, ERROR_NOT_FOUND,
			"no registry is known to have it: remove it, and build, load or import it "
			"again");
	if (drop_damaged(engine, &row, err) < 0 ||
		image_pull(engine, origins[0], NULL, &pulled, err) < 0)
		return -1;
	/* The pull was by digest, and is a name of its own: not one that the user gave. */
	if (pulled.reference && !strv_contains(references, pulled.reference) &&
		catalog_delete_reference(catalog, pulled.reference, err) < 0)
		return -1;
	return 0;
}

static int fetch_images(struct engine *engine, const struct store_check *check, char *const *ids,
	struct error **err)
{
	int damaged = 0;

	(void)err;
	for (; ids && *ids; ids++) {
		cleanup_free char *thing = xasprintf("image %s", *ids);
		cleanup_error struct error *failed = NULL;

		if (fetch_again(engine, *ids, &failed) == 0) {
			check->found(FINDING_REPAIRED, thing, "fetched again", check->arg);
			continue;
		}
		damaged++;
		check->found(FINDING_DAMAGE, thing, error_message(failed), check->arg);
	}
	return damaged;
}

/* ---- containers and volumes ---- */

struct records {
	struct engine *engine;
	const struct store_check *check;
	int damaged;
};

static int check_container(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct records *records = arg;
	cleanup_record struct record record;
	cleanup_error struct error *damage = NULL;
	cleanup_strv strv lowers = NULL;
	cleanup_free char *thing = xasprintf("container %.12s", row->id);

	(void)status;
	record_init(&record);
	if (record_load(records->engine, row->id, &record, &damage) == 0 &&
		layer_lowers(&records->engine->store, record.layers, record.layer_count, &lowers,
			&damage) == 0)
		return 0;
	records->damaged++;
	records->check->found(FINDING_DAMAGE, thing, error_message(damage), records->check->arg);
	return 0;
}

static int check_volumes(struct records *records, struct error **err)
{
	struct engine *engine = records->engine;
	cleanup_strv strv names = NULL;
	struct catalog *catalog;

	if (store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_volumes(catalog, false, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_free char *path = xasprintf("%s/_data", names[i]);
		cleanup_free char *thing = xasprintf("volume %s", names[i]);

		if (faccessat(engine->volumes_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		records->damaged++;
		records->check->found(
			FINDING_DAMAGE, thing, "its directory is missing", records->check->arg);
	}
	return 0;
}

/* ---- all ---- */

static int collect_garbage(
	struct engine *engine, const struct store_check *check, struct error **err)
{
	cleanup_free char *text = NULL;
	int count;

	count = store_sweep(&engine->store, err);
	if (count >= 0 && layers_tidy(engine, err) < 0)
		return -1;
	if (count > 0) {
		text = xasprintf(
			"%d file%s that nothing named: removed", count, count == 1 ? "" : "s");
		check->found(FINDING_REPAIRED, "store", text, check->arg);
	}
	return count < 0 ? -1 : 0;
}

static int check_all(struct engine *engine, const struct store_check *check, strv *ret_images,
	struct error **err)
{
	struct records records = { .engine = engine, .check = check };
	int damaged;

	if (check_catalog(engine, check, err) < 0)
		return -1;
	damaged = store_check(&engine->store, check, ret_images, err);
	if (damaged < 0 || container_each(engine, true, check_container, &records, err) < 0 ||
		check_volumes(&records, err) < 0)
		return -1;
	return damaged + records.damaged;
}

static void count_finding(enum finding_state state, const char *thing, const char *text, void *arg)
{
	(void)state;
	(void)thing;
	(void)text;
	++*(int *)arg;
}

/* Reading all of it takes its time, and containers are started meanwhile: only when there is
 * something to repair the store must be ours alone. */
static int is_all_well(struct engine *engine, const struct store_check *check)
{
	cleanup_error struct error *damage = NULL;
	cleanup_strv strv images = NULL;
	int findings = 0, damaged;
	const struct store_check look = {
		.quick = check->quick, .found = count_finding, .arg = &findings
	};

	damaged = check_all(engine, &look, &images, &damage);
	return damaged == 0 && findings == 0;
}

int engine_check(struct engine *engine, const struct store_check *check, struct error **err)
{
	cleanup_strv strv images = NULL;
	int alone, damaged;

	if (!check->repair)
		return check_all(engine, check, &images, err);
	if (is_all_well(engine, check))
		return 0;
	alone = store_use_alone(&engine->store, err);
	if (alone == 0) {
		error_new(err, ERROR_CONFLICT,
			"a pull or a build is under way: nothing can be repaired now");
		return error_hint(err, "try again when it has ended");
	}
	damaged = alone < 0 ? -1 : check_all(engine, check, &images, err);
	store_unuse(&engine->store);
	if (damaged < 0)
		return -1;
	if (images)
		damaged = fetch_images(engine, check, images, err);
	if (damaged < 0 || collect_garbage(engine, check, err) < 0)
		return -1;
	return damaged;
}

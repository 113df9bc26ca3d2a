/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/prune.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/container.h"
#include "engine/image.h"
#include "engine/paths.h"
#include "store/partial.h"

static bool is_wanted(const struct prune *prune, char *const *labels, int64_t created_ns)
{
	return !prune->wanted || prune->wanted(labels, created_ns, prune->arg);
}

void prune_report_done(struct prune_report *report)
{
	strv_free(report->removed);
	*report = (struct prune_report){ 0 };
}

static void take_report(struct prune_report *from, struct prune_report *ret)
{
	*ret = *from;
	*from = (struct prune_report){ 0 };
}

/* ---- containers ---- */

struct idle {
	const struct prune *prune;
	strv ids;
};

static int add_idle(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	cleanup_strv strv labels = strv_split(row->labels ? row->labels : "", '\n');
	struct idle *idle = arg;

	if (status->state != CONTAINER_RUNNING && status->state != CONTAINER_PAUSED &&
		is_wanted(idle->prune, labels, row->created_ns))
		strv_append(&idle->ids, row->id);
	return 0;
}

int containers_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err)
{
	struct idle idle = { .prune = prune };
	struct prune_report report = { 0 };
	int result = container_each(engine, true, add_idle, &idle, err);

	for (size_t i = 0; result == 0 && idle.ids && idle.ids[i]; i++) {
		cleanup_error struct error *started_meanwhile = NULL;
		cleanup_free char *upper = xasprintf("%s/fs", idle.ids[i]);
		int64_t size = tree_size_at(engine->containers_fd, upper);

		if (container_remove(engine, idle.ids[i], false, false, &started_meanwhile) < 0)
			continue;
		strv_append(&report.removed, idle.ids[i]);
		report.reclaimed += size;
	}
	strv_free(idle.ids);
	if (result < 0)
		return -1;
	*ret = report;
	return 0;
}

/* ---- layers ---- */

struct size_sum {
	struct engine *engine;
	int64_t size;
};

static int add_size(const struct layer_use *use, void *arg)
{
	struct size_sum *sum = arg;

	sum->size += store_layer_size(&sum->engine->store, &use->layer);
	return 0;
}

int layers_size(struct engine *engine, int64_t *ret, struct error **err)
{
	struct size_sum sum = { .engine = engine };
	struct catalog *catalog;

	if (store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_each_layer(catalog, add_size, &sum, err) < 0)
		return -1;
	*ret = sum.size;
	return 0;
}

struct digests {
	struct digest *items;
	size_t count;
};

static void digests_add(struct digests *digests, const struct digest *digest)
{
	digests->items = xrealloc(digests->items, digests->count + 1, sizeof(*digests->items));
	digests->items[digests->count++] = *digest;
}

static int add_unnamed(const struct layer_use *use, void *arg)
{
	if (use->images == 0 && !use->cached)
		digests_add(arg, &use->layer.diff_id);
	return 0;
}

struct kept {
	struct engine *engine;
	struct digests *unnamed;
	struct error **err;
};

/* A container whose image went in a race still needs its layers. */
static int keep_layers_of(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct kept *kept = arg;
	cleanup_record struct record record;
	struct digests *unnamed = kept->unnamed;

	(void)status;
	record_init(&record);
	if (record_load(kept->engine, row->id, &record, kept->err) < 0)
		return -1; /* unreadable: it may name any of them */
	for (size_t i = 0; i < record.layer_count; i++)
		for (size_t k = unnamed->count; k-- > 0;)
			if (memcmp(&unnamed->items[k], &record.layers[i], DIGEST_SIZE) == 0)
				unnamed->items[k] = unnamed->items[--unnamed->count];
	return 0;
}

/* For who has the store alone. */
static int remove_unnamed(struct engine *engine, struct error **err)
{
	struct digests unnamed = { 0 };
	struct kept kept = { engine, &unnamed, err };
	struct catalog *catalog;
	int result = -1;

	if (store_catalog(&engine->store, &catalog, err) == 0)
		result = catalog_each_layer(catalog, add_unnamed, &unnamed, err);
	if (result == 0 && unnamed.count > 0)
		result = container_each(engine, true, keep_layers_of, &kept, err);
	if (result == 0)
		result = store_remove_layers(&engine->store, unnamed.items, unnamed.count, err);
	free(unnamed.items);
	return result;
}

int layers_tidy(struct engine *engine, struct error **err)
{
	int alone;

	if (store_sweep(&engine->store, err) < 0)
		return -1;
	if (engine->store.in_use)
		return 0;
	alone = store_use_alone(&engine->store, err);
	if (alone == 1)
		alone = remove_unnamed(engine, err);
	store_unuse(&engine->store);
	return alone < 0 ? -1 : 0;
}

/* ---- images ---- */

struct candidates {
	struct engine *engine;
	const struct prune *prune;
	strv ids;
	struct error **err;
};

/* Rows come once for each name of an image. */
static int add_candidate(const struct image_row *row, void *arg)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_error struct error *damaged = NULL;
	struct candidates *candidates = arg;
	char id[DIGEST_TEXT_MAX], user[ID_MAX];
	struct register_db *db;
	int users;

	digest_text(&row->id, id);
	if ((row->reference && !candidates->prune->all) || strv_contains(candidates->ids, id))
		return 0;
	if (engine_register(candidates->engine, &db, candidates->err) < 0)
		return -1;
	users = register_image_users(db, id, user, candidates->err);
	if (users != 0)
		return users < 0 ? -1 : 0;
	/* A damaged one has no labels that could keep it. */
	(void)store_read_config(&candidates->engine->store, &row->id, &config, &damaged);
	if (is_wanted(candidates->prune, config.config.labels, row->created_ns))
		strv_append(&candidates->ids, id);
	return 0;
}

/* "untagged: x", "deleted: sha256:…": prune says it in small letters. */
static void take_lines(strv *report, strv lines)
{
	for (size_t i = 0; lines && lines[i]; i++) {
		lines[i][0] = (char)(lines[i][0] | 0x20);
		strv_append(report, lines[i]);
	}
}

struct partials {
	struct engine *engine;
	const struct prune *prune;
	int64_t reclaimed;
};

static int remove_partial(const struct partial_entry *entry, void *arg, struct error **err)
{
	struct partials *partials = arg;
	int removed;

	if (!is_wanted(partials->prune, NULL, (int64_t)entry->modified * INT64_C(1000000000)))
		return 0;
	removed = partial_remove(&partials->engine->store, &entry->digest, err);
	if (removed > 0)
		partials->reclaimed += entry->length;
	return removed < 0 ? -1 : 0;
}

int images_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err)
{
	struct candidates candidates = { .engine = engine, .prune = prune, .err = err };
	cleanup_prune_report struct prune_report report = { 0 };
	struct partials partials = { .engine = engine, .prune = prune };
	struct catalog *catalog;
	int64_t before = 0, after = 0;
	int result = -1;

	store_make_room(&engine->store);
	if (store_catalog(&engine->store, &catalog, err) == 0 &&
		layers_size(engine, &before, err) == 0)
		result = catalog_each_image(catalog, add_candidate, &candidates, err);
	for (size_t i = 0; result == 0 && candidates.ids && candidates.ids[i]; i++) {
		cleanup_error struct error *used_meanwhile = NULL;
		cleanup_strv strv lines = NULL;

		(void)image_remove(engine, candidates.ids[i], prune->all, &lines, &used_meanwhile);
		take_lines(&report.removed, lines);
	}
	strv_free(candidates.ids);
	/* What was downloaded of an image that nobody has. */
	if (result == 0 && prune->all)
		result = partial_each(&engine->store, remove_partial, &partials, err);
	if (result < 0 || layers_tidy(engine, err) < 0 || layers_size(engine, &after, err) < 0)
		return -1;
	report.reclaimed = partials.reclaimed + (before > after ? before - after : 0);
	take_report(&report, ret);
	return 0;
}

/* ---- volumes ---- */

struct mounted {
	struct engine *engine;
	strv names;
	struct error **err;
};

static int add_mounted(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct mounted *mounted = arg;
	cleanup_record struct record record;

	(void)status;
	record_init(&record);
	if (record_load(mounted->engine, row->id, &record, mounted->err) < 0)
		return -1;
	for (size_t i = 0; i < record.mount_count; i++)
		if (record.mounts[i].name)
			strv_append(&mounted->names, record.mounts[i].name);
	return 0;
}

static int remove_volume(struct engine *engine, const char *name, int64_t *size, struct error **err)
{
	struct catalog *catalog;

	*size = tree_size_at(engine->volumes_fd, name);
	if (store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_delete_volume(catalog, name, err) < 0)
		return -1;
	return tree_remove_at(engine->volumes_fd, name, err);
}

int volumes_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err)
{
	struct mounted mounted = { .engine = engine, .err = err };
	cleanup_prune_report struct prune_report report = { 0 };
	cleanup_strv strv names = NULL;
	struct catalog *catalog;
	int result = -1;

	store_make_room(&engine->store);
	if (store_catalog(&engine->store, &catalog, err) == 0 &&
		catalog_volumes(catalog, !prune->all, &names, err) == 0)
		result = container_each(engine, true, add_mounted, &mounted, err);
	for (size_t i = 0; result == 0 && names && names[i]; i++) {
		cleanup_error struct error *busy = NULL;
		int64_t size;

		if (strv_contains(mounted.names, names[i]) || !is_wanted(prune, NULL, 0) ||
			remove_volume(engine, names[i], &size, &busy) < 0)
			continue;
		strv_append(&report.removed, names[i]);
		report.reclaimed += size;
	}
	strv_free(mounted.names);
	if (result < 0)
		return -1;
	take_report(&report, ret);
	return 0;
}

/* ---- cached steps ---- */

struct forgetting {
	struct catalog *catalog;
	const struct prune *prune;
	strv *removed;
	struct error **err;
};

static int forget(const char *key, const struct cache_row *row, void *arg)
{
	struct forgetting *forgetting = arg;

	if (!is_wanted(forgetting->prune, NULL, row->created_ns))
		return 0;
	if (catalog_forget_cache(forgetting->catalog, key, forgetting->err) < 0)
		return -1;
	strv_append(forgetting->removed, key);
	return 0;
}

static int prune_cache_alone(struct engine *engine, const struct prune *prune,
	struct prune_report *report, struct error **err)
{
	struct forgetting forgetting = { .prune = prune, .removed = &report->removed, .err = err };
	int64_t before = 0, after = 0;

	if (store_catalog(&engine->store, &forgetting.catalog, err) < 0 ||
		layers_size(engine, &before, err) < 0 ||
		catalog_each_cache(forgetting.catalog, forget, &forgetting, err) < 0 ||
		remove_unnamed(engine, err) < 0 || layers_size(engine, &after, err) < 0)
		return -1;
	report->reclaimed = before > after ? before - after : 0;
	return 0;
}

int cache_prune(struct engine *engine, const struct prune *prune, struct prune_report *ret,
	struct error **err)
{
	cleanup_prune_report struct prune_report report = { 0 };
	int result = store_use_alone(&engine->store, err);

	store_make_room(&engine->store);
	if (result == 0) {
		error_new(err, ERROR_CONFLICT, "a build or a pull is under way, and may need them");
		return error_hint(err, "try again when it has ended");
	}
	if (result == 1)
		result = prune_cache_alone(engine, prune, &report, err);
	store_unuse(&engine->store);
	if (result < 0)
		return -1;
	take_report(&report, ret);
	return 0;
}

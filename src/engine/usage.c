/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/container.h"
#include "engine/paths.h"
#include "oci/reference.h"

struct sized_layer {
	struct digest diff_id;
	int64_t size, images;
	bool cached;
};

struct usage {
	struct engine *engine;
	struct catalog *catalog;
	struct register_db *db;
	struct sized_layer *layers;
	size_t layer_count;
	struct json_object *images, *containers, *volumes, *cache;
	strv mounted; /* volumes' names, once for each container that has them */
	struct error **err;
};

/* ---- layers ---- */

static int add_layer(const struct layer_use *use, void *arg)
{
	struct usage *usage = arg;

	usage->layers = xrealloc(usage->layers, usage->layer_count + 1, sizeof(*usage->layers));
	usage->layers[usage->layer_count++] = (struct sized_layer){ use->layer.diff_id,
		store_layer_size(&usage->engine->store, &use->layer), use->images, use->cached };
	return 0;
}

static int compare_layers(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static const struct sized_layer *find_layer(const struct usage *usage, const struct digest *diff_id)
{
	return usage->layer_count == 0 ? NULL
				       : bsearch(diff_id, usage->layers, usage->layer_count,
						 sizeof(*usage->layers), compare_layers);
}

static int64_t layers_sum(const struct usage *usage)
{
	int64_t sum = 0;

	for (size_t i = 0; i < usage->layer_count; i++)
		if (usage->layers[i].images > 0)
			sum += usage->layers[i].size;
	return sum;
}

/* ---- images ---- */

static int put_image_sizes(
	const struct usage *usage, const struct image_row *row, struct json_object *object)
{
	cleanup_free struct digest *diff_ids = NULL;
	int64_t size = 0, shared = 0;
	size_t count = 0;

	if (catalog_layers_of(usage->catalog, &row->id, &diff_ids, &count, usage->err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct sized_layer *layer = find_layer(usage, &diff_ids[i]);

		size += layer ? layer->size : 0;
		shared += layer && layer->images > 1 ? layer->size : 0;
	}
	json_put_int(object, "Size", size);
	json_put_int(object, "SharedSize", shared);
	return 0;
}

static struct json_object *find_image(const struct usage *usage, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(usage->images); i++) {
		struct json_object *object = json_object_array_get_idx(usage->images, i);

		if (strcmp(json_object_get_string(json_object_object_get(object, "Id")), id) == 0)
			return object;
	}
	return NULL;
}

static int make_image(
	struct usage *usage, const struct image_row *row, const char *id, struct json_object **ret)
{
	cleanup_json struct json_object *object = json_object_new_object();
	cleanup_strv strv digests = NULL;
	char user[ID_MAX];
	int users = register_image_users(usage->db, id, user, usage->err);

	json_put_text(object, "Id", id);
	json_put_text(object, "ParentId", "");
	json_put(object, "RepoTags", json_object_new_array());
	if (users < 0 ||
		catalog_repo_digests_of(usage->catalog, &row->id, &digests, usage->err) < 0)
		return -1;
	json_put(object, "RepoDigests", json_from_strv(digests));
	json_put_int(object, "Created", row->created_ns / 1000000000);
	json_put_int(object, "Containers", users);
	if (put_image_sizes(usage, row, object) < 0)
		return -1;
	*ret = object;
	json_object_array_add(usage->images, take_ptr(object));
	return 0;
}

/* Rows come once for each name. */
static int add_image(const struct image_row *row, void *arg)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_error struct error *unreadable = NULL;
	struct usage *usage = arg;
	char id[DIGEST_TEXT_MAX];
	struct json_object *object = find_image(usage, digest_text(&row->id, id));
	cleanup_free char *familiar = NULL;

	if (!object && make_image(usage, row, id, &object) < 0)
		return -1;
	if (!row->reference || reference_parse(row->reference, &ref, &unreadable) < 0)
		return 0;
	familiar = reference_familiar(&ref);
	json_object_array_add(
		json_object_object_get(object, "RepoTags"), json_object_new_string(familiar));
	return 0;
}

/* ---- containers ---- */

static void add_mounts(struct usage *usage, const struct record *record, struct json_object *object)
{
	struct json_object *mounts = json_object_new_array();

	for (size_t i = 0; i < record->mount_count; i++) {
		const struct record_mount *mount = &record->mounts[i];
		struct json_object *entry = json_object_new_object();

		json_put_text(entry, "Type", mount->type);
		json_put_text(entry, "Name", mount->name);
		json_put_text(entry, "Source", mount->source);
		json_put_text(entry, "Destination", mount->destination);
		json_object_array_add(mounts, entry);
		if (mount->name)
			strv_append(&usage->mounted, mount->name);
	}
	json_put(object, "Mounts", mounts);
}

static int add_container(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	cleanup_error struct error *damaged = NULL;
	cleanup_record struct record record;
	struct usage *usage = arg;
	struct json_object *object = json_object_new_object();
	cleanup_free char *upper = xasprintf("%s/fs", row->id);
	cleanup_free char *name = xasprintf("/%s", row->name);

	record_init(&record);
	json_put_text(object, "Id", row->id);
	json_put_strv(object, "Names", (char *[]){ name, NULL });
	json_put_text(object, "Image", row->image);
	json_put_text(object, "ImageID", row->image_id);
	json_put_text(object, "Command", row->command);
	json_put_int(object, "Created", row->created_ns / 1000000000);
	json_put_int(object, "SizeRw", tree_size_at(usage->engine->containers_fd, upper));
	json_put_text(object, "State", container_state_name(status->state));
	json_put_int(object, "ExitCode", status->exit_code);
	json_put_int(object, "StartedNs", status->started_ns);
	json_put_int(object, "FinishedNs", status->finished_ns);
	if (record_load(usage->engine, row->id, &record, &damaged) == 0)
		add_mounts(usage, &record, object);
	json_object_array_add(usage->containers, object);
	return 0;
}

/* ---- volumes and cached steps ---- */

static void add_volume(struct usage *usage, const char *name)
{
	struct json_object *object = json_object_new_object(), *data = json_object_new_object();
	cleanup_free char *path = xasprintf("%s/volumes/%s/_data", usage->engine->root, name);
	int64_t count = 0;

	for (size_t i = 0; usage->mounted && usage->mounted[i]; i++)
		count += strcmp(usage->mounted[i], name) == 0;
	json_put_text(object, "Name", name);
	json_put_text(object, "Driver", "local");
	json_put_text(object, "Mountpoint", path);
	json_put_text(object, "Scope", "local");
	json_put_int(data, "RefCount", count);
	json_put_int(data, "Size", tree_size_at(usage->engine->volumes_fd, name));
	json_put(object, "UsageData", data);
	json_object_array_add(usage->volumes, object);
}

static int add_volumes(struct usage *usage, struct error **err)
{
	cleanup_strv strv names = NULL;

	if (catalog_volumes(usage->catalog, false, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++)
		add_volume(usage, names[i]);
	return 0;
}

/* A step whose layer an image has takes nothing of its own. */
static int add_step(const char *key, const struct cache_row *row, void *arg)
{
	struct usage *usage = arg;
	struct json_object *object = json_object_new_object();
	const struct sized_layer *layer = row->has_layer ? find_layer(usage, &row->layer) : NULL;
	char created[CLOCK_TEXT_MAX];

	clock_text(row->created_ns, created);
	json_put_text(object, "ID", key);
	json_put_text(object, "Type", "regular");
	json_put_bool(object, "InUse", false);
	json_put_bool(object, "Shared", layer && layer->images > 0);
	json_put_int(object, "Size", layer ? layer->size : 0);
	json_put_text(object, "CreatedAt", created);
	json_object_array_add(usage->cache, object);
	return 0;
}

static int collect(struct usage *usage, struct error **err)
{
	if (store_catalog(&usage->engine->store, &usage->catalog, err) < 0 ||
		engine_register(usage->engine, &usage->db, err) < 0 ||
		catalog_each_layer(usage->catalog, add_layer, usage, err) < 0)
		return -1;
	if (usage->layer_count > 1)
		qsort(usage->layers, usage->layer_count, sizeof(*usage->layers), compare_layers);
	if (catalog_each_image(usage->catalog, add_image, usage, err) < 0 ||
		container_each(usage->engine, true, add_container, usage, err) < 0 ||
		add_volumes(usage, err) < 0 ||
		catalog_each_cache(usage->catalog, add_step, usage, err) < 0)
		return -1;
	return 0;
}

int engine_usage(struct engine *engine, struct json_object **ret, struct error **err)
{
	cleanup_json struct json_object *object = json_object_new_object();
	struct usage usage = { .engine = engine,
		.images = json_object_new_array(),
		.containers = json_object_new_array(),
		.volumes = json_object_new_array(),
		.cache = json_object_new_array(),
		.err = err };
	int result = collect(&usage, err);

	json_put_int(object, "LayersSize", layers_sum(&usage));
	json_put(object, "Images", usage.images);
	json_put(object, "Containers", usage.containers);
	json_put(object, "Volumes", usage.volumes);
	json_put(object, "BuildCache", usage.cache);
	free(usage.layers);
	strv_free(usage.mounted);
	if (result < 0)
		return -1;
	*ret = take_ptr(object);
	return 0;
}

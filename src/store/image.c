/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "oci/reference.h"
#include "store/blob.h"

#define CONFIG_MAX (4UL << 20) /* bytes of a configuration or a manifest */

/* As a registry had it, when its blob is still here; else the plain tar. */
static int describe_layer(struct store *store, const struct layer_row *layer,
	struct descriptor *ret, struct error **err)
{
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	struct catalog *catalog;

	*ret = (struct descriptor){
		.media_type = xstrdup(OCI_LAYER), .digest = layer->diff_id, .size = layer->tar_size
	};
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_compressed_of(catalog, &layer->diff_id, &forms, err) < 0)
		return -1;
	for (size_t i = 0; i < forms.count; i++) {
		if (blob_size(store, &forms.items[i].digest) != forms.items[i].size)
			continue;
		replace_string(
			&ret->media_type, xstrdup(layer_type_oci(forms.items[i].media_type)));
		ret->digest = forms.items[i].digest;
		ret->size = forms.items[i].size;
		break;
	}
	return 0;
}

/* The rows of a configuration's layers, all of which must be here. descriptors may be NULL. */
static int find_layers(struct store *store, const struct image_config *config,
	struct descriptor *descriptors, int64_t *ret_size, struct error **err)
{
	struct catalog *catalog;
	int64_t total = 0;

	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	for (size_t i = 0; i < config->layer_count; i++) {
		struct layer_row row;
		char text[DIGEST_TEXT_MAX];
		int found = catalog_find_layer(catalog, &config->diff_ids[i], &row, err);

		if (found < 0)
			return -1;
		if (found == 0 || !layer_exists(store, &config->diff_ids[i]))
			return error_new(err, ERROR_NOT_FOUND, "layer %s is not in the store",
				digest_text(&config->diff_ids[i], text));
		total += row.size;
		if (descriptors && describe_layer(store, &row, &descriptors[i], err) < 0)
			return -1;
	}
	*ret_size = total;
	return 0;
}

static int put_config(struct store *store, const struct image_config *config,
	struct descriptor *ret, struct error **err)
{
	cleanup_free char *text = image_config_text(config);

	ret->media_type = xstrdup(OCI_CONFIG);
	ret->size = (int64_t)strlen(text);
	return blob_put(store, text, strlen(text), &ret->digest, err);
}

static int put_manifest(struct store *store, const struct image_config *config,
	struct image_row *row, struct error **err)
{
	cleanup_manifest struct manifest manifest = { .media_type = xstrdup(OCI_MANIFEST),
		.entries = xcalloc(config->layer_count + 1, sizeof(*manifest.entries)),
		.entry_count = config->layer_count };
	cleanup_free char *text = NULL;

	if (find_layers(store, config, manifest.entries, &row->size, err) < 0 ||
		put_config(store, config, &manifest.config, err) < 0)
		return -1;
	row->id = manifest.config.digest;
	text = manifest_text(&manifest);
	return blob_put(store, text, strlen(text), &row->manifest, err);
}

/* As the catalogue has it: with registry and tag. */
static int normalise(const char *text, char **ret, struct error **err)
{
	cleanup_reference struct reference reference = { 0 };

	if (reference_parse(text, &reference, err) < 0)
		return -1;
	*ret = reference_text(&reference);
	return 0;
}

int store_put_image(struct store *store, const struct image_config *config, const char *reference,
	struct image_row *ret, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	struct catalog *catalog;

	if (reference && normalise(reference, &row.reference, err) < 0)
		return -1;
	if (config->created && clock_parse(config->created, &row.created_ns, err) < 0)
		return -1;
	if (store_catalog(store, &catalog, err) < 0 || put_manifest(store, config, &row, err) < 0 ||
		catalog_put_image(catalog, &row, config->diff_ids, config->layer_count, err) < 0)
		return -1;
	store_unuse(store);
	if (store_write_index(store, err) < 0)
		return -1;
	*ret = row;
	row.reference = NULL;
	return 0;
}

/* ---- as received ---- */

static int read_manifest(
	struct store *store, const struct digest *digest, struct manifest *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t length;

	if (blob_read(store, digest, CONFIG_MAX, &text, &length, err) < 0)
		return -1;
	return manifest_parse(text, length, ret, err);
}

static int check_layers(
	const struct manifest *manifest, const struct image_config *config, struct error **err)
{
	if (manifest->is_index)
		return error_new(err, ERROR_INVALID, "it is an index, and not an image's manifest");
	if (config->layer_count != manifest->entry_count)
		return error_new(err, ERROR_INVALID,
			"its configuration names %zu layers, and its manifest %zu",
			config->layer_count, manifest->entry_count);
	return 0;
}

static int remember_blobs(struct store *store, const struct manifest *manifest,
	const struct image_config *config, struct error **err)
{
	struct catalog *catalog;

	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->entry_count; i++) {
		const struct descriptor *entry = &manifest->entries[i];
		const struct compressed_row row = { .diff_id = config->diff_ids[i],
			.digest = entry->digest,
			.size = entry->size,
			.media_type = entry->media_type };

		if (memcmp(&entry->digest, &config->diff_ids[i], sizeof(entry->digest)) == 0 ||
			blob_size(store, &entry->digest) != entry->size)
			continue;
		if (catalog_put_compressed(catalog, &row, err) < 0)
			return -1;
	}
	return 0;
}

static int64_t created_ns(const struct image_config *config)
{
	cleanup_error struct error *unreadable = NULL; /* no reason to refuse what others made */
	int64_t created = 0;

	if (!config->created || clock_parse(config->created, &created, &unreadable) < 0)
		return 0;
	return created;
}

int store_adopt_image(struct store *store, const struct digest *manifest_digest,
	const char *reference, struct image_row *ret, struct error **err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_image_config struct image_config config = { 0 };
	cleanup_image_row struct image_row row = { .manifest = *manifest_digest };
	struct catalog *catalog;

	if ((reference && normalise(reference, &row.reference, err) < 0) ||
		read_manifest(store, manifest_digest, &manifest, err) < 0 ||
		store_read_config(store, &manifest.config.digest, &config, err) < 0 ||
		check_layers(&manifest, &config, err) < 0 ||
		find_layers(store, &config, NULL, &row.size, err) < 0 ||
		store_catalog(store, &catalog, err) < 0)
		return -1;
	row.id = manifest.config.digest;
	row.created_ns = created_ns(&config);
	if (catalog_put_image(catalog, &row, config.diff_ids, config.layer_count, err) < 0 ||
		remember_blobs(store, &manifest, &config, err) < 0)
		return -1;
	store_unuse(store);
	if (store_write_index(store, err) < 0)
		return -1;
	*ret = row;
	row.reference = NULL;
	return 0;
}

/* ---- look-ups ---- */

/* "sha256:abc…" or "abc…", as much as identifies it. */
static int lookup_prefix(
	struct store *store, const char *name, struct image_row *ret, struct error **err)
{
	struct catalog *catalog;

	if (!id_is_prefix(name))
		return 0;
	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	return catalog_find_image(catalog, name, ret, err);
}

/* "name@sha256:…": as a registry knows it, or as it was pulled. */
static int lookup_name(
	struct store *store, const char *name, struct image_row *ret, struct error **err)
{
	cleanup_error struct error *no_reference = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *text = NULL, *repository = NULL;
	struct catalog *catalog;
	struct digest digest;
	int found;

	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	if (reference_parse(name, &ref, &no_reference) < 0)
		return 0;
	text = reference_text(&ref);
	found = catalog_find_reference(catalog, text, ret, err);
	if (found != 0 || !ref.digest || digest_parse(ref.digest, &digest, &no_reference) < 0)
		return found;
	repository = reference_repository(&ref);
	return catalog_find_repo_digest(catalog, repository, &digest, ret, err);
}

int store_lookup_image(
	struct store *store, const char *name, struct image_row *ret, struct error **err)
{
	static const char algorithm[] = "sha256:";
	int found = 0;

	if (strncmp(name, algorithm, strlen(algorithm)) == 0)
		return lookup_prefix(store, name + strlen(algorithm), ret, err);
	/* 64 digits are an id and can be no reference; fewer may be a repository's name first. */
	if (!id_is_valid(name))
		found = lookup_name(store, name, ret, err);
	return found == 0 ? lookup_prefix(store, name, ret, err) : found;
}

int store_find_image(
	struct store *store, const char *name, struct image_row *ret, struct error **err)
{
	int found = store_lookup_image(store, name, ret, err);

	if (found < 0)
		return -1;
	return found == 1 ? 0 : error_new(err, ERROR_NOT_FOUND, "No such image: %s", name);
}

int store_read_config(
	struct store *store, const struct digest *id, struct image_config *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t length;

	if (blob_read(store, id, CONFIG_MAX, &text, &length, err) < 0)
		return -1;
	return image_config_parse(text, length, ret, err);
}

int manifest_blobs(
	struct store *store, const struct digest *id, struct digest_set *set, struct error **err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_free char *text = NULL;
	size_t length;

	if (blob_read(store, id, CONFIG_MAX, &text, &length, err) < 0 ||
		manifest_parse(text, length, &manifest, err) < 0)
		return -1;
	if (!manifest.is_index)
		digest_set_add(set, &manifest.config.digest);
	for (size_t i = 0; i < manifest.entry_count; i++)
		digest_set_add(set, &manifest.entries[i].digest);
	return 0;
}

/* Rows are copied first: nothing else is asked of the catalogue within its own question. */
struct rows {
	struct image_row *items;
	size_t count;
};

static int add_row(const struct image_row *row, void *arg)
{
	struct rows *rows = arg;

	if ((rows->count & (rows->count - 1)) == 0)
		rows->items = xrealloc(
			rows->items, rows->count ? 2 * rows->count : 1, sizeof(*rows->items));
	rows->items[rows->count] = *row;
	rows->items[rows->count++].reference = xstrdup_null(row->reference);
	return 0;
}

static void rows_done(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->items[i].reference);
	free(rows->items);
}

static void rows_done_p_(struct rows *rows)
{
	rows_done(rows);
}

int image_blobs(struct store *store, struct digest_set *ret, struct error **err)
{
	CLEANUP(rows_done) struct rows rows = { 0 };
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	struct catalog *catalog;

	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_each_image(catalog, add_row, &rows, err) < 0 ||
		catalog_compressed_all(catalog, &forms, err) < 0)
		return -1;
	for (size_t i = 0; i < forms.count; i++)
		digest_set_add(ret, &forms.items[i].digest);
	for (size_t i = 0; i < rows.count; i++) {
		cleanup_error struct error *damaged = NULL;

		digest_set_add(ret, &rows.items[i].id);
		digest_set_add(ret, &rows.items[i].manifest);
		/* One damaged image must not stop others from being removed. */
		(void)manifest_blobs(store, &rows.items[i].manifest, ret, &damaged);
	}
	digest_set_sort(ret);
	return 0;
}

/* A pulled image keeps the manifest that its registry has, which may be one of Docker's. */
static const char *manifest_type(struct store *store, const struct digest *digest)
{
	cleanup_error struct error *unreadable = NULL;
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_free char *text = NULL;
	size_t length;

	if (blob_read(store, digest, CONFIG_MAX, &text, &length, &unreadable) < 0 ||
		manifest_parse(text, length, &manifest, &unreadable) < 0)
		return OCI_MANIFEST;
	return strcmp(manifest.media_type, DOCKER_MANIFEST) == 0 ? DOCKER_MANIFEST : OCI_MANIFEST;
}

static struct json_object *index_entry(struct store *store, const struct image_row *row)
{
	struct json_object *entry = json_object_new_object();
	char text[DIGEST_TEXT_MAX];

	json_put_text(entry, "mediaType", manifest_type(store, &row->manifest));
	json_put_text(entry, "digest", digest_text(&row->manifest, text));
	json_put_int(entry, "size", blob_size(store, &row->manifest));
	if (row->reference) {
		struct json_object *annotations = json_object_new_object();

		json_put_text(annotations, "org.opencontainers.image.ref.name", row->reference);
		json_put(entry, "annotations", annotations);
	}
	return entry;
}

int store_write_index(struct store *store, struct error **err)
{
	CLEANUP(rows_done) struct rows rows = { 0 };
	cleanup_json struct json_object *index = json_object_new_object();
	struct json_object *manifests = json_object_new_array();
	cleanup_free char *text = NULL;
	struct catalog *catalog;

	json_put_int(index, "schemaVersion", 2);
	json_put(index, "manifests", manifests);
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_each_image(catalog, add_row, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++)
		if (blob_exists(store, &rows.items[i].manifest))
			json_object_array_add(manifests, index_entry(store, &rows.items[i]));
	text = json_compact(index);
	/* Made again from the catalogue whenever that changes: not worth a sync. */
	return file_replace_at(store->root_fd, "index.json", text, strlen(text), 0644, false, err);
}

/* The files of what the catalogue has just forgotten. */
static int remove_files(struct store *store, const struct digest_set *blobs,
	const struct digest_set *layers, struct error **err)
{
	CLEANUP(digest_set_done) struct digest_set named = { 0 };
	struct catalog *catalog;

	if (store_catalog(store, &catalog, err) < 0 || image_blobs(store, &named, err) < 0)
		return -1;
	for (size_t i = 0; i < layers->count; i++) {
		struct layer_row row;
		int found = catalog_find_layer(catalog, &layers->items[i], &row, err);

		if (found < 0 || (found == 0 && layer_remove(store, &layers->items[i], err) < 0))
			return -1;
	}
	for (size_t i = 0; i < blobs->count; i++) {
		struct layer_row row;
		int found = digest_set_has(&named, &blobs->items[i])
				    ? 1
				    : catalog_find_layer(catalog, &blobs->items[i], &row, err);

		if (found < 0 || (found == 0 && blob_remove(store, &blobs->items[i], err) < 0))
			return -1;
	}
	return 0;
}

/* The blobs of layers: the plain tar, and as registries have it. */
static void add_layer_blobs(const struct digest_set *layers, const struct compressed_rows *forms,
	struct digest_set *blobs)
{
	for (size_t i = 0; i < layers->count; i++) {
		digest_set_add(blobs, &layers->items[i]);
		for (size_t k = 0; k < forms->count; k++)
			if (memcmp(&forms->items[k].diff_id, &layers->items[i], DIGEST_SIZE) == 0)
				digest_set_add(blobs, &forms->items[k].digest);
	}
}

/* What only this image names: rows, then files. For who has the store alone. */
static int remove_whole(struct store *store, const struct image_row *row, struct error **err)
{
	CLEANUP(digest_set_done) struct digest_set blobs = { 0 }, layers = { 0 };
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	cleanup_error struct error *damaged = NULL;
	struct catalog *catalog;

	digest_set_add(&blobs, &row->id);
	digest_set_add(&blobs, &row->manifest);
	(void)manifest_blobs(store, &row->manifest, &blobs, &damaged);
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_compressed_all(catalog, &forms, err) < 0 ||
		catalog_delete_image(catalog, &row->id, &layers.items, &layers.count, err) < 0)
		return -1;
	add_layer_blobs(&layers, &forms, &blobs);
	return remove_files(store, &blobs, &layers, err);
}

/* The mark in tmp/ makes the next command that adds something look for what is left. */
static int remove_row(struct store *store, const struct digest *id, struct error **err)
{
	struct catalog *catalog;

	if (mkdirat(store->tmp_fd, "layers-left", 0700) < 0 && errno != EEXIST)
		return error_sys(err, "make a mark in %s/tmp", store->path);
	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	return catalog_delete_image_alone(catalog, id, err);
}

int store_remove_image(struct store *store, const struct digest *id, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	bool was_in_use = store->in_use;
	struct catalog *catalog;
	char hex[HEX_MAX];
	int result;

	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	result = catalog_find_image(catalog, digest_hex(id, hex), &row, err);
	if (result <= 0)
		return result < 0
			       ? -1
			       : error_new(err, ERROR_NOT_FOUND, "No such image: sha256:%s", hex);
	/*
	 * Somebody is adding, perhaps an image of the same layers, which it has seen here: then
	 * they stay until somebody looks who is alone (engine_tidy()).
	 */
	result = was_in_use ? 0 : store_use_alone(store, err);
	if (result == 1)
		result = remove_whole(store, &row, err);
	else if (result == 0)
		result = remove_row(store, id, err);
	if (!was_in_use)
		store_unuse(store);
	return result < 0 ? -1 : store_write_index(store, err);
}

int store_remove_layers(
	struct store *store, const struct digest *diff_ids, size_t count, struct error **err)
{
	CLEANUP(digest_set_done) struct digest_set blobs = { 0 };
	const struct digest_set layers = { (struct digest *)diff_ids, count };
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	struct catalog *catalog;

	if (count == 0)
		return 0;
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_compressed_all(catalog, &forms, err) < 0 ||
		catalog_delete_layers(catalog, diff_ids, count, err) < 0)
		return -1;
	add_layer_blobs(&layers, &forms, &blobs);
	return remove_files(store, &blobs, &layers, err);
}

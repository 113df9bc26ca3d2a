/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/save_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "base/sha256.h"
#include "oci/reference.h"

#define MANIFEST_MAX (4UL << 20)

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void save_list_done(struct save_list *list)
{
	for (size_t i = 0; i < list->image_count; i++) {
		image_row_done(&list->images[i].row);
		strv_free(list->images[i].tags);
		manifest_done(&list->images[i].manifest);
	}
	for (size_t i = 0; i < list->blob_count; i++)
		free(list->blobs[i].text);
	free(list->images);
	free(list->blobs);
	*list = (struct save_list){ 0 };
}

/* ---- which images ---- */

/* tag may be NULL. */
static void add_image(struct save_list *list, const struct image_row *row, const char *tag)
{
	struct save_image *image = NULL;

	for (size_t i = 0; i < list->image_count && !image; i++)
		if (same(&list->images[i].row.id, &row->id))
			image = &list->images[i];
	if (!image) {
		list->images = xrealloc(list->images, list->image_count + 1, sizeof(*list->images));
		image = &list->images[list->image_count++];
		*image = (struct save_image){ .row = *row };
		image->row.reference = NULL;
	}
	if (tag && !strv_contains(image->tags, tag))
		strv_append(&image->tags, tag);
}

struct repository {
	struct save_list *list;
	char *name; /* "docker.io/library/debian" */
	bool found;
};

static int add_of_repository(const struct image_row *row, void *arg)
{
	struct repository *repository = arg;
	cleanup_error struct error *unlikely = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *name = NULL;

	if (!row->reference || reference_parse(row->reference, &ref, &unlikely) < 0)
		return 0;
	name = reference_repository(&ref);
	if (strcmp(name, repository->name) != 0)
		return 0;
	add_image(repository->list, row, ref.digest ? NULL : row->reference);
	repository->found = true;
	return 0;
}

/* "debian" alone is all its tags. 1 when there was one. */
static int add_repository(struct store *store, const struct reference *ref, struct save_list *list,
	struct error **err)
{
	struct repository repository = { .list = list, .name = reference_repository(ref) };
	struct catalog *catalog;
	int result = store_catalog(store, &catalog, err);

	if (result == 0)
		result = catalog_each_image(catalog, add_of_repository, &repository, err);
	free(repository.name);
	return result < 0 ? -1 : repository.found;
}

static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strchr(slash ? slash : name, ':') || strchr(name, '@');
}

/* 1 when it is one of our references. */
static int add_reference(struct store *store, const struct reference *ref, struct save_list *list,
	struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	cleanup_free char *text = reference_text(ref);
	struct catalog *catalog;
	int found;

	if (ref->digest || store_catalog(store, &catalog, err) < 0)
		return ref->digest ? 0 : -1;
	found = catalog_find_reference(catalog, text, &row, err);
	if (found > 0)
		add_image(list, &row, text);
	return found;
}

static int add_name(
	struct store *store, const char *name, struct save_list *list, struct error **err)
{
	cleanup_error struct error *no_reference = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_image_row struct image_row row = { 0 };
	int found = 0;

	/* 64 digits are an id and can be no reference. */
	if (!id_is_valid(name) && reference_parse(name, &ref, &no_reference) == 0)
		found = has_tag(name) ? add_reference(store, &ref, list, err)
				      : add_repository(store, &ref, list, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (store_find_image(store, name, &row, err) < 0)
		return -1;
	add_image(list, &row, NULL);
	return 0;
}

/* ---- their blobs ---- */

static void add_blob(
	struct save_list *list, const struct digest *digest, int64_t size, const char *text)
{
	for (size_t i = 0; i < list->blob_count; i++)
		if (same(&list->blobs[i].digest, digest))
			return;
	list->blobs = xrealloc(list->blobs, list->blob_count + 1, sizeof(*list->blobs));
	list->blobs[list->blob_count++] =
		(struct save_blob){ .digest = *digest, .size = size, .text = xstrdup_null(text) };
}

static int damaged(const struct digest *digest, int64_t size, int64_t found, struct error **err)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(digest, text);
	if (found < 0)
		error_new(err, ERROR_NOT_FOUND, "blob %s is missing", text);
	else
		error_new(err, ERROR_INVALID, "blob %s is damaged: it has %lld bytes, and not %lld",
			text, (long long)found, (long long)size);
	return error_hint(err, "remove the image and pull or load it again");
}

/* Whether a layer's blob, in the form that the manifest names, was ever kept here. */
static int was_kept(struct store *store, const struct digest *diff_id,
	const struct descriptor *entry, struct error **err)
{
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	struct catalog *catalog;

	if (same(diff_id, &entry->digest))
		return 1;
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_compressed_of(catalog, diff_id, &forms, err) < 0)
		return -1;
	for (size_t i = 0; i < forms.count; i++)
		if (same(&forms.items[i].digest, &entry->digest))
			return 1;
	return 0;
}

/*
 * The layer of a pulled image may have been here before, from elsewhere: then its blob was not
 * downloaded, and what there is is its tar. 1 when the entry was changed to that.
 */
static int check_layer(struct store *store, const struct digest *diff_id, struct descriptor *entry,
	struct error **err)
{
	int64_t size = blob_size(store, &entry->digest);
	struct catalog *catalog;
	struct layer_row row;
	int kept;

	if (size == entry->size)
		return 0;
	kept = size >= 0 ? 1 : was_kept(store, diff_id, entry, err);
	if (kept != 0)
		return kept < 0 ? -1 : damaged(&entry->digest, entry->size, size, err);
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_find_layer(catalog, diff_id, &row, err) < 0)
		return -1;
	size = blob_size(store, diff_id);
	if (size < 0 || size != row.tar_size)
		return damaged(diff_id, row.tar_size, size, err);
	replace_string(&entry->media_type, xstrdup(OCI_LAYER));
	entry->digest = *diff_id;
	entry->size = size;
	return 1;
}

/* All layers; 1 when the manifest has to be another one than the image's. */
static int check_layers(struct store *store, const struct image_config *config,
	struct manifest *manifest, struct error **err)
{
	int changed = 0;

	if (config->layer_count != manifest->entry_count)
		return error_new(err, ERROR_INVALID,
			"its configuration names %zu layers, and its manifest %zu",
			config->layer_count, manifest->entry_count);
	for (size_t i = 0; i < manifest->entry_count; i++) {
		int result = check_layer(store, &config->diff_ids[i], &manifest->entries[i], err);

		if (result < 0)
			return error_wrap(err, "layer %zu", i + 1);
		changed |= result;
	}
	return changed;
}

/* The manifest's text when it is not the image's own. */
static char *remake(struct save_image *image)
{
	struct manifest *manifest = &image->manifest;
	char *text;

	for (size_t i = 0; i < manifest->entry_count; i++)
		replace_string(&manifest->entries[i].media_type,
			xstrdup(layer_type_oci(manifest->entries[i].media_type)));
	replace_string(&manifest->media_type, xstrdup(OCI_MANIFEST));
	replace_string(&manifest->config.media_type, xstrdup(OCI_CONFIG));
	text = manifest_text(manifest);
	image->manifest_size = (int64_t)strlen(text);
	sha256_bytes(text, strlen(text), image->manifest_digest.sha256);
	return text;
}

static int check_config(struct store *store, const struct image_save *options,
	const struct save_image *image, struct image_config *ret, struct error **err)
{
	const struct descriptor *config = &image->manifest.config;
	int64_t size = blob_size(store, &config->digest);

	if (size != config->size)
		return damaged(&config->digest, config->size, size, err);
	if (store_read_config(store, &config->digest, ret, err) < 0)
		return -1;
	if (options->architecture &&
		(!ret->architecture || strcmp(ret->architecture, options->architecture) != 0))
		return error_new(err, ERROR_NOT_FOUND,
			"the image is of platform linux/%s, and not of linux/%s",
			ret->architecture ? ret->architecture : "unknown", options->architecture);
	return 0;
}

static int add_blobs(struct store *store, const struct image_save *options, struct save_list *list,
	struct save_image *image, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_free char *text = NULL, *made = NULL;
	struct manifest *manifest = &image->manifest;
	size_t length;
	int changed;

	if (blob_read(store, &image->row.manifest, MANIFEST_MAX, &text, &length, err) < 0 ||
		manifest_parse(text, length, manifest, err) < 0 ||
		check_config(store, options, image, &config, err) < 0)
		return -1;
	image->manifest_digest = image->row.manifest;
	image->manifest_size = (int64_t)length;
	changed = check_layers(store, &config, manifest, err);
	if (changed < 0)
		return -1;
	if (changed) {
		made = remake(image);
		options->warn("not every layer is kept here as its registry has it: the archive's "
			      "manifest has another digest",
			options->arg);
	}
	add_blob(list, &image->manifest_digest, image->manifest_size, made);
	add_blob(list, &manifest->config.digest, manifest->config.size, NULL);
	for (size_t i = 0; i < manifest->entry_count; i++)
		add_blob(list, &manifest->entries[i].digest, manifest->entries[i].size, NULL);
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(&((const struct save_blob *)a)->digest,
		&((const struct save_blob *)b)->digest, sizeof(struct digest));
}

int save_list_make(struct store *store, const struct image_save *options, struct save_list *ret,
	struct error **err)
{
	cleanup_save_list struct save_list list = { 0 };

	for (char *const *name = options->names; *name; name++)
		if (add_name(store, *name, &list, err) < 0)
			return -1;
	for (size_t i = 0; i < list.image_count; i++) {
		char text[DIGEST_TEXT_MAX];

		if (add_blobs(store, options, &list, &list.images[i], err) < 0)
			return error_wrap(err, "image %s",
				list.images[i].tags ? list.images[i].tags[0]
						    : digest_text(&list.images[i].row.id, text));
	}
	if (list.blob_count > 0)
		qsort(list.blobs, list.blob_count, sizeof(*list.blobs), by_digest);
	*ret = list;
	list = (struct save_list){ 0 };
	return 0;
}

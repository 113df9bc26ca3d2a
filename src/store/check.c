/* SPDX-License-Identifier: Apache-2.0 */
#include "store/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "store/blob.h"

#define CONFIG_MAX (4UL << 20)
#define INDEX_MAX (64UL << 20)

struct checking {
	struct store *store;
	struct catalog *catalog;
	const struct store_check *check;
	struct digest_set broken; /* layers that stay so; sorted when all are known */
	strv images;
	int damaged;
	struct error **err;
};

PRINTF_LIKE(4, 5)
static void say(struct checking *checking, enum finding_state state, const char *thing,
	const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); // NOLINT(clang-analyzer-valist.Uninitialized)
	va_end(ap);
	if (state == FINDING_DAMAGE)
		checking->damaged++;
	checking->check->found(state, thing, text, checking->check->arg);
}

/* ---- blobs ---- */

/* NULL: it is whole; else what is wrong. size < 0: any. */
static const char *blob_fault(
	const struct checking *checking, const struct digest *digest, int64_t size)
{
	cleanup_error struct error *missing = NULL;
	cleanup_close int fd = -1;
	struct digest got;
	int64_t there = blob_size(checking->store, digest);

	if (there < 0)
		return "is missing";
	if (size >= 0 && there != size)
		return "has another size";
	if (checking->check->quick)
		return NULL;
	fd = blob_open(checking->store, digest, &missing);
	if (fd < 0 || blob_hash_fd(fd, got.sha256) < 0)
		return "cannot be read";
	return memcmp(&got, digest, sizeof(got)) == 0 ? NULL : "is damaged: its digest is another";
}

/* ---- layers ---- */

/* Makes the layer again of a blob that has it, in any form. */
static int remake(struct checking *checking, const struct layer_row *row,
	const struct digest *source, struct error **err)
{
	cleanup_close int fd = blob_open(checking->store, source, err);
	struct layer_row made;

	/* A damaged tar must not stand where the new one goes; read through the fd it lives on. */
	if (fd < 0 || layer_remove(checking->store, &row->diff_id, err) < 0 ||
		blob_remove(checking->store, &row->diff_id, err) < 0 ||
		layer_import(checking->store, fd, &made, err) < 0)
		return -1;
	if (memcmp(&made.diff_id, &row->diff_id, sizeof(made.diff_id)) != 0)
		return error_new(err, ERROR_INVALID, "it unpacks to something else");
	return 0;
}

/* The first of the layer's blobs that is whole: its tar, or as a registry had it. */
static const struct digest *whole_source(const struct checking *checking,
	const struct layer_row *row, const struct compressed_rows *forms, bool tar_is_whole)
{
	if (tar_is_whole)
		return &row->diff_id;
	for (size_t i = 0; i < forms->count; i++)
		if (!blob_fault(checking, &forms->items[i].digest, forms->items[i].size))
			return &forms->items[i].digest;
	return NULL;
}

static void check_form(struct checking *checking, const struct compressed_row *form)
{
	const char *fault = blob_fault(checking, &form->digest, form->size);
	char thing[DIGEST_TEXT_MAX + 8], text[DIGEST_TEXT_MAX];

	if (!fault)
		return;
	(void)snprintf(thing, sizeof(thing), "blob %s", digest_text(&form->digest, text));
	say(checking, FINDING_DAMAGE, thing, "%s", fault);
	digest_set_add(&checking->broken, &form->diff_id);
}

/* NULL: what overlay gets of it is whole; else what is wrong. */
static const char *tree_fault(const struct checking *checking, const struct digest *diff_id)
{
	if (!layer_exists(checking->store, diff_id))
		return "is missing";
	if (checking->check->quick || layer_is_whole(checking->store, diff_id))
		return NULL;
	return "is damaged";
}

/* what, the tar or the tree, has a fault; source is what it can be made again of, or NULL. */
static void mend_layer(struct checking *checking, const struct layer_row *row, const char *what,
	const char *fault, const struct digest *source)
{
	cleanup_error struct error *failed = NULL;
	char thing[DIGEST_TEXT_MAX + 8], text[DIGEST_TEXT_MAX];

	(void)snprintf(thing, sizeof(thing), "layer %s", digest_text(&row->diff_id, text));
	if (checking->check->repair && source && remake(checking, row, source, &failed) == 0) {
		say(checking, FINDING_REPAIRED, thing, "its %s %s: made again", what, fault);
		return;
	}
	say(checking, FINDING_DAMAGE, thing, "its %s %s%s%s", what, fault, failed ? ": " : "",
		failed ? error_message(failed) : "");
	digest_set_add(&checking->broken, &row->diff_id);
}

static void check_layer(struct checking *checking, const struct layer_row *row)
{
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	cleanup_error struct error *failed = NULL;
	char thing[DIGEST_TEXT_MAX + 8], text[DIGEST_TEXT_MAX];
	const char *tar = blob_fault(checking, &row->diff_id, row->tar_size);
	const char *tree = tree_fault(checking, &row->diff_id);

	(void)snprintf(thing, sizeof(thing), "layer %s", digest_text(&row->diff_id, text));
	if (catalog_compressed_of(checking->catalog, &row->diff_id, &forms, &failed) < 0)
		return say(checking, FINDING_DAMAGE, thing, "%s", error_message(failed));
	if (tar || tree)
		mend_layer(checking, row, tar ? "tar" : "tree", tar ? tar : tree,
			whole_source(checking, row, &forms, !tar));
	for (size_t i = 0; i < forms.count; i++)
		check_form(checking, &forms.items[i]);
}

struct layer_list {
	struct layer_row *items;
	size_t count;
};

static int add_layer(const struct layer_use *use, void *arg)
{
	struct layer_list *list = arg;

	list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = use->layer;
	return 0;
}

static int check_layers(struct checking *checking, struct error **err)
{
	struct layer_list list = { 0 };
	int result = catalog_each_layer(checking->catalog, add_layer, &list, err);

	for (size_t i = 0; result == 0 && i < list.count; i++)
		check_layer(checking, &list.items[i]);
	free(list.items);
	digest_set_sort(&checking->broken);
	return result;
}

/* ---- images ---- */

static bool has_broken_layer(struct checking *checking, const struct image_row *row)
{
	cleanup_free struct digest *layers = NULL;
	cleanup_error struct error *unreadable = NULL;
	struct layer_row layer;
	size_t count = 0;

	if (catalog_layers_of(checking->catalog, &row->id, &layers, &count, &unreadable) < 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (digest_set_has(&checking->broken, &layers[i]) ||
			catalog_find_layer(checking->catalog, &layers[i], &layer, &unreadable) != 1)
			return true;
	return false;
}

/* Rows come once for each name. */
static int check_image(const struct image_row *row, void *arg)
{
	struct checking *checking = arg;
	char thing[DIGEST_TEXT_MAX + 8], id[DIGEST_TEXT_MAX];
	const char *fault;

	digest_text(&row->id, id);
	if (strv_contains(checking->images, id))
		return 0;
	(void)snprintf(thing, sizeof(thing), "image %s", id);
	fault = blob_fault(checking, &row->id, -1);
	if (fault)
		say(checking, FINDING_DAMAGE, thing, "its configuration %s", fault);
	else if ((fault = blob_fault(checking, &row->manifest, -1)) != NULL)
		say(checking, FINDING_DAMAGE, thing, "its manifest %s", fault);
	else if (has_broken_layer(checking, row))
		say(checking, FINDING_DAMAGE, thing, "it needs what is damaged above");
	else
		return 0;
	strv_append(&checking->images, id);
	return 0;
}

/* ---- what has no name ---- */

static int find_garbage(struct checking *checking, struct error **err)
{
	CLEANUP(digest_set_done) struct digest_set named = { 0 };
	cleanup_strv strv blobs = NULL, temporary = NULL;
	size_t count = 0;
	struct layer_row row;

	if (image_blobs(checking->store, &named, err) < 0 ||
		dir_names(checking->store->blobs_fd, &blobs, err) < 0 ||
		dir_names(checking->store->tmp_fd, &temporary, err) < 0)
		return -1;
	for (size_t i = 0; blobs && blobs[i]; i++) {
		struct digest digest;

		if (!digest_from_hex(blobs[i], &digest) || digest_set_has(&named, &digest))
			continue;
		count += catalog_find_layer(checking->catalog, &digest, &row, err) == 0;
	}
	count += strv_length(temporary);
	if (count > 0 && !checking->check->repair)
		say(checking, FINDING_GARBAGE, "store", "%zu file%s that nothing names", count,
			count == 1 ? "" : "s");
	return 0;
}

static int check_all(struct checking *checking, struct error **err)
{
	cleanup_strv strv lines = NULL;

	if (catalog_check(checking->catalog, &lines, err) < 0)
		return -1;
	for (size_t i = 0; lines && lines[i]; i++)
		say(checking, FINDING_DAMAGE, "state.db", "%s", lines[i]);
	if (check_layers(checking, err) < 0 ||
		catalog_each_image(checking->catalog, check_image, checking, err) < 0)
		return -1;
	return find_garbage(checking, err);
}

int store_check(
	struct store *store, const struct store_check *check, strv *ret_images, struct error **err)
{
	struct checking checking = { .store = store, .check = check, .err = err };
	int result;

	if (store_catalog(store, &checking.catalog, err) < 0)
		return -1;
	result = check_all(&checking, err);
	digest_set_done(&checking.broken);
	if (result < 0) {
		strv_free(checking.images);
		return -1;
	}
	*ret_images = checking.images;
	return checking.damaged;
}

/* ---- to be fetched again ---- */

static int drop_blob(const struct checking *checking, const struct digest *digest, int64_t size,
	bool *ret_bad, struct error **err)
{
	if (!blob_fault(checking, digest, size))
		return 0;
	*ret_bad = true;
	return blob_remove(checking->store, digest, err);
}

static int drop_layer(
	const struct checking *checking, const struct digest *diff_id, struct error **err)
{
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	bool bad = !layer_is_whole(checking->store, diff_id);

	if (catalog_compressed_of(checking->catalog, diff_id, &forms, err) < 0 ||
		drop_blob(checking, diff_id, -1, &bad, err) < 0)
		return -1;
	for (size_t i = 0; i < forms.count; i++)
		if (drop_blob(checking, &forms.items[i].digest, forms.items[i].size, &bad, err) < 0)
			return -1;
	if (!bad)
		return 0;
	/* The rest of it goes, too: what is half there is nobody's. */
	if (catalog_delete_layers(checking->catalog, diff_id, 1, err) < 0 ||
		layer_remove(checking->store, diff_id, err) < 0)
		return -1;
	return blob_remove(checking->store, diff_id, err);
}

int store_drop_damaged(struct store *store, const struct image_row *row,
	const struct digest *layers, size_t count, struct error **err)
{
	const struct store_check thorough = { .quick = false };
	struct checking checking = { .store = store, .check = &thorough, .err = err };
	bool bad = false;

	if (store_catalog(store, &checking.catalog, err) < 0 ||
		drop_blob(&checking, &row->id, -1, &bad, err) < 0 ||
		drop_blob(&checking, &row->manifest, -1, &bad, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (drop_layer(&checking, &layers[i], err) < 0)
			return -1;
	return 0;
}

/* ---- an empty catalogue ---- */

static int import_layers(
	struct checking *checking, const struct manifest *manifest, struct error **err)
{
	for (size_t i = 0; i < manifest->entry_count; i++) {
		cleanup_close int fd =
			blob_open(checking->store, &manifest->entries[i].digest, err);
		struct layer_row row;

		if (fd < 0 || layer_import(checking->store, fd, &row, err) < 0)
			return -1;
	}
	return 0;
}

static int rebuild_image(struct checking *checking, const struct digest *digest,
	const char *reference, struct error **err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_image_row struct image_row row = { 0 };
	cleanup_free char *text = NULL;
	size_t length;

	if (blob_read(checking->store, digest, CONFIG_MAX, &text, &length, err) < 0 ||
		manifest_parse(text, length, &manifest, err) < 0 ||
		import_layers(checking, &manifest, err) < 0)
		return -1;
	return store_adopt_image(checking->store, digest, reference, &row, err);
}

/* 1: it is whole again; 0: it is not, and that was said. */
static int rebuild_entry(struct checking *checking, struct json_object *entry, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	struct json_object *annotations = NULL;
	const char *digest_name = NULL, *reference = NULL;
	struct digest digest;

	if (json_get_text(entry, "digest", &digest_name, err) < 0 ||
		json_get(entry, "annotations", json_type_object, &annotations, err) < 0)
		return -1;
	if (annotations && json_get_text(annotations, "org.opencontainers.image.ref.name",
				   &reference, err) < 0)
		return -1;
	if (!digest_name || digest_parse(digest_name, &digest, err) < 0)
		return -1;
	if (rebuild_image(checking, &digest, reference, &failed) == 0) {
		say(checking, FINDING_REPAIRED, reference ? reference : digest_name,
			"in the catalogue again");
		return 1;
	}
	say(checking, FINDING_DAMAGE, reference ? reference : digest_name, "%s",
		error_message(failed));
	return 0;
}

/* Each adopted image writes index.json anew: it is read whole before. */
int store_rebuild(struct store *store, const struct store_check *check, struct error **err)
{
	struct checking checking = { .store = store, .check = check, .err = err };
	cleanup_json struct json_object *index = NULL;
	struct json_object *manifests = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(store->root_fd, "index.json", INDEX_MAX, &text, err);
	int count = 0;

	if (length < 0 || store_catalog(store, &checking.catalog, err) < 0 ||
		json_parse(text, (size_t)length, "index.json", &index, err) < 0 ||
		json_get(index, "manifests", json_type_array, &manifests, err) < 0)
		return -1;
	for (size_t i = 0; manifests && i < json_object_array_length(manifests); i++) {
		int made = rebuild_entry(&checking, json_object_array_get_idx(manifests, i), err);

		if (made < 0)
			return -1;
		count += made;
	}
	return count;
}

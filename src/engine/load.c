/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/load.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sha256.h"
#include "engine/load_image.h"
#include "engine/prune.h"
#include "oci/archive.h"

#define NESTED_MAX 4 /* an index in an index: skopeo and buildx make one such step */

static int read_table(const struct load *load, const char *name, char **ret, size_t *ret_length,
	struct error **err)
{
	const struct load_file *file = load_source_find(&load->source, name, err);

	return file ? load_source_read(&load->source, file, ret, ret_length, err) : -1;
}

/* ---- Docker's ---- */

static int load_docker(const struct load *load, struct error **err)
{
	cleanup_docker_table struct docker_table table = { 0 };
	cleanup_free char *text = NULL;
	size_t length;

	if (read_table(load, "manifest.json", &text, &length, err) < 0 ||
		docker_table_parse(text, length, &table, err) < 0)
		return -1;
	if (table.count == 0)
		return error_new(err, ERROR_INVALID, "there is no image in the archive");
	for (size_t i = 0; i < table.count; i++) {
		cleanup_load_image struct load_image image = {
			.config_name = table.images[i].config,
			.layer_names = table.images[i].layers,
			.names = strv_copy(table.images[i].tags),
		};

		if (load_image_add(load, &image, err) < 0)
			return error_wrap(err, "image %zu", i + 1);
	}
	return 0;
}

/* ---- OCI's ---- */

static int read_manifest(const struct load *load, const struct descriptor *descriptor,
	struct load_image *image, struct error **err)
{
	char name[sizeof("blobs/sha256/") + DIGEST_TEXT_MAX], text[DIGEST_TEXT_MAX];

	digest_text(&descriptor->digest, text);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", text + strlen("sha256:"));
	manifest_done(&image->manifest);
	replace_string(&image->text, NULL);
	if (read_table(load, name, &image->text, &image->length, err) < 0)
		return -1;
	sha256_bytes(image->text, image->length, image->digest.sha256);
	if ((int64_t)image->length != descriptor->size ||
		memcmp(&image->digest, &descriptor->digest, sizeof(image->digest)) != 0)
		return error_new(err, ERROR_INVALID, "'%s' is not what its descriptor says", name);
	return manifest_parse(image->text, image->length, &image->manifest, err);
}

/* From the entry of an index to an image's manifest. */
static int resolve(const struct load *load, const struct descriptor *entry,
	struct load_image *image, struct error **err)
{
	const char *wanted = load->options->architecture;

	if (read_manifest(load, entry, image, err) < 0)
		return -1;
	for (int i = 0; image->manifest.is_index; i++) {
		cleanup_manifest struct manifest index = image->manifest;
		const struct descriptor *chosen = manifest_select(&index, wanted);

		image->manifest = (struct manifest){ 0 };
		if (!chosen && index.entry_count == 1) /* an index around an index */
			chosen = &index.entries[0];
		if (!chosen || i == NESTED_MAX)
			return error_new(err, ERROR_NOT_FOUND, "it has no manifest for linux/%s",
				wanted ? wanted : platform_architecture());
		if (read_manifest(load, chosen, image, err) < 0)
			return -1;
	}
	return 0;
}

static int check_types(const struct manifest *manifest, struct error **err)
{
	const char *type = manifest->config.media_type;

	if (!type || (strcmp(type, OCI_CONFIG) != 0 && strcmp(type, DOCKER_CONFIG) != 0))
		return error_new(err, ERROR_UNSUPPORTED, "it is no container image but '%s'",
			type ? type : "an index");
	for (size_t i = 0; i < manifest->entry_count; i++)
		if (!layer_type_is_known(manifest->entries[i].media_type))
			return error_new(err, ERROR_UNSUPPORTED, "layer %zu is of type '%s'", i + 1,
				manifest->entries[i].media_type);
	return 0;
}

static bool is_same_entry(const struct layout_index *index, size_t a, size_t b)
{
	const struct descriptor *entries = index->manifest.entries;

	return memcmp(&entries[a].digest, &entries[b].digest, sizeof(entries[a].digest)) == 0;
}

/* The entries of one manifest are one image, with all their names. */
static int load_entry(
	const struct load *load, const struct layout_index *index, size_t at, struct error **err)
{
	cleanup_load_image struct load_image image = { 0 };

	for (size_t i = 0; i < at; i++)
		if (is_same_entry(index, i, at))
			return 0;
	for (size_t i = at; i < index->manifest.entry_count; i++)
		if (index->names[i] && is_same_entry(index, i, at))
			strv_append(&image.names, index->names[i]);
	if (resolve(load, &index->manifest.entries[at], &image, err) < 0 ||
		check_types(&image.manifest, err) < 0)
		return -1;
	return load_image_add(load, &image, err);
}

static int load_layout(const struct load *load, struct error **err)
{
	cleanup_layout_index struct layout_index index = { 0 };
	cleanup_free char *text = NULL;
	size_t length;

	if (read_table(load, "index.json", &text, &length, err) < 0 ||
		layout_index_parse(text, length, &index, err) < 0)
		return -1;
	if (index.manifest.entry_count == 0)
		return error_new(err, ERROR_INVALID, "there is no image in the archive");
	for (size_t i = 0; i < index.manifest.entry_count; i++)
		if (load_entry(load, &index, i, err) < 0)
			return error_wrap(err, "image %zu", i + 1);
	return 0;
}

/* ---- both ---- */

static int load_images(const struct load *load, struct error **err)
{
	/* Docker writes both since 25: the OCI one has the manifests. */
	if (load_source_has(&load->source, "index.json"))
		return load_layout(load, err);
	if (load_source_has(&load->source, "manifest.json"))
		return load_docker(load, err);
	error_new(err, ERROR_INVALID,
		"this is no archive of images: it has neither manifest.json nor index.json");
	return error_hint(err, "a file system's tar becomes an image by 'import'");
}

/* What was put and imported before it failed. */
static void discard(struct engine *engine)
{
	cleanup_error struct error *unsaid = NULL; /* the next addition tries again */

	store_unuse(&engine->store);
	store_make_room(&engine->store);
	(void)layers_tidy(engine, &unsaid);
}

int image_load(struct engine *engine, const struct image_load *options, struct error **err)
{
	struct load load = { .store = &engine->store, .options = options };
	int result;

	if (engine_tidy(engine, err) < 0 || load_source_open(&engine->store, options->fd,
						    options->progress, &load.source, err) < 0)
		return -1;
	result = load_images(&load, err);
	load_source_close(&load.source);
	if (result < 0)
		discard(engine);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/reference.h"

#define TABLE_BYTES_MAX (4UL * 1024 * 1024)
#define NAME_MAX_BYTES 1024

static const char containerd_name[] = "io.containerd.image.name";
static const char oci_name[] = "org.opencontainers.image.ref.name";

/* ---- manifest.json ---- */

static int check_names(char *const *names, size_t max, const char *what, struct error **err)
{
	if (strv_length(names) > max)
		return error_new(err, ERROR_INVALID, "it has %zu %s; %zu is the most",
			strv_length(names), what, max);
	for (size_t i = 0; names && names[i]; i++)
		if (!names[i][0] || strlen(names[i]) > NAME_MAX_BYTES)
			return error_new(
				err, ERROR_INVALID, "one of its %s is empty or too long", what);
	return 0;
}

static int parse_image(struct json_object *obj, struct docker_image *image, struct error **err)
{
	const char *config = NULL;

	if (!json_object_is_type(obj, json_type_object))
		return error_new(err, ERROR_INVALID, "it is no object");
	if (json_get_text(obj, "Config", &config, err) < 0 ||
		json_get_strv(obj, "Layers", &image->layers, err) < 0 ||
		json_get_strv(obj, "RepoTags", &image->tags, err) < 0 ||
		check_names(image->layers, IMAGE_LAYERS_MAX, "Layers", err) < 0 ||
		check_names(image->tags, ARCHIVE_TAGS_MAX, "RepoTags", err) < 0)
		return -1;
	if (!config || !*config || strlen(config) > NAME_MAX_BYTES)
		return error_new(err, ERROR_INVALID, "it names no Config");
	image->config = xstrdup(config);
	return 0;
}

static int parse_images(struct json_object *array, struct docker_table *table, struct error **err)
{
	size_t count;

	if (!json_object_is_type(array, json_type_array))
		return error_new(err, ERROR_INVALID, "it is no array");
	count = json_object_array_length(array);
	if (count > ARCHIVE_IMAGES_MAX)
		return error_new(err, ERROR_INVALID, "it has %zu images; %d is the most", count,
			ARCHIVE_IMAGES_MAX);
	table->images = xcalloc(count + 1, sizeof(*table->images));
	for (size_t i = 0; i < count; i++) {
		struct docker_image *image = &table->images[table->count++];

		if (parse_image(json_object_array_get_idx(array, i), image, err) < 0)
			return error_wrap(err, "image %zu", i + 1);
	}
	return 0;
}

int docker_table_parse(
	const char *text, size_t length, struct docker_table *ret, struct error **err)
{
	cleanup_json struct json_object *array = NULL;
	cleanup_docker_table struct docker_table table = { 0 };

	if (length > TABLE_BYTES_MAX)
		return error_new(err, ERROR_INVALID, "manifest.json is larger than %lu bytes",
			TABLE_BYTES_MAX);
	if (json_parse(text, length, "manifest.json", &array, err) < 0)
		return -1;
	if (parse_images(array, &table, err) < 0)
		return error_wrap(err, "manifest.json");
	*ret = table;
	table = (struct docker_table){ 0 };
	return 0;
}

char *docker_table_text(const struct docker_table *table)
{
	cleanup_json struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < table->count; i++) {
		const struct docker_image *image = &table->images[i];
		struct json_object *obj = json_object_new_object();

		json_put_text(obj, "Config", image->config);
		/* null where there is none, as Docker writes it */
		json_put(obj, "RepoTags", image->tags ? json_from_strv(image->tags) : NULL);
		json_put(obj, "Layers", json_from_strv(image->layers));
		json_object_array_add(array, obj);
	}
	return json_compact(array);
}

void docker_table_done(struct docker_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->images[i].config);
		strv_free(table->images[i].layers);
		strv_free(table->images[i].tags);
	}
	free(table->images);
	*table = (struct docker_table){ 0 };
}

/* ---- index.json ---- */

/* "latest" of "docker.io/library/debian:latest"? */
static bool has_tag(const char *name, const char *tag)
{
	size_t whole = strlen(name), part = strlen(tag);

	return whole > part && name[whole - part - 1] == ':' &&
	       strcmp(name + whole - part, tag) == 0;
}

static int take_name(struct json_object *entry, char **ret, struct error **err)
{
	struct json_object *annotations = NULL;
	const char *name = NULL, *tag = NULL;
	int found = json_get(entry, "annotations", json_type_object, &annotations, err);

	if (found <= 0)
		return found;
	if (json_get_text(annotations, containerd_name, &name, err) < 0 ||
		json_get_text(annotations, oci_name, &tag, err) < 0)
		return -1;
	/* A tool that knows OCI's alone gave it another tag, and left the old name standing. */
	if (name && tag && !strpbrk(tag, ":/") && !has_tag(name, tag))
		name = NULL;
	if (!name)
		name = tag;
	if (name && strlen(name) > NAME_MAX_BYTES)
		return error_new(
			err, ERROR_INVALID, "a name is longer than %d bytes", NAME_MAX_BYTES);
	if (name && strpbrk(name, ":/"))
		*ret = xstrdup(name);
	return 0;
}

int layout_index_parse(
	const char *text, size_t length, struct layout_index *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_layout_index struct layout_index index = { 0 };
	struct json_object *entries = NULL;

	if (manifest_parse(text, length, &index.manifest, err) < 0)
		return error_wrap(err, "index.json");
	if (!index.manifest.is_index)
		return error_new(err, ERROR_INVALID, "index.json is no index");
	index.names = xcalloc(index.manifest.entry_count + 1, sizeof(*index.names));
	if (json_parse(text, length, "index.json", &obj, err) < 0 ||
		json_get(obj, "manifests", json_type_array, &entries, err) < 0)
		return -1;
	for (size_t i = 0; i < index.manifest.entry_count; i++)
		if (take_name(json_object_array_get_idx(entries, i), &index.names[i], err) < 0)
			return error_wrap(err, "index.json: entry %zu", i + 1);
	ret->manifest = index.manifest;
	ret->names = take_ptr(index.names);
	index.manifest = (struct manifest){ 0 };
	return 0;
}

static struct json_object *annotations_json(const char *name)
{
	struct json_object *annotations = json_object_new_object();
	cleanup_reference struct reference ref = { 0 };
	cleanup_error struct error *no_tag = NULL;

	json_put_text(annotations, containerd_name, name);
	if (reference_parse(name, &ref, &no_tag) == 0)
		json_put_text(annotations, oci_name, ref.tag);
	return annotations;
}

char *layout_index_text(const struct layout_index *index)
{
	cleanup_json struct json_object *obj = json_object_new_object();
	struct json_object *entries = json_object_new_array();

	json_put_int(obj, "schemaVersion", 2);
	json_put_text(obj, "mediaType", OCI_INDEX);
	json_put(obj, "manifests", entries);
	for (size_t i = 0; i < index->manifest.entry_count; i++) {
		const struct descriptor *entry = &index->manifest.entries[i];
		struct json_object *item = json_object_new_object();
		char digest[DIGEST_TEXT_MAX];

		json_put_text(item, "mediaType", entry->media_type);
		json_put_text(item, "digest", digest_text(&entry->digest, digest));
		json_put_int(item, "size", entry->size);
		if (index->names[i])
			json_put(item, "annotations", annotations_json(index->names[i]));
		json_object_array_add(entries, item);
	}
	return json_compact(obj);
}

void layout_index_done(struct layout_index *index)
{
	for (size_t i = 0; index->names && i < index->manifest.entry_count; i++)
		free(index->names[i]);
	free(index->names);
	manifest_done(&index->manifest);
	*index = (struct layout_index){ 0 };
}

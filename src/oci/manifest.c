/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes. The same bytes must never mean two things (CVE-2021-41190): a document
 * with an index's members and a manifest's is refused, and so is one whose mediaType says another
 * kind than its members. What is left out here is left out for a reason: a descriptor's "urls"
 * would send us to hosts that the user never named, its "data" would bypass the digest.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/image.h"

#define MANIFEST_BYTES_MAX (4UL * 1024 * 1024)
#define INDEX_ENTRIES_MAX 1024
#define BLOB_SIZE_MAX (INT64_C(1) << 40)
#define MEDIA_TYPE_MAX 255

static int get_text(struct json_object *obj, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;
	int found = json_get_text(obj, key, &text, err);

	if (found > 0 && strlen(text) > MEDIA_TYPE_MAX)
		return error_new(
			err, ERROR_INVALID, "'%s' is longer than %d bytes", key, MEDIA_TYPE_MAX);
	if (found > 0)
		*ret = xstrdup(text);
	return found;
}

static void descriptor_done(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->architecture);
	free(descriptor->variant);
	free(descriptor->os);
	*descriptor = (struct descriptor){ 0 };
}

static int parse_platform(
	struct json_object *obj, struct descriptor *descriptor, struct error **err)
{
	struct json_object *platform = NULL;
	int found = json_get(obj, "platform", json_type_object, &platform, err);

	if (found <= 0)
		return found;
	if (get_text(platform, "architecture", &descriptor->architecture, err) < 0 ||
		get_text(platform, "variant", &descriptor->variant, err) < 0 ||
		get_text(platform, "os", &descriptor->os, err) < 0)
		return -1;
	return 0;
}

static int parse_members(struct json_object *obj, struct descriptor *descriptor, struct error **err)
{
	const char *digest = NULL;
	int has_size;

	if (get_text(obj, "mediaType", &descriptor->media_type, err) < 0 ||
		json_get_text(obj, "digest", &digest, err) < 0)
		return -1;
	has_size = json_get_int(obj, "size", &descriptor->size, err);
	if (has_size < 0)
		return -1;
	if (!digest || !has_size || !descriptor->media_type)
		return error_new(
			err, ERROR_INVALID, "a descriptor lacks its mediaType, digest or size");
	if (descriptor->size < 0 || descriptor->size > BLOB_SIZE_MAX)
		return error_new(err, ERROR_INVALID, "a descriptor's size is %lld",
			(long long)descriptor->size);
	if (digest_parse(digest, &descriptor->digest, err) < 0)
		return -1;
	return parse_platform(obj, descriptor, err);
}

static int parse_descriptor(struct json_object *obj, struct descriptor *ret, struct error **err)
{
	struct descriptor descriptor = { 0 };

	if (parse_members(obj, &descriptor, err) < 0) {
		descriptor_done(&descriptor);
		return -1;
	}
	*ret = descriptor;
	return 0;
}

static int parse_entries(
	struct json_object *array, size_t max, struct manifest *manifest, struct error **err)
{
	size_t count = json_object_array_length(array);

	if (count > max)
		return error_new(
			err, ERROR_INVALID, "it has %zu entries; %zu is the most", count, max);
	manifest->entries = xcalloc(count, sizeof(*manifest->entries));
	for (size_t i = 0; i < count; i++) {
		if (parse_descriptor(
			    json_object_array_get_idx(array, i), &manifest->entries[i], err) < 0)
			return error_wrap(err, "entry %zu", i + 1);
		manifest->entry_count++;
	}
	return 0;
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static int check_version(struct json_object *obj, struct error **err)
{
	int64_t version = 0;

	if (json_get_int(obj, "schemaVersion", &version, err) < 0)
		return -1;
	if (version == 1) {
		error_new(err, ERROR_UNSUPPORTED, "it is of schema version 1, which is obsolete");
		return error_hint(err, "push the image again with a current tool");
	}
	if (version != 2)
		return error_new(err, ERROR_INVALID, "its schemaVersion is not 2");
	return 0;
}

static int check_kind(struct manifest *manifest, struct error **err)
{
	bool is_index = manifest->is_index;

	if (!manifest->media_type)
		manifest->media_type = xstrdup(is_index ? OCI_INDEX : OCI_MANIFEST);
	if (is_one_of(manifest->media_type, is_index ? OCI_INDEX : OCI_MANIFEST,
		    is_index ? DOCKER_LIST : DOCKER_MANIFEST))
		return 0;
	return error_new(err, ERROR_INVALID, "its mediaType '%s' is not what its members say",
		manifest->media_type);
}

static int parse_manifest(struct json_object *obj, struct manifest *manifest, struct error **err)
{
	struct json_object *manifests = NULL, *layers = NULL, *config = NULL;

	if (check_version(obj, err) < 0 ||
		get_text(obj, "mediaType", &manifest->media_type, err) < 0 ||
		json_get(obj, "manifests", json_type_array, &manifests, err) < 0 ||
		json_get(obj, "layers", json_type_array, &layers, err) < 0 ||
		json_get(obj, "config", json_type_object, &config, err) < 0)
		return -1;
	if (manifests ? layers || config : !layers || !config)
		return error_new(err, ERROR_INVALID,
			"it must have either 'manifests' or both 'config' and 'layers'");
	manifest->is_index = manifests != NULL;
	if (check_kind(manifest, err) < 0)
		return -1;
	if (manifests)
		return parse_entries(manifests, INDEX_ENTRIES_MAX, manifest, err);
	if (parse_descriptor(config, &manifest->config, err) < 0)
		return error_wrap(err, "'config'");
	return parse_entries(layers, IMAGE_LAYERS_MAX, manifest, err);
}

int manifest_parse(const char *text, size_t length, struct manifest *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_manifest struct manifest manifest = { 0 };

	if (length > MANIFEST_BYTES_MAX)
		return error_new(err, ERROR_INVALID, "the manifest is larger than %lu bytes",
			MANIFEST_BYTES_MAX);
	if (json_parse(text, length, "the manifest", &obj, err) < 0)
		return -1;
	if (parse_manifest(obj, &manifest, err) < 0)
		return error_wrap(err, "manifest");
	*ret = manifest;
	manifest = (struct manifest){ 0 };
	return 0;
}

static struct json_object *descriptor_json(const struct descriptor *descriptor)
{
	struct json_object *object = json_object_new_object(), *platform;
	char digest[DIGEST_TEXT_MAX];

	json_put_text(object, "mediaType", descriptor->media_type);
	json_put_text(object, "digest", digest_text(&descriptor->digest, digest));
	json_put_int(object, "size", descriptor->size);
	if (descriptor->architecture || descriptor->os) {
		platform = json_object_new_object();
		json_put_text(platform, "architecture", descriptor->architecture);
		json_put_text(platform, "os", descriptor->os);
		json_put_text(platform, "variant", descriptor->variant);
		json_put(object, "platform", platform);
	}
	return object;
}

char *manifest_text(const struct manifest *manifest)
{
	cleanup_json struct json_object *object = json_object_new_object();
	struct json_object *entries = json_object_new_array();
	const char *kind = manifest->is_index ? OCI_INDEX : OCI_MANIFEST;

	json_put_int(object, "schemaVersion", 2);
	json_put_text(object, "mediaType", manifest->media_type ? manifest->media_type : kind);
	if (!manifest->is_index)
		json_put(object, "config", descriptor_json(&manifest->config));
	for (size_t i = 0; i < manifest->entry_count; i++)
		json_object_array_add(entries, descriptor_json(&manifest->entries[i]));
	json_put(object, manifest->is_index ? "manifests" : "layers", entries);
	return json_compact(object);
}

void manifest_done(struct manifest *manifest)
{
	free(manifest->media_type);
	descriptor_done(&manifest->config);
	for (size_t i = 0; i < manifest->entry_count; i++)
		descriptor_done(&manifest->entries[i]);
	free(manifest->entries);
	*manifest = (struct manifest){ 0 };
}

/* Which variants run on every machine of an architecture, the best first. */
static const struct {
	const char *architecture, *variant;
} variants[] = {
	{ "amd64", "v1" }, /* v2 and above need instructions that the machine may lack */
	{ "arm64", "v8" },
	{ "arm", "v7" },
	{ "arm", "v6" },
	{ "arm", "v5" },
};

/* Lower is better; INT_MAX: not for us. */
static int variant_rank(const struct descriptor *entry)
{
	const char *variant = entry->variant ? entry->variant : "";

	if (*variant == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(variants) / sizeof(*variants); i++)
		if (strcmp(variants[i].architecture, entry->architecture) == 0 &&
			strcmp(variants[i].variant, variant) == 0)
			return (int)i + 1;
	return INT_MAX;
}

const struct descriptor *manifest_select(const struct manifest *index, const char *architecture)
{
	const struct descriptor *best = NULL;
	int best_rank = INT_MAX;

	if (!architecture)
		architecture = platform_architecture();
	for (size_t i = 0; i < index->entry_count; i++) {
		const struct descriptor *entry = &index->entries[i];
		int rank;

		/* Attestations are entries for "unknown/unknown". */
		if (!entry->os || strcmp(entry->os, "linux") != 0 || !entry->architecture ||
			strcmp(entry->architecture, architecture) != 0 ||
			!is_one_of(entry->media_type, OCI_MANIFEST, DOCKER_MANIFEST))
			continue;
		rank = variant_rank(entry);
		if (rank < best_rank) {
			best = entry;
			best_rank = rank;
		}
	}
	return best;
}

static const struct {
	const char *type, *oci;
} layer_types[] = {
	{ OCI_LAYER, OCI_LAYER },
	{ OCI_LAYER_GZIP, OCI_LAYER_GZIP },
	{ OCI_LAYER_ZSTD, OCI_LAYER_ZSTD },
	{ DOCKER_LAYER, OCI_LAYER },
	{ DOCKER_LAYER_GZIP, OCI_LAYER_GZIP },
	{ DOCKER_LAYER ".zstd", OCI_LAYER_ZSTD },
};

static const char *find_layer_type(const char *media_type)
{
	for (size_t i = 0; i < sizeof(layer_types) / sizeof(*layer_types); i++)
		if (strcmp(layer_types[i].type, media_type) == 0)
			return layer_types[i].oci;
	return NULL;
}

bool layer_type_is_known(const char *media_type)
{
	return find_layer_type(media_type) != NULL;
}

const char *layer_type_oci(const char *media_type)
{
	const char *known = find_layer_type(media_type);

	return known ? known : media_type;
}

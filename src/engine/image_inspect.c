/* SPDX-License-Identifier: Apache-2.0 */
/* docker inspect's object of an image. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/image.h"
#include "oci/reference.h"

#define DOCUMENT_MAX (4UL << 20) /* bytes of a configuration or a manifest */

static int add_familiar(struct json_object *list, const char *text, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;

	if (reference_parse(text, &ref, err) < 0)
		return -1;
	familiar = reference_familiar(&ref);
	json_object_array_add(list, json_object_new_string(familiar));
	return 0;
}

/* Tags are ours; digests are what registries call it, so an image that never met one has none. */
static int put_names(struct engine *engine, const struct image_row *row, struct json_object *obj,
	struct error **err)
{
	struct json_object *tags = json_object_new_array(), *digests = json_object_new_array();
	cleanup_strv strv references = NULL, known = NULL;
	struct catalog *catalog;

	json_put(obj, "RepoTags", tags);
	json_put(obj, "RepoDigests", digests);
	if (store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_references_of(catalog, &row->id, &references, err) < 0 ||
		catalog_repo_digests_of(catalog, &row->id, &known, err) < 0)
		return -1;
	for (size_t i = 0; references && references[i]; i++) {
		bool pinned = strchr(references[i], '@') != NULL;

		if (pinned && strv_contains(known, references[i]))
			continue;
		if (add_familiar(pinned ? digests : tags, references[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; known && known[i]; i++)
		if (add_familiar(digests, known[i], err) < 0)
			return -1;
	return 0;
}

static struct json_object *rootfs_json(const struct image_config *config)
{
	struct json_object *rootfs = json_object_new_object(), *layers = json_object_new_array();
	char text[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < config->layer_count; i++)
		json_object_array_add(
			layers, json_object_new_string(digest_text(&config->diff_ids[i], text)));
	json_put_text(rootfs, "Type", "layers");
	json_put(rootfs, "Layers", layers);
	return rootfs;
}

/* A member of a document that is one text; "" when it is missing or is none. The caller frees. */
static char *text_member(const char *document, size_t length, const char *key)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_json struct json_object *obj = NULL;
	const char *text = "";

	if (json_parse(document, length, "document", &obj, &ignored) < 0 ||
		json_get_text(obj, key, &text, &ignored) <= 0)
		return xstrdup("");
	return xstrdup(text);
}

static int put_descriptor(struct engine *engine, const struct digest *manifest,
	struct json_object *obj, struct error **err)
{
	struct json_object *descriptor;
	cleanup_free char *text = NULL, *type = NULL;
	char digest[DIGEST_TEXT_MAX];
	size_t length;

	if (blob_read(&engine->store, manifest, DOCUMENT_MAX, &text, &length, err) < 0)
		return -1;
	type = text_member(text, length, "mediaType");
	descriptor = json_object_new_object();
	json_put_text(descriptor, "mediaType", *type ? type : OCI_MANIFEST);
	json_put_text(descriptor, "digest", digest_text(manifest, digest));
	json_put_int(descriptor, "size", (int64_t)length);
	json_put(obj, "Descriptor", descriptor);
	return 0;
}

/* What docker says of where an image is kept: ours has no directories to go into. */
static void put_storage(struct json_object *obj)
{
	struct json_object *driver = json_object_new_object();

	json_put(driver, "Data", NULL);
	json_put_text(driver, "Name", "overlay2");
	json_put(obj, "GraphDriver", driver);
}

static void put_config(
	struct json_object *obj, const struct image_config *config, const char *docker_version)
{
	json_put_text(obj, "Parent", "");
	json_put_text(obj, "Comment", config->comment ? config->comment : "");
	json_put_text(obj, "Created", config->created ? config->created : CLOCK_NEVER);
	json_put_text(obj, "DockerVersion", docker_version);
	json_put_text(obj, "Author", config->author ? config->author : "");
	json_put(obj, "Config", image_defaults_json(&config->config));
	json_put_text(obj, "Architecture", config->architecture);
	json_put_text(obj, "Variant", config->variant);
	json_put_text(obj, "Os", config->os);
}

int image_inspect(
	struct engine *engine, const char *name, struct json_object **ret, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_image_row struct image_row row = { 0 };
	cleanup_json struct json_object *obj = json_object_new_object();
	cleanup_json struct json_object *times = json_object_new_object();
	cleanup_free char *text = NULL, *docker_version = NULL;
	char id[DIGEST_TEXT_MAX];
	size_t length;

	if (store_find_image(&engine->store, name, &row, err) < 0 ||
		blob_read(&engine->store, &row.id, DOCUMENT_MAX, &text, &length, err) < 0 ||
		image_config_parse(text, length, &config, err) < 0)
		return -1;
	docker_version = text_member(text, length, "docker_version");
	json_put_text(obj, "Id", digest_text(&row.id, id));
	if (put_names(engine, &row, obj, err) < 0)
		return -1;
	put_config(obj, &config, docker_version);
	json_put_int(obj, "Size", row.size);
	put_storage(obj);
	json_put(obj, "RootFS", rootfs_json(&config));
	json_put_text(times, "LastTagTime", CLOCK_NEVER); /* nobody writes it down */
	json_put(obj, "Metadata", take_ptr(times));
	if (put_descriptor(engine, &row.manifest, obj, err) < 0)
		return -1;
	*ret = take_ptr(obj);
	return 0;
}

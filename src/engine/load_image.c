/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/load_image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "oci/reference.h"
#include "store/form.h"

#define BLOBS "blobs/sha256/"

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void load_image_done(struct load_image *image)
{
	free(image->text);
	manifest_done(&image->manifest);
	strv_free(image->names);
	*image = (struct load_image){ 0 };
}

/* ---- the configuration ---- */

/* A Docker archive calls it "<hex>.json" or "blobs/sha256/<hex>": then its content must be that. */
static bool digest_of_name(const char *name, struct digest *ret)
{
	cleanup_error struct error *no_digest = NULL;
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	char text[DIGEST_TEXT_MAX];

	if (strcspn(last, ".") != 2UL * DIGEST_SIZE)
		return false;
	(void)snprintf(text, sizeof(text), "sha256:%s", last); /* cut where the digits end */
	return digest_parse(text, ret, &no_digest) == 0;
}

/* Looks for a blob of an OCI layout, and puts it unless it is here. */
static int need_blob(
	const struct load *load, const struct descriptor *descriptor, struct error **err)
{
	char text[DIGEST_TEXT_MAX], name[sizeof(BLOBS) + DIGEST_TEXT_MAX];
	const struct load_file *file;
	struct digest digest;
	int here = blob_keep(load->store, &descriptor->digest, descriptor->size, err);

	if (here != 0)
		return here < 0 ? -1 : 0;
	(void)snprintf(name, sizeof(name), BLOBS "%s",
		digest_text(&descriptor->digest, text) + strlen("sha256:"));
	file = load_source_find(&load->source, name, err);
	if (!file)
		return -1;
	if (file->size != descriptor->size)
		return error_new(err, ERROR_INVALID,
			"'%s' has %lld bytes, and its descriptor says %lld", name,
			(long long)file->size, (long long)descriptor->size);
	return load_source_put(&load->source, file, &descriptor->digest, &digest, err);
}

static int put_docker_config(const struct load *load, struct load_image *image, struct error **err)
{
	const struct load_file *file = load_source_find(&load->source, image->config_name, err);
	struct descriptor *config = &image->manifest.config;
	struct digest expected;
	bool has_digest = digest_of_name(image->config_name, &expected);

	if (!file)
		return -1;
	if (file->size > (int64_t)LOAD_JSON_MAX)
		return error_new(err, ERROR_INVALID, "'%s' has %lld bytes; %lu are the most",
			file->name, (long long)file->size, LOAD_JSON_MAX);
	config->size = file->size;
	return load_source_put(
		&load->source, file, has_digest ? &expected : NULL, &config->digest, err);
}

static int check_platform(
	const struct load *load, const struct image_config *config, struct error **err)
{
	const char *wanted = load->options->architecture;

	if (config->os && *config->os && strcmp(config->os, "linux") != 0)
		return error_new(err, ERROR_UNSUPPORTED,
			"image operating system \"%s\" cannot be used on this platform",
			config->os);
	if (wanted && config->architecture && strcmp(config->architecture, wanted) != 0)
		return error_new(err, ERROR_NOT_FOUND,
			"the image is of platform linux/%s, and not of linux/%s",
			config->architecture, wanted);
	return 0;
}

static int take_config(const struct load *load, struct load_image *image, struct image_config *ret,
	struct error **err)
{
	struct manifest *manifest = &image->manifest;
	size_t layers = image->text ? manifest->entry_count : strv_length(image->layer_names);

	if (image->text && manifest->config.size > (int64_t)LOAD_JSON_MAX)
		return error_new(err, ERROR_INVALID, "its configuration is larger than %lu bytes",
			LOAD_JSON_MAX);
	if ((image->text ? need_blob(load, &manifest->config, err)
			 : put_docker_config(load, image, err)) < 0 ||
		store_read_config(load->store, &manifest->config.digest, ret, err) < 0)
		return error_wrap(err, "configuration");
	if (ret->layer_count != layers)
		return error_new(err, ERROR_INVALID,
			"its configuration names %zu layers, and its manifest %zu",
			ret->layer_count, layers);
	return check_platform(load, ret, err);
}

/* ---- layers ---- */

static int is_another(const struct digest *got, const struct digest *expected, struct error **err)
{
	char text[2][DIGEST_TEXT_MAX];

	return error_new(err, ERROR_INVALID, "its tar is %s, and the image's configuration says %s",
		digest_text(got, text[0]), digest_text(expected, text[1]));
}

static int layer_type(
	const struct load *load, const struct digest *blob, const char **ret, struct error **err)
{
	cleanup_close int fd = blob_open(load->store, blob, err);
	char head[FORM_PEEK];
	ssize_t length = fd < 0 ? -1 : TEMP_FAILURE_RETRY(read(fd, head, sizeof(head)));
	enum archive_form form;

	if (length < 0)
		return fd < 0 ? -1 : error_sys(err, "read a blob");
	form = form_detect(head, (size_t)length);
	*ret = form == FORM_GZIP ? OCI_LAYER_GZIP : form == FORM_ZSTD ? OCI_LAYER_ZSTD : OCI_LAYER;
	return 0;
}

/* A Docker archive names files alone: what they are tells their content. */
static int put_docker_layer(const struct load *load, const char *name, const struct digest *diff_id,
	struct descriptor *ret, struct error **err)
{
	const struct load_file *file = load_source_find(&load->source, name, err);
	const char *type = OCI_LAYER;
	struct digest digest = *diff_id;
	int here;

	if (!file)
		return -1;
	/* Known already: not even read. */
	here = layer_exists(load->store, diff_id) ? blob_keep(load->store, diff_id, file->size, err)
						  : 0;
	if (here < 0)
		return -1;
	if (here == 0 && load_source_put(&load->source, file, NULL, &digest, err) < 0)
		return -1;
	if (!same(&digest, diff_id) && layer_type(load, &digest, &type, err) < 0)
		return -1;
	/* What is not compressed needs no unpacking to be seen as the wrong one. */
	if (!same(&digest, diff_id) && strcmp(type, OCI_LAYER) == 0)
		return is_another(&digest, diff_id, err);
	*ret = (struct descriptor){
		.media_type = xstrdup(type), .digest = digest, .size = file->size
	};
	return 0;
}

static int import_layer(const struct load *load, const struct digest *blob,
	const struct digest *diff_id, struct error **err)
{
	cleanup_close int fd = -1;
	struct layer_row row;
	int result;

	if (layer_exists(load->store, diff_id))
		return 0;
	if (same(blob, diff_id)) {
		result = layer_import_blob(load->store, blob, &row, err);
	} else {
		fd = blob_open(load->store, blob, err);
		result = fd < 0 ? -1 : layer_import(load->store, fd, &row, err);
	}
	if (result < 0)
		return -1;
	return same(&row.diff_id, diff_id) ? 0 : is_another(&row.diff_id, diff_id, err);
}

static void tell_layer(const struct load *load, const struct digest *diff_id)
{
	const struct registry_progress *progress = load->options->progress;
	char line[64], text[DIGEST_TEXT_MAX];

	if (!progress || !progress->line)
		return;
	(void)snprintf(line, sizeof(line), "%.*s: Loading layer", ID_SHORT,
		digest_text(diff_id, text) + strlen("sha256:"));
	progress->line(line, progress->arg);
}

/*
 * First all blobs, then what is made of them: a missing or a wrong one is found before the long
 * work.
 */
static int put_layers(const struct load *load, struct load_image *image,
	const struct image_config *config, struct error **err)
{
	struct manifest *manifest = &image->manifest;

	if (!image->text)
		manifest->entries = xcalloc(config->layer_count + 1, sizeof(*manifest->entries));
	for (size_t i = 0; i < config->layer_count; i++) {
		int result;

		if (image->text) {
			result = need_blob(load, &manifest->entries[i], err);
		} else {
			result = put_docker_layer(load, image->layer_names[i], &config->diff_ids[i],
				&manifest->entries[i], err);
			manifest->entry_count += result == 0;
		}
		if (result < 0)
			return error_wrap(err, "layer %zu", i + 1);
	}
	for (size_t i = 0; i < config->layer_count; i++) {
		if (!layer_exists(load->store, &config->diff_ids[i]))
			tell_layer(load, &config->diff_ids[i]);
		if (import_layer(load, &manifest->entries[i].digest, &config->diff_ids[i], err) < 0)
			return error_wrap(err, "layer %zu", i + 1);
	}
	return 0;
}

/* ---- the image ---- */

PRINTF_LIKE(2, 3) static void say(const struct load *load, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap); // NOLINT(clang-analyzer-valist.Uninitialized)
	va_end(ap);
	load->options->say(line, load->options->arg);
}

/* An image that is here already keeps the manifest that a registry knows it by. */
static int make_manifest(const struct load *load, struct load_image *image, struct error **err)
{
	struct manifest *manifest = &image->manifest;
	cleanup_image_row struct image_row row = { 0 };
	cleanup_free char *text = NULL;
	char id[DIGEST_TEXT_MAX];
	struct catalog *catalog;
	int found;

	if (store_catalog(load->store, &catalog, err) < 0)
		return -1;
	digest_text(&manifest->config.digest, id);
	found = catalog_find_image(catalog, id + strlen("sha256:"), &row, err);
	if (found < 0)
		return -1;
	if (found > 0 && blob_size(load->store, &row.manifest) > 0) {
		image->digest = row.manifest;
		return 0;
	}
	replace_string(&manifest->media_type, xstrdup(OCI_MANIFEST));
	replace_string(&manifest->config.media_type, xstrdup(OCI_CONFIG));
	text = manifest_text(manifest);
	return blob_put(load->store, text, strlen(text), &image->digest, err);
}

static int put_manifest(const struct load *load, struct load_image *image, struct error **err)
{
	struct digest digest;

	if (!image->text)
		return make_manifest(load, image, err);
	return blob_put(load->store, image->text, image->length, &digest, err);
}

static int normalise(char *const *names, strv *ret, struct error **err)
{
	cleanup_strv strv texts = NULL;

	for (size_t i = 0; names && names[i]; i++) {
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *text = NULL;

		if (reference_parse(names[i], &ref, err) < 0)
			return -1;
		if (ref.digest)
			return error_new(err, ERROR_INVALID, "invalid tag \"%s\"", names[i]);
		text = reference_text(&ref);
		if (!strv_contains(texts, text))
			strv_take(&texts, take_ptr(text));
	}
	*ret = take_ptr(texts);
	return 0;
}

static char *familiar(const char *name)
{
	cleanup_error struct error *unlikely = NULL;
	cleanup_reference struct reference ref = { 0 };

	return reference_parse(name, &ref, &unlikely) < 0 ? xstrdup(name)
							  : reference_familiar(&ref);
}

/* Who loads does not always know which names come with it: none is taken away without a word. */
static int tell_renamed(
	const struct load *load, char *const *names, const struct digest *id, struct error **err)
{
	struct catalog *catalog;

	if (store_catalog(load->store, &catalog, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_image_row struct image_row old = { 0 };
		cleanup_free char *name = familiar(names[i]);
		char text[DIGEST_TEXT_MAX];
		int found = catalog_find_reference(catalog, names[i], &old, err);

		if (found < 0)
			return -1;
		if (found > 0 && !same(&old.id, id))
			say(load,
				"The image %s already exists, renaming the old one with ID %s to "
				"empty string",
				name, digest_text(&old.id, text));
	}
	return 0;
}

static int adopt(const struct load *load, const struct load_image *image, char *const *names,
	struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	struct catalog *catalog;

	if (store_catalog(load->store, &catalog, err) < 0 ||
		tell_renamed(load, names, &image->manifest.config.digest, err) < 0 ||
		store_adopt_image(load->store, &image->digest, names ? names[0] : NULL, &row, err) <
			0)
		return -1;
	for (size_t i = 1; names && names[0] && names[i]; i++)
		if (catalog_put_reference(catalog, names[i], &row.id, err) < 0)
			return -1;
	return strv_length(names) > 1 ? store_write_index(load->store, err) : 0;
}

int load_image_add(const struct load *load, struct load_image *image, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_strv strv names = NULL;
	char id[DIGEST_TEXT_MAX];

	if (normalise(image->names, &names, err) < 0 ||
		take_config(load, image, &config, err) < 0 ||
		put_layers(load, image, &config, err) < 0 || put_manifest(load, image, err) < 0 ||
		adopt(load, image, names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		cleanup_free char *name = familiar(names[i]);

		say(load, "Loaded image: %s", name);
	}
	if (!names)
		say(load, "Loaded image ID: %s", digest_text(&image->manifest.config.digest, id));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sha256.h"
#include "oci/platform.h"
#include "registry/pull_layers.h"
#include "registry/pull_session.h"

#define CONFIG_BYTES_MAX (4UL * 1024 * 1024)
#define COMMITS_MAX 5 /* how often others may remove images that have our layers, meanwhile */

struct pull {
	struct store *store;
	const struct reference *ref;
	const struct pull_options *options;
	const struct registry_progress *progress;
	struct platform platform;
	struct pull_session session;
	char *name; /* in the catalogue */
	struct image_row present; /* of that name, complete, for this platform; else zeros */
	strv known; /* digests by which the registry may mean that image */
	struct digest named; /* what the reference names: an index or the manifest */
	struct pull_text manifest_text;
	struct digest manifest_digest;
	struct manifest manifest;
	struct pull_text config_text;
	struct image_config config;
	struct pull_layers layers;
};

PRINTF_LIKE(2, 3) static void say(const struct pull *pull, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!pull->progress->line)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap); // NOLINT(clang-analyzer-valist.Uninitialized)
	va_end(ap);
	pull->progress->line(line, pull->progress->arg);
}

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- what is here ---- */

/* A pull by digest makes no tag: nobody said that the tag is this image now. */
static char *catalog_name(const struct reference *ref)
{
	struct reference named = *ref;

	if (ref->digest)
		named.tag = NULL;
	return reference_text(&named);
}

/* 1 when the image and all its layers can be used. */
static int is_complete(struct pull *pull, const struct image_row *row, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };

	if (store_read_config(pull->store, &row->id, &config, err) < 0) {
		error_free(take_ptr(*err)); /* damaged: it comes again */
		return 0;
	}
	if (!platform_fits(&pull->platform, &config))
		return 0;
	for (size_t i = 0; i < config.layer_count; i++)
		if (!layer_exists(pull->store, &config.diff_ids[i]))
			return 0;
	return 1;
}

/*
 * When the registry still means the image that we have under this name, the first answer says so,
 * and nothing more is asked.
 */
static int find_present(struct pull *pull, struct error **err)
{
	cleanup_free char *repository = reference_repository(pull->ref);
	cleanup_image_row struct image_row row = { 0 };
	cleanup_strv strv digests = NULL;
	struct catalog *catalog;
	size_t length = strlen(repository);
	int found;

	pull->name = catalog_name(pull->ref);
	if (store_catalog(pull->store, &catalog, err) < 0)
		return -1;
	found = catalog_find_reference(catalog, pull->name, &row, err);
	if (found > 0)
		found = is_complete(pull, &row, err);
	if (found <= 0)
		return found;
	if (catalog_repo_digests_of(catalog, &row.id, &digests, err) < 0)
		return -1;
	for (size_t i = 0; digests && digests[i]; i++)
		if (strncmp(digests[i], repository, length) == 0 && digests[i][length] == '@')
			strv_append(&pull->known, digests[i] + length + 1);
	pull->present = row;
	row = (struct image_row){ 0 };
	return 0;
}

/* ---- what to pull ---- */

static int check_named(const struct pull *pull, struct error **err)
{
	struct digest wanted;

	if (!pull->ref->digest)
		return 0;
	if (digest_parse(pull->ref->digest, &wanted, err) < 0)
		return -1;
	if (!same(&wanted, &pull->named))
		return error_new(
			err, ERROR_INVALID, "the manifest is not that of %s", pull->ref->digest);
	return 0;
}

/* The helper chose the index's entry; the choice is made again here, and must be the same. */
static int check_chosen(
	const struct pull *pull, const struct pull_text *index_text, struct error **err)
{
	cleanup_manifest struct manifest index = { 0 };
	const struct descriptor *chosen;

	if (manifest_parse(index_text->text, index_text->length, &index, err) < 0)
		return -1;
	if (!index.is_index)
		return error_new(err, ERROR_INVALID, "two manifests came for one");
	chosen = platform_select(&pull->platform, &index, err);
	if (!chosen)
		return -1;
	if (!same(&chosen->digest, &pull->manifest_digest) ||
		chosen->size != (int64_t)pull->manifest_text.length)
		return error_new(
			err, ERROR_INVALID, "the manifest is not the one that the index names");
	return 0;
}

static int read_manifests(
	struct pull *pull, const struct pull_text texts[static 2], struct error **err)
{
	bool has_index = texts[1].length > 0;
	const struct pull_text *own = &texts[has_index ? 1 : 0];

	sha256_bytes(own->text, own->length, pull->manifest_digest.sha256);
	pull->manifest_text = (struct pull_text){ xstrndup(own->text, own->length), own->length };
	if ((has_index && check_chosen(pull, &texts[0], err) < 0) ||
		manifest_parse(own->text, own->length, &pull->manifest, err) < 0)
		return -1;
	if (pull->manifest.is_index)
		return error_new(err, ERROR_INVALID, "it is an index inside an index");
	return 0;
}

/* 1 when it is what we have. */
static int read_answer(
	struct pull *pull, const struct pull_text texts[static 2], struct error **err)
{
	char named[DIGEST_TEXT_MAX];

	sha256_bytes(texts[0].text, texts[0].length, pull->named.sha256);
	if (check_named(pull, err) < 0)
		return -1;
	if (strv_contains(pull->known, digest_text(&pull->named, named)))
		return 1;
	return read_manifests(pull, texts, err);
}

static int resolve(struct pull *pull, struct error **err)
{
	cleanup_free char *platform = platform_text(&pull->platform);
	struct pull_text texts[2] = { 0 };
	int result;

	if (pull_session_resolve(&pull->session, platform, pull->known, texts, err) < 0)
		return -1;
	result = read_answer(pull, texts, err);
	free(texts[0].text);
	free(texts[1].text);
	return result;
}

static int check_types(const struct pull *pull, struct error **err)
{
	const struct manifest *manifest = &pull->manifest;

	if (strcmp(manifest->config.media_type, OCI_CONFIG) != 0 &&
		strcmp(manifest->config.media_type, DOCKER_CONFIG) != 0)
		return error_new(err, ERROR_UNSUPPORTED, "it is no container image but '%s'",
			manifest->config.media_type);
	for (size_t i = 0; i < manifest->entry_count; i++)
		if (!layer_type_is_known(manifest->entries[i].media_type))
			return error_new(err, ERROR_UNSUPPORTED, "layer %zu is of type '%s'", i + 1,
				manifest->entries[i].media_type);
	if (manifest->config.size > (int64_t)CONFIG_BYTES_MAX)
		return error_new(err, ERROR_INVALID, "its configuration is larger than %lu bytes",
			CONFIG_BYTES_MAX);
	return 0;
}

/* ---- the configuration ---- */

/* 1 when it is here already, and whole. */
static int find_config(struct pull *pull)
{
	cleanup_error struct error *unsaid = NULL;

	return blob_read(pull->store, &pull->manifest.config.digest, CONFIG_BYTES_MAX,
		       &pull->config_text.text, &pull->config_text.length, &unsaid) == 0;
}

static int check_platform(const struct pull *pull, struct error **err)
{
	cleanup_free char *familiar = NULL, *wanted = NULL;
	const struct image_config *config = &pull->config;

	if (config->os && *config->os && strcmp(config->os, "linux") != 0)
		return error_new(err, ERROR_UNSUPPORTED,
			"image operating system \"%s\" cannot be used on this platform",
			config->os);
	if (!pull->options->platform || platform_fits(&pull->platform, config))
		return 0;
	familiar = reference_familiar(pull->ref);
	wanted = platform_text(&pull->platform);
	return error_new(err, ERROR_NOT_FOUND,
		"image with reference %s was found but its platform (%s/%s) does not match the "
		"specified platform (%s)",
		familiar, config->os, config->architecture, wanted);
}

static int get_config(struct pull *pull, struct error **err)
{
	struct digest digest;

	if (!find_config(pull) && (pull_session_get(&pull->session, &pull->manifest.config,
					   &pull->config_text, err) < 0 ||
					  blob_put(pull->store, pull->config_text.text,
						  pull->config_text.length, &digest, err) < 0))
		return error_wrap(err, "the image's configuration");
	if (image_config_parse(
		    pull->config_text.text, pull->config_text.length, &pull->config, err) < 0)
		return -1;
	if (pull->config.layer_count != pull->manifest.entry_count)
		return error_new(err, ERROR_INVALID,
			"its configuration names %zu layers, and its manifest %zu",
			pull->config.layer_count, pull->manifest.entry_count);
	return check_platform(pull, err);
}

/* ---- the image ---- */

/*
 * Another process may have removed an image that had one of the layers, and its row with it. Their
 * files are held, so the row can be put back.
 */
static int adopt(
	struct pull *pull, const struct digest *manifest, struct image_row *ret, struct error **err)
{
	for (int i = 1;; i++) {
		if (store_adopt_image(pull->store, manifest, pull->name, ret, err) == 0)
			return 0;
		if (i == COMMITS_MAX || error_kind(*err) != ERROR_NOT_FOUND)
			return -1;
		error_free(take_ptr(*err));
		if (pull_layers_register(&pull->layers, err) < 0)
			return -1;
	}
}

/* *ret_new: the reference did not name this image before. */
static int commit(struct pull *pull, struct image_row *ret, bool *ret_new, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 }, old = { 0 };
	cleanup_free char *repository = reference_repository(pull->ref);
	struct catalog *catalog = NULL;
	struct digest digest;
	int found;

	if (blob_put(pull->store, pull->manifest_text.text, pull->manifest_text.length, &digest,
		    err) < 0 ||
		store_catalog(pull->store, &catalog, err) < 0)
		return -1;
	found = catalog_find_reference(catalog, pull->name, &old, err);
	if (found < 0 || adopt(pull, &digest, &row, err) < 0 ||
		catalog_put_repo_digest(catalog, repository, &pull->named, &row.id, err) < 0)
		return -1;
	*ret_new = found == 0 || !same(&old.id, &row.id);
	*ret = row;
	row = (struct image_row){ 0 };
	return 0;
}

static int get_image(struct pull *pull, struct image_row *ret, bool *ret_new, struct error **err)
{
	if (check_types(pull, err) < 0 || get_config(pull, err) < 0)
		return -1;
	pull->layers = (struct pull_layers){
		.store = pull->store, .session = &pull->session, .progress = pull->progress
	};
	if (pull_layers_init(&pull->layers, &pull->manifest, &pull->config, err) < 0 ||
		pull_layers_run(&pull->layers, err) < 0)
		return -1;
	return commit(pull, ret, ret_new, err);
}

static void say_end(const struct pull *pull, bool is_new)
{
	cleanup_free char *familiar = reference_familiar(pull->ref);
	char named[DIGEST_TEXT_MAX];

	say(pull, "Digest: %s", digest_text(&pull->named, named));
	if (pull->options->is_new)
		*pull->options->is_new = is_new;
	else
		say(pull, "Status: %s for %s",
			is_new ? "Downloaded newer image" : "Image is up to date", familiar);
}

/* What says it in docker's words names the reference already. */
static int explain(const struct pull *pull, bool resolving, struct error **err)
{
	cleanup_free char *familiar = reference_familiar(pull->ref);
	enum error_kind kind = error_kind(*err);

	if (kind == ERROR_UNAVAILABLE && !error_hint_text(*err))
		error_hint(err, "see whether the registry can be reached, and pull again: what "
				"was downloaded is kept");
	if (resolving && (kind == ERROR_NOT_FOUND || kind == ERROR_DENIED))
		return -1;
	return error_wrap(err, "pull %s", familiar);
}

static int run(struct pull *pull, struct image_row *ret, struct error **err)
{
	bool is_new = false;
	int present;

	if (find_present(pull, err) < 0)
		return -1;
	present = resolve(pull, err);
	if (present < 0)
		return explain(pull, true, err);
	say(pull, "%s: Pulling from %s", pull->ref->digest ? pull->ref->digest : pull->ref->tag,
		pull->ref->path);
	if (present == 1) {
		*ret = pull->present;
		pull->present = (struct image_row){ 0 };
	} else if (get_image(pull, ret, &is_new, err) < 0) {
		return explain(pull, false, err);
	}
	say_end(pull, is_new);
	return 0;
}

int registry_pull(struct store *store, const struct reference *ref,
	const struct pull_options *options, struct image_row *ret, struct error **err)
{
	static const struct registry_progress silent;
	struct pull pull = { .store = store,
		.ref = ref,
		.options = options,
		.progress = options->progress ? options->progress : &silent };
	int result = platform_parse(options->platform, &pull.platform, err);

	if (result == 0)
		result = pull_session_open(store, ref, pull.progress, &pull.session, err);
	if (result == 0)
		result = run(&pull, ret, err);
	/* The workers first: they are at the other end of what the helper writes to. */
	pull_layers_done(&pull.layers);
	pull_session_close(&pull.session);
	manifest_done(&pull.manifest);
	image_config_done(&pull.config);
	image_row_done(&pull.present);
	platform_done(&pull.platform);
	strv_free(pull.known);
	free(pull.name);
	free(pull.manifest_text.text);
	free(pull.config_text.text);
	return result;
}

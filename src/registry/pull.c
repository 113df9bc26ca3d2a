/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "base/sha256.h"
#include "registry/pull_session.h"

#define CONFIG_BYTES_MAX (4UL * 1024 * 1024)
#define COPY_BYTES 131072UL

struct pull {
	struct store *store;
	const struct reference *ref;
	const struct registry_progress *progress;
	struct pull_session session;
	struct digest named; /* what the reference names: an index or the manifest */
	struct pull_text manifest_text;
	struct digest manifest_digest;
	struct manifest manifest;
	struct pull_text config_text;
	struct image_config config;
	bool *layer_done; /* for each */
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

static void say_layer(const struct pull *pull, size_t i, const char *what)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(&pull->manifest.entries[i].digest, text);
	say(pull, "%.*s: %s", ID_SHORT, text + strlen("sha256:"), what);
}

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
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
	chosen = index.is_index ? manifest_select(&index, NULL) : NULL;
	if (!chosen || !same(&chosen->digest, &pull->manifest_digest) ||
		chosen->size != (int64_t)pull->manifest_text.length)
		return error_new(
			err, ERROR_INVALID, "the manifest is not the one that the index names");
	return 0;
}

static int read_manifests(struct pull *pull, struct pull_text texts[static 2], struct error **err)
{
	bool has_index = texts[1].length > 0;
	struct pull_text *own = &texts[has_index ? 1 : 0];

	sha256_bytes(texts[0].text, texts[0].length, pull->named.sha256);
	sha256_bytes(own->text, own->length, pull->manifest_digest.sha256);
	pull->manifest_text = (struct pull_text){ xstrndup(own->text, own->length), own->length };
	if (check_named(pull, err) < 0 || (has_index && check_chosen(pull, &texts[0], err) < 0) ||
		manifest_parse(own->text, own->length, &pull->manifest, err) < 0)
		return -1;
	if (pull->manifest.is_index)
		return error_new(err, ERROR_INVALID, "it is an index inside an index");
	return 0;
}

static int resolve(struct pull *pull, struct error **err)
{
	struct pull_text texts[2] = { 0 };
	int result;

	if (pull_session_resolve(&pull->session, texts, err) < 0)
		return -1;
	result = read_manifests(pull, texts, err);
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

/* ---- blobs ---- */

/* Hashed as it is put into the store: what the helper wrote counts only when the digest does. */
static int store_file(struct pull *pull, int fd, const struct digest *expected, struct error **err)
{
	cleanup_free char *buf = xcalloc(1, COPY_BYTES);
	struct blob_writer *writer = NULL;
	struct digest digest;
	int64_t size;
	ssize_t n;

	if (blob_begin(pull->store, &writer, err) < 0)
		return -1;
	while ((n = TEMP_FAILURE_RETRY(read(fd, buf, COPY_BYTES))) > 0)
		if (blob_write(writer, buf, (size_t)n, err) < 0)
			goto fail;
	if (n < 0) {
		error_sys(err, "read a download");
		goto fail;
	}
	return blob_commit(&writer, expected, &digest, &size, err);
fail:
	blob_abort(writer);
	return -1;
}

static int get_config(struct pull *pull, struct error **err)
{
	const struct descriptor *descriptor = &pull->manifest.config;
	cleanup_close int fd = -1;
	struct digest digest;

	if (pull_session_order(&pull->session, &descriptor->digest, descriptor->size, err) < 0 ||
		pull_session_next(&pull->session, &digest, &fd, err) < 0 ||
		store_file(pull, fd, &descriptor->digest, err) < 0 ||
		blob_read(pull->store, &descriptor->digest, CONFIG_BYTES_MAX,
			&pull->config_text.text, &pull->config_text.length, err) < 0 ||
		image_config_parse(
			pull->config_text.text, pull->config_text.length, &pull->config, err) < 0)
		return -1;
	if (pull->config.layer_count != pull->manifest.entry_count)
		return error_new(err, ERROR_INVALID,
			"its configuration names %zu layers, and its manifest %zu",
			pull->config.layer_count, pull->manifest.entry_count);
	if (pull->config.os && *pull->config.os && strcmp(pull->config.os, "linux") != 0)
		return error_new(err, ERROR_UNSUPPORTED,
			"image operating system \"%s\" cannot be used on this platform",
			pull->config.os);
	return 0;
}

/* ---- layers ---- */

/* 1 when the layer is here already; its size is added. */
static int find_layer(struct pull *pull, size_t i, struct error **err)
{
	const struct digest *diff_id = &pull->config.diff_ids[i];
	struct catalog *catalog = NULL;
	struct layer_row row;
	int found;

	if (store_catalog(pull->store, &catalog, err) < 0)
		return -1;
	found = catalog_find_layer(catalog, diff_id, &row, err);
	if (found <= 0 || !layer_exists(pull->store, diff_id))
		return found < 0 ? -1 : 0;
	return 1;
}

/* Nothing is said of layers when all are here: the last line will say that. */
static int find_layers(struct pull *pull, struct error **err)
{
	size_t count = pull->manifest.entry_count, here = 0;

	pull->layer_done = xcalloc(count, sizeof(bool));
	for (size_t i = 0; i < count; i++) {
		int found = find_layer(pull, i, err);

		if (found < 0)
			return -1;
		pull->layer_done[i] = found > 0;
		here += (size_t)found;
	}
	for (size_t i = 0; i < count && here < count; i++)
		say_layer(pull, i, pull->layer_done[i] ? "Already exists" : "Pulling fs layer");
	return 0;
}

static int import_layer(struct pull *pull, size_t i, struct error **err)
{
	cleanup_close int fd = blob_open(pull->store, &pull->manifest.entries[i].digest, err);
	char got[DIGEST_TEXT_MAX], expected[DIGEST_TEXT_MAX];
	struct layer_row row;

	if (fd < 0 || layer_import(pull->store, fd, &row, err) < 0)
		return error_wrap(err, "layer %zu", i + 1);
	if (!same(&row.diff_id, &pull->config.diff_ids[i]))
		return error_new(err, ERROR_INVALID,
			"layer %zu unpacks to %s, and the image's configuration says %s", i + 1,
			digest_text(&row.diff_id, got),
			digest_text(&pull->config.diff_ids[i], expected));
	pull->layer_done[i] = true;
	say_layer(pull, i, "Pull complete");
	return 0;
}

/* A blob has come: every layer that it is (an image may have the same one twice). */
static int take_layer(struct pull *pull, int fd, const struct digest *digest, struct error **err)
{
	const struct manifest *manifest = &pull->manifest;

	if (store_file(pull, fd, digest, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->entry_count; i++) {
		if (pull->layer_done[i] || !same(&manifest->entries[i].digest, digest))
			continue;
		say_layer(pull, i, "Download complete");
		if (import_layer(pull, i, err) < 0)
			return -1;
	}
	return 0;
}

/* Whether an earlier layer that is on its way is the same blob. */
static bool is_asked(const struct pull *pull, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!pull->layer_done[k] &&
			same(&pull->manifest.entries[k].digest, &pull->manifest.entries[i].digest))
			return true;
	return false;
}

/* Orders as many as may be on their way, from *next on. Returns how many were ordered. */
static int order_more(struct pull *pull, size_t *next, struct error **err)
{
	const struct manifest *manifest = &pull->manifest;
	int count = 0;

	for (; *next < manifest->entry_count && pull_session_has_room(&pull->session); ++*next) {
		const struct descriptor *entry = &manifest->entries[*next];

		if (pull->layer_done[*next] || is_asked(pull, *next))
			continue;
		if (pull_session_order(&pull->session, &entry->digest, entry->size, err) < 0)
			return -1;
		count++;
	}
	return count;
}

/* While one layer is unpacked here, the helper downloads the next ones. */
static int get_layers(struct pull *pull, struct error **err)
{
	size_t next = 0;
	int waiting = order_more(pull, &next, err);

	while (waiting > 0) {
		cleanup_close int fd = -1;
		struct digest digest;
		int more;

		if (pull_session_next(&pull->session, &digest, &fd, err) < 0)
			return -1;
		more = order_more(pull, &next, err);
		if (more < 0 || take_layer(pull, fd, &digest, err) < 0)
			return -1;
		waiting += more - 1;
	}
	return waiting;
}

/* ---- the image ---- */

/* A pull by digest makes no tag: nobody said that the tag is this image now. */
static char *catalog_name(const struct reference *ref)
{
	struct reference named = *ref;

	if (ref->digest)
		named.tag = NULL;
	return reference_text(&named);
}

/* *ret_new: the reference did not name this image before. */
static int commit(struct pull *pull, struct image_row *ret, bool *ret_new, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 }, old = { 0 };
	cleanup_free char *name = catalog_name(pull->ref);
	cleanup_free char *repository = reference_repository(pull->ref);
	struct catalog *catalog = NULL;
	struct digest digest;
	int found;

	if (blob_put(pull->store, pull->manifest_text.text, pull->manifest_text.length, &digest,
		    err) < 0 ||
		store_catalog(pull->store, &catalog, err) < 0)
		return -1;
	found = catalog_find_reference(catalog, name, &old, err);
	if (found < 0 || store_adopt_image(pull->store, &digest, name, &row, err) < 0 ||
		catalog_put_repo_digest(catalog, repository, &pull->named, &row.id, err) < 0)
		return -1;
	*ret_new = found == 0 || !same(&old.id, &row.id);
	*ret = row;
	row = (struct image_row){ 0 };
	return 0;
}

static int run(struct pull *pull, struct image_row *ret, struct error **err)
{
	cleanup_free char *familiar = reference_familiar(pull->ref);
	char named[DIGEST_TEXT_MAX];
	bool is_new = true;

	if (resolve(pull, err) < 0)
		return -1;
	say(pull, "%s: Pulling from %s", pull->ref->digest ? pull->ref->digest : pull->ref->tag,
		pull->ref->path);
	if (check_types(pull, err) < 0 || get_config(pull, err) < 0 || find_layers(pull, err) < 0 ||
		get_layers(pull, err) < 0 || commit(pull, ret, &is_new, err) < 0)
		return -1;
	say(pull, "Digest: %s", digest_text(&pull->named, named));
	say(pull, "Status: %s for %s", is_new ? "Downloaded newer image" : "Image is up to date",
		familiar);
	return 0;
}

int registry_pull(struct store *store, const struct reference *ref,
	const struct registry_progress *progress, struct image_row *ret, struct error **err)
{
	static const struct registry_progress silent;
	struct pull pull = {
		.store = store, .ref = ref, .progress = progress ? progress : &silent
	};
	int result = pull_session_open(store, ref, pull.progress, &pull.session, err);

	if (result == 0)
		result = run(&pull, ret, err);
	pull_session_close(&pull.session);
	manifest_done(&pull.manifest);
	image_config_done(&pull.config);
	free(pull.manifest_text.text);
	free(pull.config_text.text);
	free(pull.layer_done);
	return result;
}

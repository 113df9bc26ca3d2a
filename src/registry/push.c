/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/push.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "registry/push_session.h"
#include "store/compress.h"

#define MANIFEST_MAX (4UL * 1024 * 1024)

struct push_layer {
	char id[ID_SHORT + 1]; /* of the diff ID, as docker's push shows layers */
	bool repeated; /* an earlier layer is the same blob: nothing is said or sent of it */
	bool elsewhere; /* push.from has it */
};

struct push {
	struct store *store;
	const struct reference *ref;
	struct image_row *image;
	const struct registry_progress *progress;
	struct push_session session;
	char *text; /* the manifest */
	size_t length;
	struct manifest manifest;
	struct image_config config;
	struct push_layer *layers; /* for each entry, bottom first */
	char *from; /* the path of a repository there that has some of them; NULL: none */
};

PRINTF_LIKE(2, 3) static void say(const struct push *push, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!push->progress->line)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap); // NOLINT(clang-analyzer-valist.Uninitialized)
	va_end(ap);
	push->progress->line(line, push->progress->arg);
}

/* Of what goes on inside a layer only a terminal is told: it shows it in place. */
static void say_on_terminal(
	const struct push *push, const struct push_layer *layer, const char *what)
{
	if (push->progress->bytes)
		say(push, "%s: %s", layer->id, what);
}

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- what to push ---- */

static int read_manifest(struct push *push, struct error **err)
{
	free(take_ptr(push->text));
	manifest_done(&push->manifest);
	if (blob_read(push->store, &push->image->manifest, MANIFEST_MAX, &push->text, &push->length,
		    err) < 0)
		return -1;
	return manifest_parse(push->text, push->length, &push->manifest, err);
}

static int read_image(struct push *push, struct error **err)
{
	if (read_manifest(push, err) < 0 ||
		store_read_config(push->store, &push->image->id, &push->config, err) < 0)
		return -1;
	if (push->manifest.is_index || push->manifest.entry_count != push->config.layer_count)
		return error_new(
			err, ERROR_INVALID, "the image's manifest is not one of its configuration");
	return 0;
}

static void describe_layers(struct push *push)
{
	const struct image_config *config = &push->config;
	char text[DIGEST_TEXT_MAX];

	push->layers = xcalloc(config->layer_count + 1, sizeof(*push->layers));
	for (size_t i = 0; i < config->layer_count; i++) {
		struct push_layer *layer = &push->layers[i];

		digest_text(&config->diff_ids[i], text);
		memcpy(layer->id, text + strlen("sha256:"), ID_SHORT);
		for (size_t k = 0; k < i; k++)
			layer->repeated |= same(&config->diff_ids[k], &config->diff_ids[i]);
	}
}

/* Top first, as docker does it. */
static void say_all(const struct push *push, const char *what, size_t after)
{
	size_t position = 0;

	for (size_t i = push->config.layer_count; i-- > 0;)
		if (!push->layers[i].repeated && position++ >= after)
			say(push, "%s: %s", push->layers[i].id, what);
}

/* ---- compressing ---- */

static void show_compressing(
	const struct digest *diff_id, int64_t current, int64_t total, void *arg)
{
	const struct push *push = arg;
	const struct registry_progress *progress = push->progress;

	for (size_t i = 0; i < push->config.layer_count; i++) {
		if (!same(&push->config.diff_ids[i], diff_id))
			continue;
		say_on_terminal(push, &push->layers[i], "Compressing");
		progress->bytes(push->layers[i].id, current, total, progress->arg);
		return;
	}
}

static int compress(struct push *push, struct error **err)
{
	const struct compress_progress progress = {
		.bytes = push->progress->bytes ? show_compressing : NULL, .arg = push
	};
	struct digest before = push->image->manifest;

	if (image_compress(push->store, push->image, &progress, err) < 0)
		return -1;
	return same(&before, &push->image->manifest) ? 0 : read_manifest(push, err);
}

/* ---- what the registry may have elsewhere ---- */

/* The path of a repository of the same registry that is not the one we push to, or NULL. */
static const char *path_there(const struct push *push, const char *repository)
{
	size_t length = strlen(push->ref->domain);

	if (strncmp(repository, push->ref->domain, length) != 0 || repository[length] != '/' ||
		strcmp(repository + length + 1, push->ref->path) == 0)
		return NULL;
	return repository + length + 1;
}

static int repositories_of(const struct push *push, size_t layer, strv *ret, struct error **err)
{
	struct catalog *catalog;

	if (store_catalog(push->store, &catalog, err) < 0)
		return -1;
	return catalog_repositories_of(catalog, &push->config.diff_ids[layer], ret, err);
}

/* The first that has the lowest layer any has: images that share layers share the lower ones. One
 * is enough, for a token is asked for once. */
static int choose_source(struct push *push, struct error **err)
{
	for (size_t i = 0; i < push->config.layer_count; i++) {
		cleanup_strv strv names = NULL;

		if (repositories_of(push, i, &names, err) < 0)
			return -1;
		for (size_t k = 0; names && names[k]; k++) {
			const char *path = path_there(push, names[k]);

			if (!path)
				continue;
			if (!push->from)
				push->from = xstrdup(path);
			push->layers[i].elsewhere |= strcmp(path, push->from) == 0;
		}
	}
	return 0;
}

/* ---- sending ---- */

static void show_sent(const struct digest *digest, int64_t current, void *arg)
{
	const struct push *push = arg;
	const struct registry_progress *progress = push->progress;

	if (!progress->bytes)
		return;
	for (size_t i = 0; i < push->manifest.entry_count; i++) {
		const struct descriptor *entry = &push->manifest.entries[i];

		if (!same(&entry->digest, digest) || push->layers[i].repeated)
			continue;
		progress->bytes(push->layers[i].id, current, entry->size, progress->arg);
		return;
	}
}

static int send_blob(
	struct push *push, const struct descriptor *blob, const char *from, struct error **err)
{
	cleanup_close int fd = blob_open(push->store, &blob->digest, err);

	if (fd < 0)
		return error_wrap(err, "push");
	return push_session_send(&push->session, blob, fd, from, err);
}

/* Sends as many as may be under way, from *next on. Returns how many. */
static int send_more(struct push *push, size_t *next, struct error **err)
{
	int count = 0;

	for (; *next < push->manifest.entry_count && push_session_has_room(&push->session);
		++*next) {
		struct push_layer *layer = &push->layers[*next];

		if (layer->repeated)
			continue;
		if (send_blob(push, &push->manifest.entries[*next],
			    layer->elsewhere ? push->from : NULL, err) < 0)
			return -1;
		say_on_terminal(push, layer, "Pushing");
		count++;
	}
	return count;
}

static void say_end(const struct push *push, const struct digest *digest, enum push_end end)
{
	for (size_t i = 0; i < push->manifest.entry_count; i++) {
		const struct push_layer *layer = &push->layers[i];

		if (layer->repeated || !same(&push->manifest.entries[i].digest, digest))
			continue;
		if (end == PUSH_END_MOUNTED)
			say(push, "%s: Mounted from %s", layer->id, push->from);
		else
			say(push, "%s: %s", layer->id,
				end == PUSH_END_EXISTS ? "Layer already exists" : "Pushed");
	}
}

static int send_layers(struct push *push, struct error **err)
{
	size_t next = 0;
	int waiting = send_more(push, &next, err);

	while (waiting > 0) {
		struct digest digest;
		enum push_end end;
		int more;

		if (push_session_next(&push->session, &digest, &end, err) < 0)
			return -1;
		say_end(push, &digest, end);
		more = send_more(push, &next, err);
		if (more < 0)
			return -1;
		waiting += more - 1;
	}
	return waiting;
}

static int send_config(struct push *push, struct error **err)
{
	struct digest digest;
	enum push_end end;

	if (send_blob(push, &push->manifest.config, NULL, err) < 0)
		return -1;
	return push_session_next(&push->session, &digest, &end, err);
}

static int send_manifest(struct push *push, struct error **err)
{
	const struct descriptor manifest = { .media_type = push->manifest.media_type,
		.digest = push->image->manifest,
		.size = (int64_t)push->length };
	cleanup_close int fd = blob_open(push->store, &push->image->manifest, err);

	if (fd < 0)
		return -1;
	return push_session_manifest(&push->session, &manifest, fd, err);
}

static int remember(struct push *push, struct error **err)
{
	cleanup_free char *repository = reference_repository(push->ref);
	struct catalog *catalog;

	if (store_catalog(push->store, &catalog, err) < 0)
		return -1;
	return catalog_put_repo_digest(
		catalog, repository, &push->image->manifest, &push->image->id, err);
}

static int run(struct push *push, struct error **err)
{
	char digest[DIGEST_TEXT_MAX];

	if (read_image(push, err) < 0)
		return -1;
	describe_layers(push);
	say_all(push, "Preparing", 0);
	if (compress(push, err) < 0 || choose_source(push, err) < 0)
		return -1;
	say_all(push, "Waiting", PUSH_UPLOADS_MAX);
	if (push_session_open(&push->session, push->ref, push->from, err) < 0 ||
		send_layers(push, err) < 0 || send_config(push, err) < 0 ||
		send_manifest(push, err) < 0 || remember(push, err) < 0)
		return -1;
	say(push, "%s: digest: %s size: %zu", push->ref->tag,
		digest_text(&push->image->manifest, digest), push->length);
	return 0;
}

int registry_push(struct store *store, const struct reference *ref, struct image_row *image,
	const struct registry_progress *progress, struct error **err)
{
	static const struct registry_progress silent;
	struct push push = { .store = store,
		.ref = ref,
		.image = image,
		.progress = progress ? progress : &silent,
		.session = { .progress = show_sent } };
	int result;

	push.session.arg = &push;
	result = run(&push, err);
	push_session_close(&push.session);
	manifest_done(&push.manifest);
	image_config_done(&push.config);
	free(push.text);
	free(push.layers);
	free(push.from);
	return result;
}

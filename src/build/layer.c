/* SPDX-License-Identifier: Apache-2.0 */
#include "build/layer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "engine/snapshot.h"

int state_lowers(struct engine *engine, const struct state *state, strv *ret, struct error **err)
{
	if (state->image.layer_count == 0)
		return 0;
	return layer_lowers(
		&engine->store, state->image.diff_ids, state->image.layer_count, ret, err);
}

static int open_upper(const char *snapshot, struct error **err)
{
	cleanup_free char *upper = xasprintf("%s/fs", snapshot);
	int fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, "open '%s'", upper) : fd;
}

int workspace_open(struct engine *engine, const struct state *state, enum workspace_use use,
	struct workspace *ret, struct error **err)
{
	cleanup_workspace struct workspace made = { .engine = engine, .root_fd = -1 };
	cleanup_strv strv lowers = NULL;

	if (state_lowers(engine, state, &lowers, err) < 0)
		return -1;
	if ((use != WORKSPACE_READ || !lowers) && snapshot_make(engine, &made.snapshot, err) < 0)
		return -1;
	if (use != WORKSPACE_RUN) {
		/* An overlay needs something below: over nothing, the new directory is the root. */
		made.root_fd = lowers ? snapshot_mount(lowers, made.snapshot, err)
				      : open_upper(made.snapshot, err);
		if (made.root_fd < 0)
			return -1;
	}
	*ret = (struct workspace){ .engine = engine,
		.snapshot = take_ptr(made.snapshot),
		.root_fd = take_fd(&made.root_fd) };
	return 0;
}

int workspace_commit(struct workspace *workspace, struct layer_row *ret, struct error **err)
{
	cleanup_free char *upper = xasprintf("%s/fs", workspace->snapshot);

	close_fd(workspace->root_fd); /* the overlay goes before its upper directory moves */
	workspace->root_fd = -1;
	return layer_commit(&workspace->engine->store, upper, ret, err);
}

void workspace_done(struct workspace *workspace)
{
	cleanup_error struct error *left = NULL;

	close_fd(workspace->root_fd);
	/* What stays is garbage in tmp/, which the store sweeps. */
	if (workspace->snapshot)
		(void)snapshot_discard(workspace->engine, workspace->snapshot, &left);
	free(workspace->snapshot);
	*workspace = (struct workspace)WORKSPACE_INIT;
}

int layer_find(struct builder *builder, const char *key, struct cache_row *ret, struct error **err)
{
	int found;

	if (builder->options->no_cache)
		return 0;
	found = catalog_find_cache(builder->catalog, key, ret, err);
	if (found > 0 && ret->has_layer && !layer_exists(&builder->engine->store, &ret->layer))
		return 0;
	return found;
}

int layer_remember(
	struct builder *builder, const char *key, const struct layer_row *made, struct error **err)
{
	struct cache_row row = { .has_layer = made != NULL };

	if (made) {
		row.layer = made->diff_id;
		row.size = made->size;
	}
	return catalog_put_cache(builder->catalog, key, &row, err);
}

/*
 * When the layer was made first: so a build from the cache has the same times, and the same image
 * id. The directory is kept when the same layer is made again; its blob is not.
 */
static int layer_created(struct store *store, const struct digest *layer,
	char ret[static CLOCK_TEXT_MAX], struct error **err)
{
	char hex[2 * DIGEST_SIZE + 1];
	struct stat st;

	hex_encode(layer->sha256, DIGEST_SIZE, hex);
	if (fstatat(store->layers_fd, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look up layer %s", hex);
	clock_text(st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec, ret);
	return 0;
}

int layer_append(struct builder *builder, struct state *state, const struct digest *layer,
	const char *history, struct error **err)
{
	char created[CLOCK_TEXT_MAX];

	if (!layer) {
		state_add_history(state, NULL, history, false);
		return 0;
	}
	if (state->image.layer_count >= IMAGE_LAYERS_MAX)
		return error_new(
			err, ERROR_UNSUPPORTED, "an image has at most %d layers", IMAGE_LAYERS_MAX);
	if (layer_created(&builder->engine->store, layer, created, err) < 0)
		return -1;
	image_config_add_layer(&state->image, layer);
	state_add_history(state, created, history, true);
	return 0;
}

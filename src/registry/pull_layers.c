/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_layers.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "store/blob.h"

#define RETRY_LOCK_MS 50
#define PIPE_SIZE (1 << 20)

static void say(const struct pull_layers *layers, const struct pull_layer *layer, const char *what)
{
	char text[DIGEST_TEXT_MAX];
	cleanup_free char *line = NULL;

	if (!layers->progress->line)
		return;
	digest_text(&layer->blob->digest, text);
	line = xasprintf("%.*s: %s", ID_SHORT, text + strlen("sha256:"), what);
	layers->progress->line(line, layers->progress->arg);
}

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* 1 when the layer is here: it is held from now on. */
static int find(struct pull_layers *layers, struct pull_layer *layer, struct error **err)
{
	struct catalog *catalog = NULL;
	int found;

	if (store_catalog(layers->store, &catalog, err) < 0)
		return -1;
	found = catalog_find_layer(catalog, layer->diff_id, &layer->row, err);
	if (found <= 0 || !layer_exists(layers->store, layer->diff_id))
		return found < 0 ? -1 : 0;
	layer->hold_fd = layer_hold(layers->store, layer->diff_id, err);
	if (layer->hold_fd >= 0) {
		blob_freshen(layers->store, &layer->blob->digest);
		layer->state = LAYER_DONE;
		return 1;
	}
	if (error_kind(*err) != ERROR_NOT_FOUND)
		return -1;
	error_free(take_ptr(*err));
	return 0;
}

int pull_layers_init(struct pull_layers *layers, const struct manifest *manifest,
	const struct image_config *config, struct error **err)
{
	size_t here = 0;

	layers->count = manifest->entry_count;
	layers->items = xcalloc(layers->count + 1, sizeof(*layers->items));
	for (size_t i = 0; i < layers->count; i++)
		layers->items[i] = (struct pull_layer){ .blob = &manifest->entries[i],
			.diff_id = &config->diff_ids[i],
			.partial.fd = -1,
			.worker.socket_fd = -1,
			.hold_fd = -1 };
	/* From here on no blob is taken away that an image names, or that is young. */
	if (store_use(layers->store, err) < 0)
		return -1;
	for (size_t i = 0; i < layers->count; i++) {
		int found = find(layers, &layers->items[i], err);

		if (found < 0)
			return -1;
		here += (size_t)found;
	}
	for (size_t i = 0; i < layers->count && here < layers->count; i++)
		say(layers, &layers->items[i],
			layers->items[i].state == LAYER_DONE ? "Already exists"
							     : "Pulling fs layer");
	return 0;
}

/* ---- starting ---- */

/* The whole blob, of another image or kept from a layer that is gone: its fd, or -1. */
static int open_whole(struct pull_layers *layers, const struct pull_layer *layer)
{
	cleanup_error struct error *unsaid = NULL; /* then it is downloaded */

	if (blob_size(layers->store, &layer->blob->digest) != layer->blob->size)
		return -1;
	return blob_open(layers->store, &layer->blob->digest, &unsaid);
}

static int make_pipe(int *ret_read, int *ret_write, struct error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE); /* faster; fine without */
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* What is longer than it may be is no beginning of it. */
static int check_partial(struct pull_layer *layer, struct error **err)
{
	if (layer->partial.length <= layer->blob->size)
		return 0;
	layer->partial.length = 0;
	return ftruncate(layer->partial.fd, 0) < 0 ? error_sys(err, "empty a partial blob") : 0;
}

/*
 * Our ends of the pipe are closed on return: held here, or inherited by the next worker, they would
 * keep its one end from seeing that the other has gone.
 */
static int start_worker(struct pull_layers *layers, struct pull_layer *layer, struct error **err)
{
	cleanup_close int whole_fd = open_whole(layers, layer), read_fd = -1, write_fd = -1;
	struct layer_source source = { .fd = whole_fd,
		.grow_fd = -1,
		.size = layer->blob->size,
		.expected = &layer->blob->digest };

	if (whole_fd < 0) {
		if (check_partial(layer, err) < 0 || make_pipe(&read_fd, &write_fd, err) < 0)
			return -1;
		source.fd = layer->partial.fd;
		source.grow_fd = read_fd;
	}
	if (whole_fd < 0 && layer->partial.length < layer->blob->size &&
		pull_session_order(layers->session, layer->blob, layer->partial.length,
			layer->restarted, write_fd, err) < 0)
		return -1;
	close_fd(take_fd(&write_fd));
	if (layer_worker_start(layers->store, &source, layer->diff_id, &layer->worker, err) < 0)
		return -1;
	layer->state = LAYER_WORKING;
	return 0;
}

/* Whether it comes with another of this image: the same blob, or the same tar packed otherwise. */
static bool comes_with_another(const struct pull_layers *layers, const struct pull_layer *layer)
{
	for (const struct pull_layer *other = layers->items; other < layer; other++)
		if (other->state != LAYER_DONE &&
			(same(&other->blob->digest, &layer->blob->digest) ||
				same(other->diff_id, layer->diff_id)))
			return true;
	return false;
}

/* 1 when it cannot begin yet: another process has it. */
static int start_layer(struct pull_layers *layers, struct pull_layer *layer, struct error **err)
{
	int result = partial_lock(layers->store, &layer->blob->digest, &layer->partial, err);

	if (result < 0)
		return -1;
	if (result == 0) {
		if (!layer->said_waiting)
			say(layers, layer, "Waiting");
		layer->said_waiting = true;
		return 1;
	}
	/* Asked under the lock: who had it before us may have finished. */
	result = find(layers, layer, err);
	if (result == 0)
		return start_worker(layers, layer, err);
	if (result < 0)
		return -1;
	say(layers, layer, "Already exists");
	return layer->partial.length > 0 ? (partial_release(&layer->partial), 0)
					 : partial_discard(layers->store, &layer->partial, err);
}

static size_t count_state(const struct pull_layers *layers, enum layer_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < layers->count; i++)
		count += layers->items[i].state == state;
	return count;
}

/* 1 when one waits for another process. */
static int start_some(struct pull_layers *layers, struct error **err)
{
	int blocked = 0;

	for (size_t i = 0; i < layers->count; i++) {
		struct pull_layer *layer = &layers->items[i];
		int result;

		/* A worker may have ended before the helper's word that it has sent all is read. */
		if (count_state(layers, LAYER_WORKING) >= PULL_DOWNLOADS_MAX ||
			pull_session_is_full(layers->session))
			break;
		if (layer->state != LAYER_TODO || comes_with_another(layers, layer))
			continue;
		result = start_layer(layers, layer, err);
		if (result < 0)
			return error_wrap(err, "layer %zu", i + 1);
		blocked |= result;
	}
	return blocked;
}

/* ---- ends ---- */

static int finish_layer(struct pull_layers *layers, struct pull_layer *layer, struct error **err)
{
	int result = blob_size(layers->store, &layer->blob->digest) == layer->blob->size
			     ? partial_discard(layers->store, &layer->partial, err)
			     : partial_keep(layers->store, &layer->partial, err);

	layer->hold_fd = result < 0 ? -1 : layer_hold(layers->store, layer->diff_id, err);
	if (layer->hold_fd < 0)
		return -1;
	layer->state = LAYER_DONE;
	say(layers, layer, "Pull complete");
	return 0;
}

/*
 * What it was made from is worth nothing: it goes. Once the download begins again, as a partial
 * blob may have been damaged on our own disk.
 */
static int give_up(struct pull_layers *layers, struct pull_layer *layer, enum layer_fault fault,
	struct error **err)
{
	cleanup_error struct error *reason = take_ptr(*err);

	if (fault == LAYER_WRONG && blob_remove(layers->store, &layer->blob->digest, err) < 0)
		return -1;
	if (partial_discard(layers->store, &layer->partial, err) < 0)
		return -1;
	if (fault == LAYER_WRONG && !layer->restarted) {
		layer->restarted = true;
		layer->state = LAYER_TODO;
		return 0;
	}
	*err = take_ptr(reason);
	return -1;
}

/* The helper knows why a download ended too early, unless it is the worker that ended. */
static int explain_short(struct pull_layers *layers, struct error **err)
{
	cleanup_error struct error *reason = take_ptr(*err);
	struct digest digest;
	int result;

	do
		result = pull_session_read(layers->session, &digest, err);
	while (result == 0);
	if (result > 0)
		*err = take_ptr(reason);
	return -1;
}

static int end_layer(struct pull_layers *layers, struct pull_layer *layer, struct error **err)
{
	enum layer_fault fault = LAYER_FAILED;

	if (layer_worker_end(&layer->worker, &layer->row, &fault, err) == 0)
		return finish_layer(layers, layer, err);
	if (fault == LAYER_WRONG || fault == LAYER_BROKEN)
		return give_up(layers, layer, fault, err);
	return fault == LAYER_SHORT ? explain_short(layers, err) : -1;
}

/* ---- all of them ---- */

struct watch {
	struct pollfd fds[PULL_DOWNLOADS_MAX + 1]; /* the helper's first */
	size_t layers[PULL_DOWNLOADS_MAX + 1];
	nfds_t count;
};

static void watch_all(const struct pull_layers *layers, struct watch *watch)
{
	*watch = (struct watch){ .count = 1 };
	watch->fds[0] = (struct pollfd){ .fd = layers->session->socket_fd, .events = POLLIN };
	for (size_t i = 0; i < layers->count; i++) {
		if (layers->items[i].state != LAYER_WORKING)
			continue;
		watch->layers[watch->count] = i;
		watch->fds[watch->count++] =
			(struct pollfd){ .fd = layers->items[i].worker.socket_fd,
				.events = POLLIN };
	}
}

static int end_some(struct pull_layers *layers, const struct watch *watch, struct error **err)
{
	for (nfds_t i = 1; i < watch->count; i++)
		if (watch->fds[i].revents &&
			end_layer(layers, &layers->items[watch->layers[i]], err) < 0)
			return error_wrap(err, "layer %zu", watch->layers[i] + 1);
	return 0;
}

static void say_downloaded(const struct pull_layers *layers, const struct digest *digest)
{
	for (size_t i = 0; i < layers->count; i++)
		if (layers->items[i].state == LAYER_WORKING &&
			same(&layers->items[i].blob->digest, digest)) {
			say(layers, &layers->items[i], "Download complete");
			return;
		}
}

/* When a worker has failed, the helper fails too, for the pipe is broken: the worker knows why. */
static int read_helper(struct pull_layers *layers, struct error **err)
{
	cleanup_error struct error *reason = NULL;
	struct digest digest;
	struct watch watch;
	int result = pull_session_read(layers->session, &digest, err);

	if (result > 0)
		say_downloaded(layers, &digest);
	if (result >= 0)
		return 0;
	reason = take_ptr(*err);
	watch_all(layers, &watch);
	watch.fds[0].fd = -1;
	(void)poll(watch.fds, watch.count, 0);
	for (nfds_t i = 1; i < watch.count; i++) {
		struct pull_layer *layer = &layers->items[watch.layers[i]];
		enum layer_fault fault = 0;

		if (watch.fds[i].revents &&
			layer_worker_end(&layer->worker, &layer->row, &fault, err) < 0 &&
			fault != LAYER_SHORT)
			return -1;
		error_free(take_ptr(*err));
	}
	*err = take_ptr(reason);
	return -1;
}

/* blocked: one waits for another process. */
static int wait_and_end(struct pull_layers *layers, bool blocked, struct error **err)
{
	struct watch watch;

	watch_all(layers, &watch);
	if (TEMP_FAILURE_RETRY(poll(watch.fds, watch.count, blocked ? RETRY_LOCK_MS : -1)) < 0)
		return error_sys(err, "wait for layers");
	if (watch.fds[0].revents && read_helper(layers, err) < 0)
		return -1;
	return end_some(layers, &watch, err);
}

static bool are_all_done(const struct pull_layers *layers)
{
	return count_state(layers, LAYER_DONE) == layers->count;
}

int pull_layers_run(struct pull_layers *layers, struct error **err)
{
	while (!are_all_done(layers)) {
		int blocked = start_some(layers, err);

		if (blocked < 0 ||
			(!are_all_done(layers) && wait_and_end(layers, blocked, err) < 0))
			return -1;
	}
	return 0;
}

int pull_layers_register(const struct pull_layers *layers, struct error **err)
{
	struct catalog *catalog;

	if (store_catalog(layers->store, &catalog, err) < 0)
		return -1;
	for (size_t i = 0; i < layers->count; i++)
		if (catalog_put_layer(catalog, &layers->items[i].row, err) < 0)
			return -1;
	return 0;
}

void pull_layers_done(struct pull_layers *layers)
{
	for (size_t i = 0; layers->items && i < layers->count; i++) {
		layer_worker_stop(&layers->items[i].worker);
		partial_release(&layers->items[i].partial);
		close_fd(layers->items[i].hold_fd);
	}
	free(layers->items);
	layers->items = NULL;
}

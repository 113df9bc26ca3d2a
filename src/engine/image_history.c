/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image_history.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

#define MANIFEST_MAX (4UL << 20)

void image_steps_done(struct image_steps *steps)
{
	image_config_done(&steps->config);
	free(steps->items);
	*steps = (struct image_steps){ .items = NULL };
}

struct reading {
	struct catalog *catalog;
	struct manifest manifest;
	struct image_steps *steps;
	size_t layer; /* the next one's number */
};

/* layers without one have sizes of 0: who needs them tells that they are missing. */
static int add_step(struct reading *reading, const struct image_history *history, bool has_layer,
	struct error **err)
{
	struct image_step step = { .history = history };
	size_t n = reading->layer;

	if (has_layer) {
		step.diff_id = &reading->steps->config.diff_ids[n];
		if (catalog_find_layer(reading->catalog, step.diff_id, &step.layer, err) < 0)
			return -1;
		step.content = n < reading->manifest.entry_count ? reading->manifest.entries[n].size
								 : step.layer.tar_size;
		reading->layer++;
	}
	reading->steps->items[reading->steps->count++] = step;
	return 0;
}

/* The n-th entry that is not empty is of the n-th layer; either may be missing at the end. */
static int fill(struct reading *reading, struct error **err)
{
	const struct image_config *config = &reading->steps->config;

	reading->steps->items = xcalloc(
		config->history_count + config->layer_count + 1, sizeof(*reading->steps->items));
	for (size_t i = 0; i < config->history_count; i++) {
		const struct image_history *history = &config->history[i];
		bool has_layer = !history->empty_layer && reading->layer < config->layer_count;

		if (add_step(reading, history, has_layer, err) < 0)
			return -1;
	}
	while (reading->layer < config->layer_count)
		if (add_step(reading, NULL, true, err) < 0)
			return -1;
	return 0;
}

static int read_manifest(struct engine *engine, const struct digest *digest, struct manifest *ret,
	struct error **err)
{
	cleanup_free char *text = NULL;
	size_t length;

	if (blob_read(&engine->store, digest, MANIFEST_MAX, &text, &length, err) < 0)
		return -1;
	return manifest_parse(text, length, ret, err);
}

int image_steps_read(struct engine *engine, const struct image_row *image, struct image_steps *ret,
	struct error **err)
{
	cleanup_image_steps struct image_steps steps = { .items = NULL };
	struct reading reading = { .steps = &steps };
	int result;

	if (store_read_config(&engine->store, &image->id, &steps.config, err) < 0 ||
		store_catalog(&engine->store, &reading.catalog, err) < 0 ||
		read_manifest(engine, &image->manifest, &reading.manifest, err) < 0)
		return -1;
	result = fill(&reading, err);
	manifest_done(&reading.manifest);
	if (result < 0)
		return -1;
	*ret = steps;
	steps = (struct image_steps){ .items = NULL };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/image.h"
#include "oci/reference.h"

char *base_title(const char *name)
{
	cleanup_reference struct reference ref = { .domain = NULL };
	cleanup_error struct error *unnamed = NULL;

	return reference_parse(name, &ref, &unnamed) < 0 ? xstrdup(name) : reference_text(&ref);
}

static void say_pulled(const char *text, void *step)
{
	progress_say(step, "%s", text);
}

static int pull(
	struct builder *builder, const char *name, struct image_row *ret, struct error **err)
{
	cleanup_free char *title = base_title(name);
	struct progress_step step = progress_begin(&builder->progress, "pull %s", title);
	struct registry_progress report = { .line = say_pulled, .arg = &step };

	if (image_pull(builder->engine, name, &report, ret, err) < 0) {
		progress_failed(&step, error_message(*err));
		error_wrap(err, "'%s' is not here, and cannot be pulled", name);
		return error_hint(err, "see the images that are here: vessel images");
	}
	progress_done(&step);
	return 0;
}

int base_load(struct builder *builder, const char *name, struct state *ret, struct error **err)
{
	cleanup_image_config struct image_config config = { .os = NULL };
	cleanup_image_row struct image_row row = { .reference = NULL };
	struct store *store = &builder->engine->store;
	int found = 0;

	if (strcmp(name, "scratch") == 0) {
		state_done(ret);
		state_init(ret);
		return 0;
	}
	if (!builder->options->pull)
		found = store_lookup_image(store, name, &row, err);
	if (found < 0 || (found == 0 && pull(builder, name, &row, err) < 0))
		return -1;
	if (store_read_config(store, &row.id, &config, err) < 0)
		return error_wrap(err, "image '%s'", name);
	state_take_image(ret, &config);
	return 0;
}

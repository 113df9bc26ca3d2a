/* SPDX-License-Identifier: Apache-2.0 */
#include "build/publish.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "oci/reference.h"

int tags_read(char *const *tags, strv *ret, struct error **err)
{
	cleanup_strv strv names = NULL;

	for (size_t i = 0; tags && tags[i]; i++) {
		cleanup_reference struct reference ref = { .domain = NULL };
		cleanup_free char *name = NULL;

		if (reference_parse(tags[i], &ref, err) < 0)
			return error_wrap(err, "--tag %s", tags[i]);
		if (ref.digest)
			return error_new(err, ERROR_INVALID,
				"--tag %s: a digest comes from the content, and cannot be given",
				tags[i]);
		name = reference_text(&ref);
		if (!strv_contains(names, name))
			strv_take(&names, take_ptr(name));
	}
	*ret = take_ptr(names);
	return 0;
}

/*
 * A step without layer has the time of the layer before it, or of the first one after the base's:
 * nothing in an image tells when a build ran that only repeated another.
 */
static void complete_times(struct image_config *image)
{
	const char *time = NULL;
	bool missing = false;
	char now[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < image->history_count; i++) {
		bool known = image->history[i].created != NULL;

		if (known)
			time = image->history[i].created;
		if (known && missing)
			break;
		missing |= !known;
	}
	missing = false;
	for (size_t i = 0; i < image->history_count; i++)
		if (!image->history[i].created) {
			missing = true;
			image->history[i].created = xstrdup_null(time);
		} else if (missing) {
			time = image->history[i].created;
		}
	if (image->history_count > 0)
		time = image->history[image->history_count - 1].created;
	if (time)
		replace_string(&image->created, xstrdup(time));
	else if (!image->created)
		image->created = xstrdup(clock_text(clock_now_ns(), now));
}

static void add_labels(struct image_config *image, char *const *labels)
{
	for (size_t i = 0; labels && labels[i]; i++) {
		cleanup_free char *name = xstrndup(labels[i], strcspn(labels[i], "="));
		const char *equals = strchr(labels[i], '=');

		env_set(&image->config.labels, name, equals ? equals + 1 : "");
	}
}

/* Is just this image there already, under this name (NULL: any)? */
static int is_there(
	struct builder *builder, const struct digest *id, const char *name, struct error **err)
{
	cleanup_image_row struct image_row row = { .reference = NULL };
	char text[DIGEST_TEXT_MAX];
	int found;

	if (!name)
		name = digest_text(id, text) + strlen("sha256:");
	found = store_lookup_image(&builder->engine->store, name, &row, err);
	return found <= 0 ? found : memcmp(&row.id, id, sizeof(*id)) == 0;
}

/* What did not change is not written again: most builds change nothing. */
static int put(struct builder *builder, const struct image_config *image, const char *name,
	struct digest *id, struct error **err)
{
	cleanup_image_row struct image_row row = { .reference = NULL };
	int there = is_there(builder, id, name, err);

	if (there)
		return there < 0 ? -1 : 0;
	if (store_put_image(&builder->engine->store, image, name, &row, err) < 0)
		return -1;
	*id = row.id;
	return 0;
}

static int write_iidfile(const struct builder *builder, const char *id, struct error **err)
{
	const char *path = builder->options->iidfile;

	if (!path || !*path)
		return 0;
	return file_replace_at(AT_FDCWD, path, id, strlen(id), 0644, false, err) < 0
		       ? error_wrap(err, "--iidfile")
		       : 0;
}

int publish(struct builder *builder, struct state *state, char *const *tags, char **ret_id,
	struct error **err)
{
	struct progress_step step = progress_begin(&builder->progress, "exporting to image");
	cleanup_free char *text = NULL;
	char id_text[DIGEST_TEXT_MAX];
	struct digest id;

	add_labels(&state->image, builder->options->labels);
	complete_times(&state->image);
	replace_string(&state->image.comment, xstrdup(HISTORY_COMMENT));
	text = image_config_text(&state->image);
	sha256_bytes(text, strlen(text), id.sha256);
	if (!tags && put(builder, &state->image, NULL, &id, err) < 0)
		return -1;
	for (size_t i = 0; tags && tags[i]; i++)
		if (put(builder, &state->image, tags[i], &id, err) < 0)
			return -1;
	digest_text(&id, id_text);
	progress_say(&step, "writing image %s done", id_text);
	for (size_t i = 0; tags && tags[i]; i++)
		progress_say(&step, "naming to %s done", tags[i]);
	progress_done(&step);
	if (write_iidfile(builder, id_text, err) < 0)
		return -1;
	*ret_id = xstrdup(id_text);
	return 0;
}

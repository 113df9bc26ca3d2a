/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/image.h"
#include "oci/reference.h"

struct tags {
	const char *repository; /* normalised */
	strv found; /* "docker.io/library/debian:12" */
};

static int add_tag(const struct image_row *row, void *arg)
{
	struct tags *tags = arg;
	size_t length = strlen(tags->repository);

	if (row->reference && strncmp(row->reference, tags->repository, length) == 0 &&
		row->reference[length] == ':')
		strv_append(&tags->found, row->reference);
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Those that the repository has here, sorted. */
static int find_tags(
	struct engine *engine, const struct reference *ref, strv *ret, struct error **err)
{
	cleanup_free char *repository = reference_repository(ref);
	struct tags tags = { .repository = repository };
	struct catalog *catalog;

	if (store_catalog(&engine->store, &catalog, err) < 0)
		return -1;
	if (catalog_each_image(catalog, add_tag, &tags, err) < 0) {
		strv_free(tags.found);
		return -1;
	}
	if (tags.found)
		qsort(tags.found, strv_length(tags.found), sizeof(*tags.found), compare_texts);
	*ret = tags.found;
	return 0;
}

static int no_such_image(struct engine *engine, const struct reference *ref, struct error **err)
{
	cleanup_strv strv tags = NULL;
	cleanup_free char *repository = reference_familiar_repository(ref);
	cleanup_free char *whole = reference_familiar(ref);

	if (find_tags(engine, ref, &tags, err) < 0)
		return -1;
	if (tags)
		return error_new(err, ERROR_NOT_FOUND, "tag does not exist: %s", whole);
	return error_new(err, ERROR_NOT_FOUND, "An image does not exist locally with the tag: %s",
		repository);
}

/* "linux/amd64", "linux/arm64/v8", or an architecture alone. */
static int check_platform(struct engine *engine, const struct image_row *row,
	const struct image_push *push, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_free char *own = NULL, *whole = NULL;

	if (!push->platform || !*push->platform)
		return 0;
	if (store_read_config(&engine->store, &row->id, &config, err) < 0)
		return -1;
	own = xasprintf("%s/%s", config.os && *config.os ? config.os : "linux",
		config.architecture ? config.architecture : "");
	whole = xasprintf("%s/%s", own, config.variant ? config.variant : "");
	if (strcmp(push->platform, own) == 0 || strcmp(push->platform, whole) == 0 ||
		(config.architecture && strcmp(push->platform, config.architecture) == 0))
		return 0;
	return error_new(err, ERROR_NOT_FOUND,
		"image with reference %s was found but its platform (%s) does not match the "
		"specified platform (%s)",
		push->name, own, push->platform);
}

static int push_one(struct engine *engine, const struct reference *ref,
	const struct image_push *push, const struct registry_progress *progress, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	cleanup_free char *text = reference_text(ref);
	struct catalog *catalog;
	int found;

	if (store_catalog(&engine->store, &catalog, err) < 0)
		return -1;
	found = catalog_find_reference(catalog, text, &row, err);
	if (found <= 0)
		return found < 0 ? -1 : no_such_image(engine, ref, err);
	if (check_platform(engine, &row, push, err) < 0)
		return -1;
	return registry_push(&engine->store, ref, &row, progress, err);
}

static int push_all(struct engine *engine, const struct reference *named,
	const struct image_push *push, const struct registry_progress *progress, struct error **err)
{
	cleanup_strv strv tags = NULL;

	if (find_tags(engine, named, &tags, err) < 0)
		return -1;
	if (!tags)
		return no_such_image(engine, named, err);
	for (size_t i = 0; tags[i]; i++) {
		cleanup_reference struct reference ref = { 0 };

		if (reference_parse(tags[i], &ref, err) < 0 ||
			push_one(engine, &ref, push, progress, err) < 0)
			return -1;
	}
	return 0;
}

int image_push(struct engine *engine, const struct image_push *push,
	const struct registry_progress *progress, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *repository = NULL, *line = NULL;

	if (reference_parse(push->name, &ref, err) < 0)
		return -1;
	if (ref.digest)
		return error_new(err, ERROR_INVALID, "cannot push a digest reference");
	repository = reference_repository(&ref);
	line = xasprintf("The push refers to repository [%s]", repository);
	if (progress && progress->line)
		progress->line(line, progress->arg);
	if (engine_tidy(engine, err) < 0)
		return -1;
	return push->all_tags ? push_all(engine, &ref, push, progress, err)
			      : push_one(engine, &ref, push, progress, err);
}

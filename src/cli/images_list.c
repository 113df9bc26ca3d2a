/* SPDX-License-Identifier: Apache-2.0 */
/* Images with their names, filtered as docker does: `reference` is matched with each name, and only
 * the names that match are shown. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/filter.h"
#include "cli/images.h"
#include "cli/moment.h"
#include "oci/reference.h"

struct wanted {
	struct engine *engine;
	struct catalog *catalog;
	char *const *filters;
	const char *name;
	int64_t before_ns, since_ns; /* 0: none */
	enum { ANY, DANGLING, NAMED } names;
	struct image_list list;
};

static void listed_image_done(struct listed_image *image)
{
	image_row_done(&image->row);
	strv_free(image->tags);
	strv_free(image->digests);
}

void image_list_done(struct image_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		listed_image_done(&list->items[i]);
	free(list->items);
	*list = (struct image_list){ .items = NULL };
}

/* ---- reading ---- */

/* Rows of one image follow each other: one for each of its references. */
static int add_row(const struct image_row *row, void *arg)
{
	struct image_list *list = &((struct wanted *)arg)->list;
	struct listed_image *last = list->count ? &list->items[list->count - 1] : NULL;

	if (!last || memcmp(&last->row.id, &row->id, sizeof(row->id)) != 0) {
		list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
		last = &list->items[list->count++];
		*last = (struct listed_image){ .row = *row };
		last->row.reference = NULL;
	}
	if (row->reference)
		strv_append(&last->tags, row->reference);
	return 0;
}

/* ---- filters ---- */

static int check_pattern(const char *pattern, struct error **err)
{
	for (const char *c = pattern; *c; c++) {
		if (*c == '[')
			c = strchr(c + 1 + (c[1] == '^') + (c[1] == ']'), ']');
		else if (*c == '\\')
			c = c[1] ? c + 1 : NULL;
		if (!c) {
			error_new(err, ERROR_INVALID, "syntax error in pattern");
			return error_hint(err, "'%s' has a [ without ] or ends with \\", pattern);
		}
	}
	return 0;
}

static int check_names(const struct wanted *wanted, struct error **err)
{
	const char *pattern;

	if (wanted->name && check_pattern(wanted->name, err) < 0)
		return -1;
	for (size_t i = 0; (pattern = filter_value(wanted->filters, "reference", i)); i++)
		if (check_pattern(pattern, err) < 0)
			return -1;
	return 0;
}

static int check_dangling(struct wanted *wanted, struct error **err)
{
	const char *value;
	bool is_true = false, is_false = false;

	for (size_t i = 0; (value = filter_value(wanted->filters, "dangling", i)); i++) {
		bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
		bool no = strcmp(value, "false") == 0 || strcmp(value, "0") == 0;

		is_true |= yes;
		is_false |= no;
		if ((yes || no) && !(is_true && is_false))
			continue;
		error_new(err, ERROR_INVALID, "invalid filter 'dangling=[%s]'", value);
		return error_hint(err, "write dangling=true or dangling=false");
	}
	wanted->names = is_true ? DANGLING : is_false ? NAMED : ANY;
	return 0;
}

static int created_of(
	const struct wanted *wanted, const char *name, int64_t *ret_ns, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };

	if (store_find_image(&wanted->engine->store, name, &row, err) < 0)
		return -1;
	*ret_ns = row.created_ns;
	return 0;
}

static int check_times(struct wanted *wanted, struct error **err)
{
	const char *before = filter_value(wanted->filters, "before", 0);
	const char *since = filter_value(wanted->filters, "since", 0);
	const char *until = filter_value(wanted->filters, "until", 0);
	int64_t until_ns = 0;

	if (before && created_of(wanted, before, &wanted->before_ns, err) < 0)
		return -1;
	if (since && created_of(wanted, since, &wanted->since_ns, err) < 0)
		return -1;
	if (until && moment_parse(until, clock_now_ns(), &until_ns, err) < 0)
		return error_wrap(err, "invalid filter 'until'");
	if (until && (!before || until_ns < wanted->before_ns))
		wanted->before_ns = until_ns;
	return 0;
}

static int check_filters(struct wanted *wanted, struct error **err)
{
	static const char *const known[] = { "before", "dangling", "label", "reference", "since",
		"until", NULL };

	if (filter_check(wanted->filters, known, err) < 0 || check_dangling(wanted, err) < 0 ||
		check_names(wanted, err) < 0)
		return -1;
	return check_times(wanted, err);
}

/* ---- names ---- */

static bool match_pattern(const char *pattern, const char *familiar, const char *repository)
{
	return fnmatch(pattern, familiar, FNM_PATHNAME) == 0 ||
	       fnmatch(pattern, repository, FNM_PATHNAME) == 0;
}

/* The argument is one more pattern; any of them will do. */
static bool match_name(const struct wanted *wanted, const char *familiar, const char *repository)
{
	const char *pattern;

	if (wanted->name && match_pattern(wanted->name, familiar, repository))
		return true;
	for (size_t i = 0; (pattern = filter_value(wanted->filters, "reference", i)); i++)
		if (match_pattern(pattern, familiar, repository))
			return true;
	return !wanted->name && !filter_value(wanted->filters, "reference", 0);
}

/* As people see them, those that match. */
static strv familiar_names(const struct wanted *wanted, char *const *names)
{
	strv familiar = NULL;

	for (; names && *names; names++) {
		cleanup_error struct error *ignored = NULL;
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *repository = NULL, *text = NULL;

		if (reference_parse(*names, &ref, &ignored) < 0)
			continue;
		repository = reference_familiar_repository(&ref);
		text = reference_familiar(&ref);
		if (match_name(wanted, text, repository))
			strv_append(&familiar, text);
	}
	return familiar;
}

/* A pull by digest may have left that as the image's reference. */
static void move_digests(strv *tags, strv *digests)
{
	strv rest = NULL;

	for (char *const *tag = *tags; tag && *tag; tag++)
		if (!strchr(*tag, '@'))
			strv_append(&rest, *tag);
		else if (!strv_contains(*digests, *tag))
			strv_append(digests, *tag);
	strv_free(*tags);
	*tags = rest;
}

/* 1 when the image is among those asked for by its names; they are filled in. */
static int name_image(const struct wanted *wanted, struct listed_image *image, struct error **err)
{
	cleanup_strv strv tags = take_ptr(image->tags), digests = NULL;
	bool by_name = wanted->name || filter_value(wanted->filters, "reference", 0);

	if (catalog_repo_digests_of(wanted->catalog, &image->row.id, &digests, err) < 0)
		return -1;
	move_digests(&tags, &digests);
	if (wanted->names == DANGLING && tags)
		return 0;
	image->tags = familiar_names(wanted, tags);
	image->digests = familiar_names(wanted, digests);
	return image->tags || image->digests || (!by_name && wanted->names != NAMED);
}

static bool match_key(const char *key, const char *value, void *arg)
{
	char *const *labels = arg;

	return strcmp(key, "label") != 0 || filter_label(labels, value);
}

static int match_labels(
	const struct wanted *wanted, const struct listed_image *image, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };

	if (!filter_value(wanted->filters, "label", 0))
		return 1;
	if (store_read_config(&wanted->engine->store, &image->row.id, &config, err) < 0)
		return -1;
	return filter_match(wanted->filters, match_key, config.config.labels);
}

/* 1, 0, -1. */
static int is_wanted(const struct wanted *wanted, struct listed_image *image, struct error **err)
{
	int64_t created = image->row.created_ns;
	int named;

	if ((wanted->before_ns && created >= wanted->before_ns) ||
		(wanted->since_ns && created <= wanted->since_ns))
		return 0;
	named = name_image(wanted, image, err);
	return named <= 0 ? named : match_labels(wanted, image, err);
}

static int keep_wanted(struct wanted *wanted, struct error **err)
{
	struct image_list *list = &wanted->list;
	size_t kept = 0;
	int result = 0;

	for (size_t i = 0; i < list->count; i++) {
		int is = result < 0 ? 0 : is_wanted(wanted, &list->items[i], err);

		if (is < 0)
			result = -1;
		if (is > 0)
			list->items[kept++] = list->items[i];
		else
			listed_image_done(&list->items[i]);
	}
	list->count = kept;
	return result;
}

int image_list_read(struct engine *engine, char *const *filters, const char *name,
	struct image_list *ret, struct error **err)
{
	struct wanted wanted = { .engine = engine, .filters = filters, .name = name };

	if (store_catalog(&engine->store, &wanted.catalog, err) < 0 ||
		check_filters(&wanted, err) < 0 ||
		catalog_each_image(wanted.catalog, add_row, &wanted, err) < 0 ||
		keep_wanted(&wanted, err) < 0) {
		image_list_done(&wanted.list);
		return -1;
	}
	*ret = wanted.list;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/filter.h"
#include "cli/format.h"
#include "cli/moment.h"
#include "engine/image.h"
#include "oci/reference.h"

#define ID_TEXT_START 7 /* behind "sha256:" */
#define ID_TEXT_SHORT 12
#define NONE "<none>"

struct images_opts {
	bool all, digests, no_trunc, quiet;
	const char *format;
	strv filters;
};

static const struct cli_flag images_flags[] = {
	{ 'a', "all", NULL, "Show all images (default hides intermediate images)", CLI_BOOL,
		CLI_AT(images_opts, all, bool), false },
	{ 0, "digests", NULL, "Show digests", CLI_BOOL, CLI_AT(images_opts, digests, bool), false },
	{ 'f', "filter", "filter", "Filter output based on conditions provided", CLI_LIST,
		CLI_AT(images_opts, filters, strv), false },
	{ 0, "format", "string",
		"Format output: 'table', 'table TEMPLATE', 'json', or a Go template 'TEMPLATE'",
		CLI_STRING, CLI_AT(images_opts, format, const char *), false },
	{ 0, "no-trunc", NULL, "Don't truncate output", CLI_BOOL,
		CLI_AT(images_opts, no_trunc, bool), false },
	{ 'q', "quiet", NULL, "Only show image IDs", CLI_BOOL, CLI_AT(images_opts, quiet, bool),
		false },
	{},
};

static const struct format_column columns[] = {
	{ "Containers", "CONTAINERS" },
	{ "CreatedAt", "CREATED AT" },
	{ "CreatedSince", "CREATED" },
	{ "Digest", "DIGEST" },
	{ "ID", "IMAGE ID" },
	{ "Repository", "REPOSITORY" },
	{ "SharedSize", "SHARED SIZE" },
	{ "Size", "SIZE" },
	{ "Tag", "TAG" },
	{ "UniqueSize", "UNIQUE SIZE" },
	{ "VirtualSize", "SIZE" },
	{},
};

static const struct format_kind images_kind = {
	.table = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
	.columns = columns,
	.host = { .type = "image" },
};
#define DIGESTS_TABLE \
	"table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

struct listing {
	struct engine *engine;
	const struct images_opts *opts;
	struct format *format;
	const char *name; /* the argument: REPOSITORY[:TAG] */
	int64_t before_ns, since_ns, until_ns; /* 0: none */
	strv seen; /* ids, with -q: an image of several names is printed once */
	struct error **err;
};

struct names { /* of one row */
	char *repository, *tag, *familiar;
};

static void names_init(struct names *names, const char *text)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_reference struct reference ref = { 0 };

	*names = (struct names){ 0 };
	if (text && reference_parse(text, &ref, &ignored) == 0) {
		names->repository = reference_familiar_repository(&ref);
		names->tag = xstrdup(ref.tag ? ref.tag : NONE);
		names->familiar = reference_familiar(&ref);
	} else {
		names->repository = xstrdup(NONE);
		names->tag = xstrdup(NONE);
		names->familiar = xstrdup("");
	}
}

static void names_done(struct names *names)
{
	free(names->repository);
	free(names->tag);
	free(names->familiar);
}

static struct json_object *image_object(
	const struct listing *listing, const struct image_row *row, const struct names *names)
{
	struct json_object *object = json_object_new_object();
	char id[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX], size[CLOCK_TEXT_MAX];
	cleanup_free char *since = ago_text(row->created_ns, clock_now_ns());
	cleanup_free char *created = created_text(row->created_ns);
	cleanup_free char *brief = NULL;

	digest_text(&row->id, id);
	brief = listing->opts->no_trunc ? xstrdup(id) : xstrndup(id + ID_TEXT_START, ID_TEXT_SHORT);
	size_human((uint64_t)row->size, size);
	json_put_text(object, "Containers", "N/A");
	json_put_text(object, "CreatedAt", created);
	json_put_text(object, "CreatedSince", row->created_ns > 0 ? since : "N/A");
	json_put_text(
		object, "Digest", *names->familiar ? digest_text(&row->manifest, manifest) : NONE);
	json_put_text(object, "ID", brief);
	json_put_text(object, "Repository", names->repository);
	json_put_text(object, "SharedSize", "N/A");
	json_put_text(object, "Size", size);
	json_put_text(object, "Tag", names->tag);
	json_put_text(object, "UniqueSize", "N/A");
	json_put_text(object, "VirtualSize", size);
	return object;
}

struct matching {
	const struct listing *listing;
	const struct image_row *row;
	const struct names *names;
};

static bool match_label(const struct matching *matching, const char *wanted)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_image_config struct image_config config = { 0 };

	return store_read_config(&matching->listing->engine->store, &matching->row->id, &config,
		       &ignored) == 0 &&
	       filter_label(config.config.labels, wanted);
}

/* A pattern of a shell, against the name with or without its tag. */
static bool match_reference(const struct names *names, const char *pattern)
{
	return *names->familiar && (fnmatch(pattern, names->familiar, FNM_PATHNAME) == 0 ||
					   fnmatch(pattern, names->repository, FNM_PATHNAME) == 0);
}

static bool match(const char *key, const char *value, void *arg)
{
	const struct matching *matching = arg;
	int64_t created = matching->row->created_ns;

	if (strcmp(key, "dangling") == 0)
		return (strcmp(value, "true") == 0 || strcmp(value, "1") == 0) ==
		       !*matching->names->familiar;
	if (strcmp(key, "label") == 0)
		return match_label(matching, value);
	if (strcmp(key, "reference") == 0)
		return match_reference(matching->names, value);
	if (strcmp(key, "before") == 0)
		return created < matching->listing->before_ns;
	if (strcmp(key, "until") == 0)
		return created < matching->listing->until_ns;
	return created > matching->listing->since_ns;
}

static bool is_wanted(
	const struct listing *listing, const struct image_row *row, const struct names *names)
{
	struct matching matching = { listing, row, names };
	const char *wanted = listing->name;

	if (wanted && strcmp(wanted, names->repository) != 0 &&
		strcmp(wanted, names->familiar) != 0 && !match_reference(names, wanted))
		return false;
	return filter_match(listing->opts->filters, match, &matching);
}

static int list_one(const struct image_row *row, void *arg)
{
	struct listing *listing = arg;
	struct names names;
	char id[DIGEST_TEXT_MAX];
	int result = 0;

	names_init(&names, row->reference);
	digest_text(&row->id, id);
	if (is_wanted(listing, row, &names) &&
		!(listing->opts->quiet && strv_contains(listing->seen, id))) {
		cleanup_json struct json_object *object = image_object(listing, row, &names);

		result = format_row(listing->format, object, NULL, listing->err);
		if (listing->opts->quiet)
			strv_append(&listing->seen, id);
	}
	names_done(&names);
	return result;
}

static int created_of(struct engine *engine, const char *name, int64_t *ret_ns, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };

	if (store_find_image(&engine->store, name, &row, err) < 0)
		return -1;
	*ret_ns = row.created_ns;
	return 0;
}

static int check_filters(struct listing *listing, struct error **err)
{
	static const char *const known[] = { "before", "dangling", "label", "reference", "since",
		"until", NULL };
	char *const *filters = listing->opts->filters;
	const char *before = filter_value(filters, "before", 0);
	const char *since = filter_value(filters, "since", 0);
	const char *until = filter_value(filters, "until", 0);

	if (filter_check(filters, known, err) < 0)
		return -1;
	if (before && created_of(listing->engine, before, &listing->before_ns, err) < 0)
		return -1;
	if (since && created_of(listing->engine, since, &listing->since_ns, err) < 0)
		return -1;
	return until ? moment_parse(until, clock_now_ns(), &listing->until_ns, err) : 0;
}

static int images_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct images_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_format struct format *format = NULL;
	struct listing listing = { .engine = &engine, .opts = opts, .name = args[0], .err = err };
	const char *text = opts->quiet     ? "{{.ID}}"
			   : opts->format  ? opts->format
			   : opts->digests ? DIGESTS_TABLE
					   : NULL;
	struct catalog *catalog;
	int result;

	if (format_open(text, &images_kind, &format, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0 || check_filters(&listing, err) < 0 ||
		store_catalog(&engine.store, &catalog, err) < 0)
		return -1;
	listing.format = format;
	result = catalog_each_image(catalog, list_one, &listing, err);
	strv_free(listing.seen);
	if (result < 0)
		return -1;
	return format_print(format, stdout, err);
}

#define IMAGES_BODY \
	.args = "[REPOSITORY[:TAG]]", .summary = "List images", .flags = images_flags, \
	.opts_size = sizeof(struct images_opts), .max_args = 1, .complete = COMPLETE_IMAGES, \
	.run = images_run

const struct cli_command cmd_images = { .name = "images", .common = true, IMAGES_BODY };
const struct cli_command cmd_image_ls = { .name = "ls", .aliases = "list", IMAGES_BODY };

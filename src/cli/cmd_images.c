/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/format.h"
#include "cli/image_text.h"
#include "cli/images.h"

#define NONE "<none>"
#define NEVER "0001-01-01 00:00:00 +0000 UTC"

struct images_opts {
	bool all, digests, no_trunc, quiet, tree;
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
	{ 0, "tree", NULL, "List images with their layers below them", CLI_BOOL,
		CLI_AT(images_opts, tree, bool), false },
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

#define SINCE "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}"
static const struct format_kind images_kind = {
	.table = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t" SINCE "\t{{.Size}}",
	.columns = columns,
	.host = { .type = "image" },
};
#define DIGESTS_TABLE "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t" SINCE "\t{{.Size}}"

struct listing {
	struct engine *engine;
	const struct images_opts *opts;
	struct format *format;
	bool with_digests; /* a row for each */
};

/* A line of the list: each may be NULL. */
struct line {
	const char *repository, *tag, *digest;
};

/* Images that were made to have no date of their own have that of 1970, others none. */
static bool has_date(const struct listing *listing, const struct image_row *row)
{
	cleanup_error struct error *unreadable = NULL;
	cleanup_image_config struct image_config config = { 0 };

	if (row->created_ns != 0)
		return true;
	return store_read_config(&listing->engine->store, &row->id, &config, &unreadable) == 0 &&
	       config.created && strcmp(config.created, CLOCK_NEVER) != 0;
}

static int put_line(const struct listing *listing, const struct listed_image *image,
	const struct line *line, struct error **err)
{
	cleanup_json struct json_object *object = json_object_new_object();
	cleanup_free char *since = ago_text(image->row.created_ns, clock_now_ns());
	cleanup_free char *created = created_text(image->row.created_ns);
	cleanup_free char *id = image_id_text(&image->row.id, listing->opts->no_trunc);
	bool dated = has_date(listing, &image->row);
	char size[CLOCK_TEXT_MAX];

	size_human((uint64_t)image->row.size, size);
	json_put_text(object, "Containers", "N/A");
	json_put_text(object, "CreatedAt", dated ? created : NEVER);
	json_put_text(object, "CreatedSince", dated ? since : "");
	json_put_text(object, "Digest", line->digest ? line->digest : NONE);
	json_put_text(object, "ID", id);
	json_put_text(object, "Repository", line->repository ? line->repository : NONE);
	json_put_text(object, "SharedSize", "N/A");
	json_put_text(object, "Size", size);
	json_put_text(object, "Tag", line->tag ? line->tag : NONE);
	json_put_text(object, "UniqueSize", "N/A");
	json_put_text(object, "VirtualSize", size);
	return format_row(listing->format, object, NULL, err);
}

/* What stands behind the repository, by the last colon (of a tag) or the at-sign (of a digest). */
static char *repository_of(const char *name, char mark, const char **ret_rest)
{
	const char *end = strrchr(name, mark);

	*ret_rest = end + 1;
	return xstrndup(name, (size_t)(end - name));
}

static bool is_of(const char *name, const char *repository, char mark)
{
	size_t length = strlen(repository);

	return strncmp(name, repository, length) == 0 && name[length] == mark;
}

/* A tag, once for each digest that its repository knows the image by. */
static int put_tag(const struct listing *listing, const struct listed_image *image,
	const char *name, struct error **err)
{
	struct line line = { .digest = NULL };
	cleanup_free char *repository = repository_of(name, ':', &line.tag);
	int count = 0;

	line.repository = repository;
	for (char *const *d = image->digests; listing->with_digests && d && *d; d++) {
		if (!is_of(*d, repository, '@'))
			continue;
		line.digest = strchr(*d, '@') + 1;
		count++;
		if (put_line(listing, image, &line, err) < 0)
			return -1;
	}
	return count ? 0 : put_line(listing, image, &line, err);
}

static bool has_tag_of(const struct listed_image *image, const char *repository)
{
	for (char *const *tag = image->tags; tag && *tag; tag++)
		if (is_of(*tag, repository, ':') && !strchr(*tag + strlen(repository), '/'))
			return true;
	return false;
}

/* Repositories that know the image by a digest alone; once each, unless digests are shown. */
static int put_digests(
	const struct listing *listing, const struct listed_image *image, struct error **err)
{
	cleanup_strv strv done = NULL;

	for (char *const *name = image->digests; name && *name; name++) {
		struct line line = { .tag = NULL };
		cleanup_free char *repository = repository_of(*name, '@', &line.digest);

		line.repository = repository;
		if (has_tag_of(image, repository) ||
			(!listing->with_digests && strv_contains(done, repository)))
			continue;
		strv_append(&done, repository);
		if (put_line(listing, image, &line, err) < 0)
			return -1;
	}
	return 0;
}

static int put_image(
	const struct listing *listing, const struct listed_image *image, struct error **err)
{
	static const struct line nameless = { .tag = NULL };

	if (!image->tags && !image->digests)
		return put_line(listing, image, &nameless, err);
	for (char *const *tag = image->tags; tag && *tag; tag++)
		if (put_tag(listing, image, *tag, err) < 0)
			return -1;
	return put_digests(listing, image, err);
}

/* The caller frees. */
static char *format_text(const struct images_opts *opts)
{
	bool is_table = !opts->format || !*opts->format || strcmp(opts->format, "table") == 0;

	if (is_table && opts->quiet)
		return xstrdup("{{.ID}}");
	if (is_table)
		return xstrdup(opts->digests ? DIGESTS_TABLE : "table");
	if (opts->digests && strncmp(opts->format, "table", 5) == 0 &&
		!strstr(opts->format, "{{.Digest}}"))
		return xasprintf("%s\t{{.Digest}}", opts->format);
	return xstrdup(opts->format);
}

static int check_tree(const struct images_opts *opts, struct error **err)
{
	const char *other = opts->quiet                       ? "quiet"
			    : opts->digests                   ? "digests"
			    : opts->format && opts->format[0] ? "format"
							      : NULL;

	if (!opts->tree || !other)
		return 0;
	return error_new(err, ERROR_INVALID, "--%s is not supported with --tree", other);
}

static int images_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct images_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_format struct format *format = NULL;
	cleanup_image_list struct image_list list = { .items = NULL };
	cleanup_free char *text = format_text(opts);
	struct listing listing = { .engine = &engine, .opts = opts };

	if (check_tree(opts, err) < 0 || format_open(text, &images_kind, &format, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0 ||
		image_list_read(&engine, opts->filters, args[0], &list, err) < 0)
		return -1;
	if (opts->tree)
		return images_tree(&engine, &list, opts->no_trunc, err);
	listing.format = format;
	listing.with_digests = opts->digests || format_needs(format, "Digest");
	for (size_t i = 0; i < list.count; i++)
		if (put_image(&listing, &list.items[i], err) < 0)
			return -1;
	return format_print(format, stdout, err);
}

#define IMAGES_BODY \
	.args = "[REPOSITORY[:TAG]]", .summary = "List images", .flags = images_flags, \
	.opts_size = sizeof(struct images_opts), .max_args = 1, .complete = COMPLETE_IMAGES, \
	.run = images_run

const struct cli_command cmd_images = { .name = "images", .common = true, IMAGES_BODY };
const struct cli_command cmd_image_ls = { .name = "ls", .aliases = "list", IMAGES_BODY };

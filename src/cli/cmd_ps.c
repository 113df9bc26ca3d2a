/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/ps.h"

struct ps_opts {
	bool all, latest, no_trunc, quiet, size;
	int64_t last;
	const char *format;
	strv filters;
};

static const struct cli_flag ps_flags[] = {
	{ 'a', "all", NULL, "Show all containers (default shows just running)", CLI_BOOL,
		CLI_AT(ps_opts, all, bool), false },
	{ 'f', "filter", "filter", "Filter output based on conditions provided", CLI_LIST,
		CLI_AT(ps_opts, filters, strv), false },
	{ 0, "format", "string",
		"Format output: 'table', 'table TEMPLATE', 'json', or a Go template 'TEMPLATE'",
		CLI_STRING, CLI_AT(ps_opts, format, const char *), false },
	{ 'n', "last", "int", "Show n last created containers (includes all states) (default -1)",
		CLI_INT, CLI_AT(ps_opts, last, int64_t), false },
	{ 'l', "latest", NULL, "Show the latest created container (includes all states)", CLI_BOOL,
		CLI_AT(ps_opts, latest, bool), false },
	{ 0, "no-trunc", NULL, "Don't truncate output", CLI_BOOL, CLI_AT(ps_opts, no_trunc, bool),
		false },
	{ 'q', "quiet", NULL, "Only display container IDs", CLI_BOOL, CLI_AT(ps_opts, quiet, bool),
		false },
	{ 's', "size", NULL, "Display total file sizes", CLI_BOOL, CLI_AT(ps_opts, size, bool),
		false },
	{},
};

#define SIZED_TABLE \
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t" \
	"{{.Names}}\t{{.Size}}"

struct listing {
	struct engine *engine;
	const struct ps_opts *opts;
	struct ps_filters filters;
	struct format *format;
	int64_t left; /* how many more */
	struct error **err;
};

/* Returns 1 to end the listing early. */
static int list_one(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct listing *listing = arg;
	cleanup_strv strv labels =
		row->labels && *row->labels ? strv_split(row->labels, '\n') : NULL;
	struct ps_container container = { .engine = listing->engine,
		.row = row,
		.status = status,
		.labels = labels,
		.sized = listing->opts->size };
	struct json_object *object = NULL;
	int result = 0;

	if (listing->left == 0)
		return 1;
	if (ps_filters_match(&listing->filters, &container)) {
		object = ps_row(&container, listing->format, listing->opts->no_trunc);
		result = format_row(listing->format, object, &container, listing->err);
		listing->left--;
	}
	json_object_put(object);
	json_object_put(container.details);
	return result;
}

static int list(struct listing *listing, struct error **err)
{
	const struct ps_opts *opts = listing->opts;
	bool all = opts->all || opts->latest || opts->last >= 0 ||
		   filter_value(opts->filters, "status", 0) ||
		   filter_value(opts->filters, "exited", 0);

	listing->left = opts->latest ? 1 : opts->last >= 0 ? opts->last : -1;
	listing->err = err;
	if (container_each(listing->engine, all, list_one, listing, err) < 0)
		return -1;
	return *err ? -1 : format_print(listing->format, stdout, err);
}

static int ps_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct ps_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_format struct format *format = NULL;
	const char *text = opts->format ? opts->format : opts->size ? SIZED_TABLE : NULL;
	struct listing listing = { .engine = &engine, .opts = opts };
	int result;

	(void)args;
	if (opts->quiet && opts->format && strcmp(opts->format, "table") != 0)
		fprintf(stderr, "WARNING: Ignoring custom format, because both --format and "
				"--quiet are set.\n");
	if (opts->quiet)
		text = "{{.ID}}";
	if (format_open(text, &ps_kind, &format, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0)
		return -1;
	listing.format = format;
	result = ps_filters_init(&engine, opts->filters, &listing.filters, err);
	if (result == 0)
		result = list(&listing, err);
	strv_free(listing.filters.ancestors);
	return result;
}

#define PS_BODY \
	.args = "", .summary = "List containers", .flags = ps_flags, \
	.defaults = &(const struct ps_opts){ .last = -1 }, .opts_size = sizeof(struct ps_opts), \
	.complete = COMPLETE_NOTHING, .run = ps_run

const struct cli_command cmd_ps = { .name = "ps", .common = true, PS_BODY };
const struct cli_command cmd_container_ls = { .name = "ls", .aliases = "list ps", PS_BODY };

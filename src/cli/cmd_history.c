/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/format.h"
#include "cli/image_text.h"
#include "engine/image_history.h"

#define CREATED_BY_MAX 45 /* characters */
#define MISSING "<missing>"

struct history_opts {
	bool human, no_trunc, quiet;
	const char *format, *platform;
};

static const struct cli_flag history_flags[] = {
	{ 0, "format", "string",
		"Format output: 'table', 'table TEMPLATE', 'json', or a Go template 'TEMPLATE'",
		CLI_STRING, CLI_AT(history_opts, format, const char *), false },
	{ 'H', "human", NULL, "Print sizes and dates in human readable format (default true)",
		CLI_BOOL, CLI_AT(history_opts, human, bool), false },
	{ 0, "no-trunc", NULL, "Don't truncate output", CLI_BOOL,
		CLI_AT(history_opts, no_trunc, bool), false },
	{ 0, "platform", "string", "Show history for the given platform (\"os[/arch[/variant]]\")",
		CLI_STRING, CLI_AT(history_opts, platform, const char *), false },
	{ 'q', "quiet", NULL, "Only show image IDs", CLI_BOOL, CLI_AT(history_opts, quiet, bool),
		false },
	{},
};

static const struct format_column columns[] = {
	{ "Comment", "COMMENT" },
	{ "CreatedAt", "CREATED AT" },
	{ "CreatedBy", "CREATED BY" },
	{ "CreatedSince", "CREATED" },
	{ "ID", "IMAGE" },
	{ "Size", "SIZE" },
	{},
};

static const struct format_kind human_kind = {
	.table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
	.columns = columns,
	.host = { .type = "history" },
};
static const struct format_kind exact_kind = {
	.table = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
	.columns = columns,
	.host = { .type = "history" },
};

/* RFC 3339, in this machine's zone. The caller frees. */
static char *exact_time(int64_t ns)
{
	time_t seconds = (time_t)(ns / INT64_C(1000000000));
	char text[64];
	size_t length;
	struct tm tm;

	localtime_r(&seconds, &tm);
	length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	if (tm.tm_gmtoff == 0)
		return xasprintf("%.*sZ", (int)length, text);
	return xasprintf("%.*s%c%02ld:%02ld", (int)length, text, tm.tm_gmtoff < 0 ? '-' : '+',
		labs(tm.tm_gmtoff) / 3600, labs(tm.tm_gmtoff) / 60 % 60);
}

static void put_times(struct json_object *object, const struct image_history *history, bool human)
{
	cleanup_error struct error *unreadable = NULL;
	cleanup_free char *exact = NULL, *since = NULL;
	int64_t created = 0;

	if (!history || !history->created ||
		clock_parse(history->created, &created, &unreadable) < 0) {
		json_put_text(object, "CreatedAt", CLOCK_NEVER);
		json_put_text(object, "CreatedSince", human ? "N/A" : CLOCK_NEVER);
		return;
	}
	exact = exact_time(created);
	since = ago_text(created, clock_now_ns());
	json_put_text(object, "CreatedAt", exact);
	json_put_text(object, "CreatedSince", human ? since : exact);
}

static struct json_object *step_object(
	const struct image_step *step, const char *id, const struct history_opts *opts)
{
	const char *by =
		step->history && step->history->created_by ? step->history->created_by : "";
	const char *comment = step->history && step->history->comment ? step->history->comment : "";
	cleanup_free char *brief = opts->no_trunc ? one_line(by) : shortened(by, CREATED_BY_MAX);
	struct json_object *object = json_object_new_object();
	char human[CLOCK_TEXT_MAX], exact[24];

	(void)snprintf(exact, sizeof(exact), "%" PRId64, step->layer.size);
	json_put_text(object, "Comment", comment);
	json_put_text(object, "CreatedAt", ""); /* their places: docker's are by name */
	json_put_text(object, "CreatedBy", brief);
	put_times(object, step->history, opts->human);
	json_put_text(object, "ID", id);
	json_put_text(object, "Size",
		opts->human ? size_human((uint64_t)step->layer.size, human) : exact);
	return object;
}

/* The newest step is the image; which images were made on the way nobody remembers. */
static int add_rows(struct format *format, const struct image_steps *steps,
	const struct image_row *row, const struct history_opts *opts, struct error **err)
{
	cleanup_free char *id = image_id_text(&row->id, opts->no_trunc);

	for (size_t i = steps->count; i-- > 0;) {
		bool is_image = i + 1 == steps->count;
		cleanup_json struct json_object *object =
			step_object(&steps->items[i], is_image ? id : MISSING, opts);

		if (format_row(format, object, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int history_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct history_opts *opts = opts_;
	bool is_table = !opts->format || !*opts->format || strcmp(opts->format, "table") == 0;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_format struct format *format = NULL;
	cleanup_image_row struct image_row row = { 0 };
	cleanup_image_steps struct image_steps steps = { .items = NULL };

	if (format_open(is_table && opts->quiet ? "{{.ID}}" : opts->format,
		    opts->human ? &human_kind : &exact_kind, &format, err) < 0 ||
		engine_open(&cli->paths, &engine, err) < 0 ||
		store_find_image(&engine.store, args[0], &row, err) < 0 ||
		image_steps_read(&engine, &row, &steps, err) < 0 ||
		image_need_platform(&steps.config, args[0], opts->platform, err) < 0 ||
		add_rows(format, &steps, &row, opts, err) < 0)
		return -1;
	return format_print(format, stdout, err);
}

const struct cli_command cmd_history = {
	.name = "history",
	.args = "IMAGE",
	.summary = "Show the history of an image",
	.flags = history_flags,
	.defaults = &(const struct history_opts){ .human = true },
	.opts_size = sizeof(struct history_opts),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGES,
	.run = history_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/format.h"
#include "cli/quote.h"
#include "engine/usage.h"

#define ID_TEXT_START 7 /* behind "sha256:" */
#define SECOND_NS INT64_C(1000000000)

struct df_opts {
	bool verbose;
	const char *format;
};

static const struct cli_flag df_flags[] = {
	{ 0, "format", "string",
		"Format output: 'table', 'table TEMPLATE', 'json', or a Go template 'TEMPLATE'",
		CLI_STRING, CLI_AT(df_opts, format, const char *), false },
	{ 'v', "verbose", NULL, "Show detailed information on space usage", CLI_BOOL,
		CLI_AT(df_opts, verbose, bool), false },
	{},
};

static int64_t number(struct json_object *object, const char *key)
{
	return json_object_get_int64(json_object_object_get(object, key));
}

static const char *text(struct json_object *object, const char *key)
{
	const char *value = json_object_get_string(json_object_object_get(object, key));

	return value ? value : "";
}

static struct json_object *size_value(int64_t bytes)
{
	char buf[CLOCK_TEXT_MAX];

	return json_object_new_string(size_human(bytes > 0 ? (uint64_t)bytes : 0, buf));
}

static struct json_object *take_value(char *value)
{
	struct json_object *object = json_object_new_string(value);

	free(value);
	return object;
}

static void put_count(struct json_object *row, const char *key, int64_t count)
{
	json_put(row, key, take_value(xasprintf("%lld", (long long)count)));
}

/* ---- the summary ---- */

struct total {
	const char *type;
	bool has_percent;
	int64_t total, active, size, reclaimable;
};

static bool is_running(struct json_object *container)
{
	const char *state = text(container, "State");

	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0;
}

static void add_image(struct total *total, struct json_object *image)
{
	if (number(image, "Containers") > 0) {
		total->active++;
		total->reclaimable -= number(image, "Size") - number(image, "SharedSize");
	}
}

static void add_container(struct total *total, struct json_object *container)
{
	int64_t size = number(container, "SizeRw");

	total->size += size;
	if (is_running(container))
		total->active++;
	else
		total->reclaimable += size;
}

static void add_volume(struct total *total, struct json_object *volume)
{
	struct json_object *data = json_object_object_get(volume, "UsageData");

	total->size += number(data, "Size");
	if (number(data, "RefCount") > 0)
		total->active++;
	else
		total->reclaimable += number(data, "Size");
}

static void add_step(struct total *total, struct json_object *step)
{
	if (json_object_get_boolean(json_object_object_get(step, "Shared")))
		return; /* its image's */
	total->size += number(step, "Size");
	total->reclaimable += number(step, "Size");
}

static void sum(struct total *total, struct json_object *list,
	void (*add)(struct total *total, struct json_object *entry))
{
	total->total = (int64_t)json_object_array_length(list);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		add(total, json_object_array_get_idx(list, i));
}

static struct json_object *total_row(const struct total *total)
{
	struct json_object *row = json_object_new_object();
	char size[CLOCK_TEXT_MAX];
	cleanup_free char *percent =
		total->has_percent && total->size > 0
			? xasprintf(
				  " (%lld%%)", (long long)(total->reclaimable * 100 / total->size))
			: xstrdup("");

	put_count(row, "Active", total->active);
	json_put(row, "Reclaimable",
		take_value(xasprintf(
			"%s%s", size_human((uint64_t)total->reclaimable, size), percent)));
	json_put(row, "Size", size_value(total->size));
	put_count(row, "TotalCount", total->total);
	json_put_text(row, "Type", total->type);
	return row;
}

static int print_summary(struct json_object *usage, const char *format_text, struct error **err)
{
	static const struct format_column columns[] = { { "Active", "ACTIVE" },
		{ "Reclaimable", "RECLAIMABLE" }, { "Size", "SIZE" }, { "TotalCount", "TOTAL" },
		{ "Type", "TYPE" }, {} };
	static const struct format_kind kind = {
		.table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
		.columns = columns,
		.host = { .type = "df" },
	};
	cleanup_format struct format *format = NULL;
	struct total totals[] = {
		{ .type = "Images", .has_percent = true, .size = number(usage, "LayersSize") },
		{ .type = "Containers", .has_percent = true },
		{ .type = "Local Volumes", .has_percent = true },
		{ .type = "Build Cache" },
	};

	totals[0].reclaimable = totals[0].size;
	sum(&totals[0], json_object_object_get(usage, "Images"), add_image);
	sum(&totals[1], json_object_object_get(usage, "Containers"), add_container);
	sum(&totals[2], json_object_object_get(usage, "Volumes"), add_volume);
	sum(&totals[3], json_object_object_get(usage, "BuildCache"), add_step);
	if (format_open(format_text, &kind, &format, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(totals) / sizeof(*totals); i++) {
		cleanup_json struct json_object *row = total_row(&totals[i]);

		if (format_row(format, row, NULL, err) < 0)
			return -1;
	}
	return format_print(format, stdout, err);
}

/* ---- the details ---- */

static const struct format_column detail_columns[] = { { "CacheType", "CACHE TYPE" },
	{ "Command", "COMMAND" }, { "Containers", "CONTAINERS" }, { "CreatedSince", "CREATED" },
	{ "ID", "CACHE ID" }, { "Image", "IMAGE" }, { "LastUsedSince", "LAST USED" },
	{ "Links", "LINKS" }, { "LocalVolumes", "LOCAL VOLUMES" }, { "Name", "VOLUME NAME" },
	{ "Names", "NAMES" }, { "Repository", "REPOSITORY" }, { "SharedSize", "SHARED SIZE" },
	{ "Shared", "SHARED" }, { "Size", "SIZE" }, { "Status", "STATUS" }, { "Tag", "TAG" },
	{ "UniqueSize", "UNIQUE SIZE" }, { "UsageCount", "USAGE" },
	{ "ContainerID", "CONTAINER ID" }, { "ImageID", "IMAGE ID" }, {} };

static struct json_object *since(int64_t seconds)
{
	return take_value(ago_text(seconds * SECOND_NS, clock_now_ns()));
}

static struct json_object *image_row(struct json_object *image)
{
	struct json_object *row = json_object_new_object();
	struct json_object *tags = json_object_object_get(image, "RepoTags");
	const char *name = json_object_array_length(tags) > 0
				   ? json_object_get_string(json_object_array_get_idx(tags, 0))
				   : NULL;
	const char *colon = name ? strrchr(name, ':') : NULL;
	int64_t size = number(image, "Size"), shared = number(image, "SharedSize");

	put_count(row, "Containers", number(image, "Containers"));
	json_put(row, "CreatedSince", since(number(image, "Created")));
	json_put(row, "ImageID", take_value(xstrndup(text(image, "Id") + ID_TEXT_START, ID_SHORT)));
	json_put(row, "Repository",
		take_value(colon ? xstrndup(name, (size_t)(colon - name)) : xstrdup("<none>")));
	json_put(row, "SharedSize", size_value(shared));
	json_put(row, "Size", size_value(size));
	json_put_text(row, "Tag", colon ? colon + 1 : "<none>");
	json_put(row, "UniqueSize", size_value(size - shared));
	return row;
}

static char *status_text(struct json_object *container)
{
	struct container_status status = { .state = CONTAINER_CREATED,
		.exit_code = (int)number(container, "ExitCode"),
		.started_ns = number(container, "StartedNs"),
		.finished_ns = number(container, "FinishedNs") };

	for (int state = CONTAINER_CREATED; state <= CONTAINER_DEAD; state++)
		if (strcmp(container_state_name(state), text(container, "State")) == 0)
			status.state = state;
	return container_status_text(&status, clock_now_ns());
}

static struct json_object *container_row_json(struct json_object *container)
{
	struct json_object *row = json_object_new_object();
	struct json_object *names = json_object_object_get(container, "Names");
	struct json_object *mounts = json_object_object_get(container, "Mounts");
	cleanup_free char *command = quote_ellipsis(text(container, "Command"), 20);
	int64_t volumes = 0;

	for (size_t i = 0; mounts && i < json_object_array_length(mounts); i++)
		volumes +=
			strcmp(text(json_object_array_get_idx(mounts, i), "Type"), "volume") == 0;
	json_put(row, "Command", take_value(xasprintf("\"%s\"", command)));
	json_put(row, "ContainerID", take_value(xstrndup(text(container, "Id"), ID_SHORT)));
	json_put(row, "CreatedSince", since(number(container, "Created")));
	json_put_text(row, "Image", text(container, "Image"));
	put_count(row, "LocalVolumes", volumes);
	json_put_text(
		row, "Names", json_object_get_string(json_object_array_get_idx(names, 0)) + 1);
	json_put(row, "Size", size_value(number(container, "SizeRw")));
	json_put(row, "Status", take_value(status_text(container)));
	return row;
}

static struct json_object *volume_row(struct json_object *volume)
{
	struct json_object *row = json_object_new_object();
	struct json_object *data = json_object_object_get(volume, "UsageData");

	put_count(row, "Links", number(data, "RefCount"));
	json_put_text(row, "Name", text(volume, "Name"));
	json_put(row, "Size", size_value(number(data, "Size")));
	return row;
}

static struct json_object *step_row(struct json_object *step)
{
	cleanup_error struct error *unreadable = NULL;
	struct json_object *row = json_object_new_object();
	int64_t created_ns = 0;

	(void)clock_parse(text(step, "CreatedAt"), &created_ns, &unreadable);
	json_put_text(row, "CacheType", text(step, "Type"));
	json_put(row, "CreatedSince", take_value(ago_text(created_ns, clock_now_ns())));
	json_put(row, "ID", take_value(xstrndup(text(step, "ID"), ID_SHORT)));
	json_put_text(row, "Shared",
		json_object_get_boolean(json_object_object_get(step, "Shared")) ? "true" : "false");
	json_put(row, "Size", size_value(number(step, "Size")));
	return row;
}

static const struct detail {
	const char *list, *title, *table;
	struct json_object *(*row)(struct json_object *entry);
} details[] = {
	{ "Images", "Images space usage:\n\n",
		"{{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.CreatedSince}}\t{{.Size}}\t"
		"{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
		image_row },
	{ "Containers", "\nContainers space usage:\n\n",
		"{{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t"
		"{{.CreatedSince}}\t{{.Status}}\t{{.Names}}",
		container_row_json },
	{ "Volumes", "\nLocal Volumes space usage:\n\n", "{{.Name}}\t{{.Links}}\t{{.Size}}",
		volume_row },
	{ "BuildCache", "\nBuild cache usage:\n\n",
		"{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.Shared}}", step_row },
};

static int print_detail(const struct detail *detail, struct json_object *list, struct error **err)
{
	const struct format_kind kind = {
		.table = detail->table, .columns = detail_columns, .host = { .type = "df" }
	};
	cleanup_format struct format *format = NULL;

	if (format_open(NULL, &kind, &format, err) < 0)
		return -1;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		cleanup_json struct json_object *row =
			detail->row(json_object_array_get_idx(list, i));

		if (format_row(format, row, NULL, err) < 0)
			return -1;
	}
	(void)fputs(detail->title, stdout);
	return format_print(format, stdout, err);
}

/* With a format: one object of four lists of such rows. */
static int print_object(struct json_object *usage, const char *format, struct error **err)
{
	cleanup_json struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < sizeof(details) / sizeof(*details); i++) {
		struct json_object *list = json_object_object_get(usage, details[i].list);
		struct json_object *rows = json_object_new_array();

		for (size_t k = 0; k < json_object_array_length(list); k++)
			json_object_array_add(
				rows, details[i].row(json_object_array_get_idx(list, k)));
		json_put(object, details[i].list, rows);
	}
	return format_object(stdout, format, object, err);
}

static int print_details(struct json_object *usage, const char *format, struct error **err)
{
	if (format && *format && strcmp(format, "table") != 0)
		return print_object(usage, format, err);
	for (size_t i = 0; i < sizeof(details) / sizeof(*details); i++)
		if (print_detail(&details[i], json_object_object_get(usage, details[i].list), err) <
			0)
			return -1;
	return 0;
}

static int df_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct df_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_json struct json_object *usage = NULL;

	(void)args;
	if (engine_open(&cli->paths, &engine, err) < 0 || engine_usage(&engine, &usage, err) < 0)
		return -1;
	return opts->verbose ? print_details(usage, opts->format, err)
			     : print_summary(usage, opts->format, err);
}

const struct cli_command cmd_system_df = {
	.name = "df",
	.args = "",
	.summary = "Show disk usage",
	.flags = df_flags,
	.opts_size = sizeof(struct df_opts),
	.complete = COMPLETE_NOTHING,
	.run = df_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* state and list. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"

struct list_opts {
	const char *format;
	bool quiet;
};

static const struct flag list_flags[] = {
	{ 'f', "format", "FORMAT", "table or json (default table)", FLAG_TEXT,
		FLAG_AT(list_opts, format, const char *) },
	{ 'q', "quiet", NULL, "ids alone", FLAG_BOOL, FLAG_AT(list_opts, quiet, bool) },
	{},
};

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(obj, key, &value) ? json_object_get_string(value) : "";
}

static int state_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	cleanup_state struct state state = STATE_INIT;
	cleanup_json struct json_object *obj = NULL;
	cleanup_free char *text = NULL;

	(void)opts;
	if (state_open(runtime, args[0], STATE_LOOK, &state, err) < 0)
		return -1;
	obj = state_json(&state, state_status(&state));
	text = json_pretty(obj);
	printf("%s\n", text);
	return 0;
}

/* One that is removed while we look is not there; one that cannot be read is told, and the others
 * are listed all the same. */
static struct json_object *look(const struct runtime *runtime, const char *id)
{
	cleanup_error struct error *failed = NULL;
	cleanup_state struct state state = STATE_INIT;

	if (state_open(runtime, id, STATE_LOOK, &state, &failed) == 0)
		return state_json(&state, state_status(&state));
	if (error_kind(failed) != ERROR_NOT_FOUND)
		log_warning(&runtime->log, "%s", error_message(failed));
	return NULL;
}

/* A bundle's path may hold what would steer the terminal of who looks: as question marks. */
static const char *plain_of(struct json_object *obj, const char *key)
{
	cleanup_free char *text = xstrdup(text_of(obj, key));
	struct json_object *value;
	bool changed = false;

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127) {
			*c = '?';
			changed = true;
		}
	if (!changed)
		return text_of(obj, key);
	value = json_object_new_string(text);
	json_object_object_add(obj, key, value);
	return json_object_get_string(value);
}

static const struct {
	const char *key, *title;
} columns[] = { { "id", "ID" }, { "pid", "PID" }, { "status", "STATUS" }, { "bundle", "BUNDLE" },
	{ "created", "CREATED" }, { "owner", "OWNER" } };

#define COLUMNS (sizeof(columns) / sizeof(*columns))

static int column_width(struct json_object *list, size_t column)
{
	size_t width = strlen(columns[column].title);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *row = json_object_array_get_idx(list, i);
		size_t length = strlen(plain_of(row, columns[column].key));

		width = length > width ? length : width;
	}
	return (int)width;
}

/* row: NULL for the titles. */
static void print_row(struct json_object *row, const int *widths)
{
	for (size_t k = 0; k < COLUMNS; k++)
		printf("%-*s%s", k + 1 < COLUMNS ? widths[k] : 0,
			row ? plain_of(row, columns[k].key) : columns[k].title,
			k + 1 < COLUMNS ? "  " : "\n");
}

static void print_table(struct json_object *list)
{
	int widths[COLUMNS];

	for (size_t k = 0; k < COLUMNS; k++)
		widths[k] = column_width(list, k);
	print_row(NULL, widths);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		print_row(json_object_array_get_idx(list, i), widths);
}

static int list_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct list_opts *opts = opts_;
	cleanup_json struct json_object *list = json_object_new_array();
	cleanup_strv strv ids = NULL;
	bool json = opts->format && strcmp(opts->format, "json") == 0;

	(void)args;
	if (opts->format && !json && strcmp(opts->format, "table") != 0)
		return error_new(err, ERROR_INVALID, "invalid format option '%s'", opts->format);
	if (state_list(runtime, &ids, err) < 0)
		return -1;
	for (size_t i = 0; ids && ids[i]; i++) {
		struct json_object *obj = opts->quiet ? NULL : look(runtime, ids[i]);

		if (opts->quiet)
			printf("%s\n", ids[i]);
		if (obj)
			json_object_array_add(list, obj);
	}
	if (opts->quiet)
		return 0;
	if (json) {
		cleanup_free char *text = json_compact(list);

		printf("%s\n", text);
	} else {
		print_table(list);
	}
	return 0;
}

const struct command oci_state = {
	.name = "state",
	.args = "CONTAINER",
	.summary = "Print a container's state as JSON",
	.min_args = 1,
	.max_args = 1,
	.run = state_run,
};

const struct command oci_list = {
	.name = "list",
	.args = "",
	.summary = "List containers",
	.flags = list_flags,
	.opts_size = sizeof(struct list_opts),
	.max_args = 0,
	.run = list_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/image_text.h"
#include "cli/inspect_shape.h"
#include "engine/container.h"
#include "engine/image.h"
#include "oci/image.h"

struct inspect_opts {
	const char *format, *type, *platform;
};

#define FORMAT_HELP "Format output: 'json', or a Go template 'TEMPLATE'"

static const struct cli_flag inspect_flags[] = {
	{ 'f', "format", "string", FORMAT_HELP, CLI_STRING,
		CLI_AT(inspect_opts, format, const char *), false },
	{ 0, "type", "string", "Only inspect objects of the given type", CLI_STRING,
		CLI_AT(inspect_opts, type, const char *), false },
	{},
};
static const struct cli_flag typed_flags[] = {
	{ 'f', "format", "string", FORMAT_HELP, CLI_STRING,
		CLI_AT(inspect_opts, format, const char *), false },
	{},
};

static const struct cli_flag image_flags[] = {
	{ 'f', "format", "string", FORMAT_HELP, CLI_STRING,
		CLI_AT(inspect_opts, format, const char *), false },
	{ 0, "platform", "string",
		"Inspect a specific platform of the image (\"os[/arch[/variant]]\")", CLI_STRING,
		CLI_AT(inspect_opts, platform, const char *), false },
	{},
};

typedef int (*lookup)(
	struct engine *engine, const char *name, struct json_object **ret, struct error **err);

struct kind {
	const char *what; /* in "No such what: x" */
	lookup lookups[2]; /* in this order; NULL: no more */
};
static const struct kind any = { "object", { container_inspect, image_inspect } };
static const struct kind containers = { "container", { container_inspect } };
static const struct kind images = { "image", { image_inspect } };

/* 1, or 0 when nothing has that name. */
static int find(struct engine *engine, const struct kind *kind, const char *name,
	struct json_object **ret, struct error **err)
{
	for (int i = 0; i < 2 && kind->lookups[i]; i++) {
		cleanup_error struct error *failure = NULL;

		if (kind->lookups[i](engine, name, ret, &failure) == 0)
			return 1;
		/* What cannot be an image's name may be no name at all; an ambiguous id is one. */
		if (error_kind(failure) == ERROR_NOT_FOUND ||
			(i > 0 && error_kind(failure) == ERROR_INVALID))
			continue;
		*err = take_ptr(failure);
		return -1;
	}
	return 0;
}

struct inspection {
	struct cli *cli;
	const char *format, *platform;
	const struct kind *kind;
	struct json_object *found; /* an array, when there is no format */
};

static int check_platform(
	struct json_object *image, const char *name, const char *platform, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	const char *os = "", *architecture = "", *variant = NULL;

	(void)json_get_text(image, "Os", &os, &ignored);
	(void)json_get_text(image, "Architecture", &architecture, &ignored);
	(void)json_get_text(image, "Variant", &variant, &ignored);
	return image_need_platform(&(struct image_config){ .os = (char *)os,
					   .architecture = (char *)architecture,
					   .variant = (char *)variant },
		name, platform, err);
}

static int inspect_one(
	struct inspection *inspection, struct engine *engine, const char *name, struct error **err)
{
	struct json_object *object = NULL;
	int found = find(engine, inspection->kind, name, &object, err), result = 0;

	if (found < 0)
		return -1;
	if (!found)
		return 0;
	if (check_platform(object, name, inspection->platform, err) < 0) {
		json_object_put(object);
		return -1;
	}
	if (!inspection->format) {
		json_object_array_add(inspection->found, object);
		return 1;
	}
	inspect_shape(object);
	result = format_object(stdout, inspection->format, object, err);
	json_object_put(object);
	return result < 0 ? -1 : 1;
}

static int inspect_all(
	struct inspection *inspection, char *const *names, strv *missing, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	int code = 0;

	if (engine_open(&inspection->cli->paths, &engine, err) < 0)
		return -1;
	for (; *names; names++) {
		cleanup_error struct error *failure = NULL;
		int found = inspect_one(inspection, &engine, *names, &failure);

		if (found < 0)
			cli_report(inspection->cli, failure);
		if (found == 0)
			strv_append(missing, *names);
		if (found <= 0)
			code = 1;
	}
	return code;
}

static int inspect(struct cli *cli, const struct inspect_opts *opts, const struct kind *kind,
	char **names, struct error **err)
{
	const char *format = opts->format;
	cleanup_json struct json_object *found = json_object_new_array();
	cleanup_strv strv missing = NULL;
	struct inspection inspection = { .cli = cli,
		.format = format && *format ? format : NULL,
		.platform = opts->platform,
		.kind = kind,
		.found = found };
	int code = inspect_all(&inspection, names, &missing, err);

	if (code < 0)
		return -1;
	if (!inspection.format) {
		cleanup_free char *text = json_pretty(found);

		puts(text);
	}
	fflush(stdout);
	for (size_t i = 0; missing && missing[i]; i++)
		fprintf(stderr, "Error: No such %s: %s\n", kind->what, missing[i]);
	return code;
}

static int inspect_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	const struct inspect_opts *opts = opts_;
	const struct kind *kind = &any;

	if (opts->type && strcmp(opts->type, "container") == 0)
		kind = &containers;
	else if (opts->type && strcmp(opts->type, "image") == 0)
		kind = &images;
	else if (opts->type && *opts->type) {
		error_new(err, ERROR_INVALID, "\"%s\" is not a valid value for --type", opts->type);
		return error_hint(err, "use container or image");
	}
	return inspect(cli, opts, kind, names, err);
}

static int inspect_container_run(
	struct cli *cli, const void *opts_, char **names, struct error **err)
{
	return inspect(cli, opts_, &containers, names, err);
}

static int inspect_image_run(struct cli *cli, const void *opts_, char **names, struct error **err)
{
	return inspect(cli, opts_, &images, names, err);
}

const struct cli_command cmd_inspect = {
	.name = "inspect",
	.args = "NAME|ID [NAME|ID...]",
	.summary = "Return low-level information on Docker objects",
	.flags = inspect_flags,
	.opts_size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = inspect_run,
};

const struct cli_command cmd_container_inspect = {
	.name = "inspect",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Display detailed information on one or more containers",
	.flags = typed_flags,
	.opts_size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.run = inspect_container_run,
};

const struct cli_command cmd_image_inspect = {
	.name = "inspect",
	.args = "IMAGE [IMAGE...]",
	.summary = "Display detailed information on one or more images",
	.flags = image_flags,
	.opts_size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.run = inspect_image_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/container_text.h"
#include "cli/ports.h"
#include "cli/ps.h"
#include "cli/quote.h"

#define COMMAND_WIDTH 20
#define MOUNT_WIDTH 15

const char *ps_text(struct json_object *object, const char *key)
{
	cleanup_error struct error *other_type = NULL;
	const char *text = NULL;

	(void)json_get_text(object, key, &text, &other_type);
	return text;
}

struct json_object *ps_details(struct ps_container *container)
{
	cleanup_error struct error *gone = NULL;

	if (!container->details)
		(void)container_inspect(
			container->engine, container->row->id, &container->details, &gone);
	return container->details;
}

strv ps_mounts(struct ps_container *container)
{
	cleanup_error struct error *ignored = NULL;
	struct json_object *mounts = NULL;
	strv names = NULL;

	if (json_get(ps_details(container), "Mounts", json_type_array, &mounts, &ignored) <= 0)
		return NULL;
	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *name = ps_text(mount, "Name"), *source = ps_text(mount, "Source");

		if ((name && *name) || source)
			strv_append(&names, name && *name ? name : source);
	}
	return names;
}

strv ps_networks(struct ps_container *container)
{
	cleanup_error struct error *ignored = NULL;
	struct json_object *settings = NULL, *networks = NULL;
	strv names = NULL;

	if (json_get(ps_details(container), "NetworkSettings", json_type_object, &settings,
		    &ignored) <= 0 ||
		json_get(settings, "Networks", json_type_object, &networks, &ignored) <= 0)
		return NULL;
	json_object_object_foreach(networks, name, network)
	{
		(void)network;
		strv_append(&names, name);
	}
	return names;
}

/* What the container wrote, and with its image's layers ("virtual"), as docker's -s has it. */
static char *size_text(struct ps_container *container)
{
	cleanup_error struct error *no_folder = NULL, *no_image = NULL;
	cleanup_image_row struct image_row image = { 0 };
	struct json_object *driver = NULL, *data = NULL;
	char own[CLOCK_TEXT_MAX], all[CLOCK_TEXT_MAX];
	int64_t written = 0;

	if (json_get(ps_details(container), "GraphDriver", json_type_object, &driver, &no_folder) >
			0 &&
		json_get(driver, "Data", json_type_object, &data, &no_folder) > 0 &&
		ps_text(data, "UpperDir"))
		written = tree_size_at(AT_FDCWD, ps_text(data, "UpperDir"));
	(void)store_lookup_image(
		&container->engine->store, container->row->image_id, &image, &no_image);
	return xasprintf("%s (virtual %s)", size_human((uint64_t)written, own),
		size_human((uint64_t)(written + image.size), all));
}

static struct json_object *take_text(char *text)
{
	struct json_object *value = json_object_new_string(text);

	free(text);
	return value;
}

static struct json_object *command_text(const char *command, bool full)
{
	cleanup_free char *cut = full ? xstrdup(command) : quote_ellipsis(command, COMMAND_WIDTH);
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE);

	quote_go(&out, cut, strlen(cut));
	return json_object_new_string(buf_text(&out));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *joined(strv texts)
{
	if (texts)
		qsort(texts, strv_length(texts), sizeof(*texts), by_text);
	return strv_join(texts, ",");
}

static void put_mounts(struct json_object *row, struct ps_container *container, bool full)
{
	cleanup_strv strv mounts = ps_mounts(container);
	size_t volumes = 0;

	for (size_t i = 0; mounts && mounts[i]; i++) {
		volumes += mounts[i][0] != '/';
		if (!full)
			replace_string(&mounts[i], quote_ellipsis(mounts[i], MOUNT_WIDTH));
	}
	json_put(row, "LocalVolumes", take_text(xasprintf("%zu", volumes)));
	json_put(row, "Mounts", take_text(strv_join(mounts, ",")));
}

static void put_ports(struct json_object *row, const char *lines)
{
	cleanup_free struct published_port *ports = NULL;
	size_t count = ports_parse(lines, &ports);

	json_put(row, "Ports", take_text(ports_text(ports, count)));
}

/* Members in the order of the alphabet, as docker's JSON has them. What costs a look at the
 * container's files is there only when it is asked for. */
struct json_object *ps_row(struct ps_container *container, const struct format *format, bool full)
{
	const struct container_row *row = container->row;
	int64_t now = clock_now_ns();
	struct json_object *out = json_object_new_object();
	cleanup_free char *id = full ? xstrdup(row->id) : xstrndup(row->id, ID_SHORT);
	cleanup_free char *image = strncmp(row->image, "sha256:", 7) == 0 && !full
					   ? xstrndup(row->image + 7, ID_SHORT)
					   : xstrdup(row->image);

	json_put(out, "Command", command_text(row->command, full));
	json_put(out, "CreatedAt", take_text(created_text(row->created_ns)));
	json_put_text(out, "ID", id);
	json_put_text(out, "Image", image);
	json_put(out, "Labels", take_text(joined(container->labels)));
	if (format_needs(format, "Mounts") || format_needs(format, "LocalVolumes"))
		put_mounts(out, container, full);
	json_put_text(out, "Names", row->name);
	if (format_needs(format, "Networks")) {
		cleanup_strv strv networks = ps_networks(container);

		json_put(out, "Networks", take_text(joined(networks)));
	}
	json_put(out, "Platform", NULL);
	put_ports(out, row->ports);
	json_put(out, "RunningFor", take_text(ago_text(row->created_ns, now)));
	/* As a part of "all" it is not worth a walk through the container's files. */
	if (container->sized || format_names(format, "Size"))
		json_put(out, "Size", take_text(size_text(container)));
	else
		json_put_text(out, "Size", "0B");
	json_put_text(out, "State", container_state_name(container->status->state));
	json_put(out, "Status", take_text(container_status_text(container->status, now)));
	return out;
}

static int method(const struct template_method *call, const void *arg, struct json_object **ret,
	struct error **err)
{
	const struct ps_container *container = arg;
	const char *value;

	(void)err;
	if (strcmp(call->name, "Label") != 0 || call->count != 1)
		return 0;
	value = env_get(container->labels, json_object_get_string(call->args[0]));
	*ret = json_object_new_string(value ? value : "");
	return 1;
}

static const struct format_column columns[] = {
	{ "Command", "COMMAND" },
	{ "CreatedAt", "CREATED AT" },
	{ "ID", "CONTAINER ID" },
	{ "Image", "IMAGE" },
	{ "Labels", "LABELS" },
	{ "LocalVolumes", "LOCAL VOLUMES" },
	{ "Mounts", "MOUNTS" },
	{ "Names", "NAMES" },
	{ "Networks", "NETWORKS" },
	{ "Platform", "PLATFORM" },
	{ "Ports", "PORTS" },
	{ "RunningFor", "CREATED" },
	{ "Size", "SIZE" },
	{ "State", "STATE" },
	{ "Status", "STATUS" },
	{},
};

const struct format_kind ps_kind = {
	.table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t"
		 "{{.Names}}",
	.columns = columns,
	.host = { .method = method, .type = "container" },
};

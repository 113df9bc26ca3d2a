/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/host.h"
#include "cli/template.h"
#include "engine/container.h"
#include "network/bridge.h"

struct info_opts {
	const char *format;
};

static const struct cli_flag info_flags[] = {
	{ 'f', "format", "string", "Format output: 'json', or a Go template 'TEMPLATE'", CLI_STRING,
		CLI_AT(info_opts, format, const char *), false },
	{},
};

struct counts {
	int64_t by_state[CONTAINER_DEAD + 1];
	int64_t images;
	strv images_seen;
};

static int count_container(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct counts *counts = arg;

	(void)row;
	counts->by_state[status->state]++;
	return 0;
}

/* Each image comes once for each of its names. */
static int count_image(const struct image_row *row, void *arg)
{
	struct counts *counts = arg;
	char id[DIGEST_TEXT_MAX];

	digest_text(&row->id, id);
	if (!strv_contains(counts->images_seen, id)) {
		strv_append(&counts->images_seen, id);
		counts->images++;
	}
	return 0;
}

static int count(struct engine *engine, struct counts *ret, struct error **err)
{
	struct catalog *catalog;
	int result;

	if (container_each(engine, true, count_container, ret, err) < 0 ||
		store_catalog(&engine->store, &catalog, err) < 0)
		return -1;
	result = catalog_each_image(catalog, count_image, ret, err);
	strv_free(ret->images_seen);
	ret->images_seen = NULL;
	return result < 0 ? -1 : 0;
}

static void put_counts(struct json_object *object, const struct counts *counts)
{
	int64_t running = counts->by_state[CONTAINER_RUNNING];
	int64_t paused = counts->by_state[CONTAINER_PAUSED];
	int64_t stopped = counts->by_state[CONTAINER_CREATED] + counts->by_state[CONTAINER_EXITED] +
			  counts->by_state[CONTAINER_DEAD];

	json_put_int(object, "Containers", running + paused + stopped);
	json_put_int(object, "ContainersRunning", running);
	json_put_int(object, "ContainersPaused", paused);
	json_put_int(object, "ContainersStopped", stopped);
	json_put_int(object, "Images", counts->images);
}

static void put_host(struct json_object *object)
{
	cleanup_free char *system = host_system();
	struct utsname host = { 0 };
	struct sysinfo memory = { 0 };

	(void)uname(&host);
	(void)sysinfo(&memory);
	json_put_text(object, "KernelVersion", host.release);
	json_put_text(object, "OperatingSystem", system);
	json_put_text(object, "OSType", "linux");
	json_put_text(object, "Architecture", host.machine);
	json_put_int(object, "NCPU", get_nprocs());
	json_put_int(object, "MemTotal", (int64_t)(memory.totalram * memory.mem_unit));
	json_put_text(object, "Name", host.nodename);
}

/* What is set up on this host so that containers will not work as expected. */
static struct json_object *warnings(void)
{
	struct json_object *list = json_object_new_array();
	cleanup_error struct error *unknown = NULL;

	if (bridge_forward_blocked(&unknown) > 0)
		json_object_array_add(
			list, json_object_new_string("WARNING: another program's firewall drops "
						     "forwarded packets (dockerd's does): "
						     "containers on the bridge may not reach "
						     "other hosts"));
	return list;
}

/* Pairs, as docker has them. */
static struct json_object *driver_status(enum layer_form form)
{
	struct json_object *list = json_object_new_array(), *pair = json_object_new_array();

	json_object_array_add(pair, json_object_new_string("Layers"));
	json_object_array_add(pair,
		json_object_new_string(
			form == LAYER_EROFS ? "erofs index over the tar" : "unpacked directories"));
	json_object_array_add(list, pair);
	return list;
}

static int info_object(struct engine *engine, struct json_object **ret, struct error **err)
{
	struct counts counts = { 0 };
	enum cgroup_mode mode;
	enum layer_form form;
	struct json_object *object, *options;

	if (count(engine, &counts, err) < 0 || cgroup_host_mode(&mode, err) < 0 ||
		layer_form(&engine->store, &form, err) < 0)
		return -1;
	object = json_object_new_object();
	put_counts(object, &counts);
	json_put_text(object, "Driver", "overlay2");
	json_put(object, "DriverStatus", driver_status(form));
	json_put_text(object, "LoggingDriver", "json-file");
	json_put_text(object, "CgroupDriver", cgroup_has_systemd() ? "systemd" : "cgroupfs");
	json_put_text(object, "CgroupVersion", cgroup_mode_name(mode));
	put_host(object);
	json_put_text(object, "DockerRootDir", engine->root);
	json_put_text(object, "ServerVersion", VESSEL_VERSION);
	options = json_object_new_array();
	json_object_array_add(options, json_object_new_string("name=seccomp,profile=builtin"));
	json_put(object, "SecurityOptions", options);
	json_put(object, "Warnings", warnings());
	*ret = object;
	return 0;
}

enum line_kind { LINE_TEXT, LINE_NUMBER, LINE_SIZE };

static const struct {
	const char *label, *key;
	enum line_kind kind;
} lines[] = {
	{ " Containers", "Containers", LINE_NUMBER },
	{ "  Running", "ContainersRunning", LINE_NUMBER },
	{ "  Paused", "ContainersPaused", LINE_NUMBER },
	{ "  Stopped", "ContainersStopped", LINE_NUMBER },
	{ " Images", "Images", LINE_NUMBER },
	{ " Server Version", "ServerVersion", LINE_TEXT },
	{ " Storage Driver", "Driver", LINE_TEXT },
	{ " Logging Driver", "LoggingDriver", LINE_TEXT },
	{ " Cgroup Driver", "CgroupDriver", LINE_TEXT },
	{ " Cgroup Version", "CgroupVersion", LINE_TEXT },
	{ " Kernel Version", "KernelVersion", LINE_TEXT },
	{ " Operating System", "OperatingSystem", LINE_TEXT },
	{ " OSType", "OSType", LINE_TEXT },
	{ " Architecture", "Architecture", LINE_TEXT },
	{ " CPUs", "NCPU", LINE_NUMBER },
	{ " Total Memory", "MemTotal", LINE_SIZE },
	{ " Name", "Name", LINE_TEXT },
	{ " Root Dir", "DockerRootDir", LINE_TEXT },
};

/* What a line's value has of its own. */
static void print_status(struct json_object *pairs)
{
	for (size_t i = 0; i < json_object_array_length(pairs); i++) {
		struct json_object *pair = json_object_array_get_idx(pairs, i);

		printf("  %s: %s\n", json_object_get_string(json_object_array_get_idx(pair, 0)),
			json_object_get_string(json_object_array_get_idx(pair, 1)));
	}
}

static void print_text(struct json_object *object)
{
	struct json_object *warned = json_object_object_get(object, "Warnings");

	printf("Client:\n Version:    " VESSEL_VERSION "\n\nServer:\n");
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct json_object *value = json_object_object_get(object, lines[i].key);
		char size[CLOCK_TEXT_MAX];

		printf("%s: %s\n", lines[i].label,
			lines[i].kind == LINE_SIZE
				? size_binary((uint64_t)json_object_get_int64(value), size)
				: json_object_get_string(value));
		if (strcmp(lines[i].key, "Driver") == 0)
			print_status(json_object_object_get(object, "DriverStatus"));
	}
	for (size_t i = 0; i < json_object_array_length(warned); i++)
		(void)fprintf(stderr, "%s\n",
			json_object_get_string(json_object_array_get_idx(warned, i)));
}

static int info_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct info_opts *opts = opts_;
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_json struct json_object *object = NULL;

	(void)args;
	if (engine_open(&cli->paths, &engine, err) < 0 || info_object(&engine, &object, err) < 0)
		return -1;
	if (opts->format && *opts->format)
		return format_object(stdout, opts->format, object, err);
	print_text(object);
	return 0;
}

const struct cli_command cmd_info = {
	.name = "info",
	.args = "",
	.summary = "Display system-wide information",
	.flags = info_flags,
	.opts_size = sizeof(struct info_opts),
	.common = true,
	.complete = COMPLETE_NOTHING,
	.run = info_run,
};

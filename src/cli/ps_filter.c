/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/filter.h"
#include "cli/ports.h"
#include "cli/ps.h"

static bool match_name(struct ps_container *container, const char *value)
{
	cleanup_free char *slashed = xasprintf("/%s", container->row->name);

	return filter_pattern(container->row->name, value) || filter_pattern(slashed, value);
}

static bool match_id(struct ps_container *container, const char *value)
{
	return filter_pattern(container->row->id, value);
}

static bool match_label(struct ps_container *container, const char *value)
{
	return filter_label(container->labels, value);
}

static bool match_exited(struct ps_container *container, const char *value)
{
	char *end;
	long code = strtol(value, &end, 10);

	return container->status->state == CONTAINER_EXITED && end != value && !*end &&
	       code == container->status->exit_code;
}

static bool match_status(struct ps_container *container, const char *value)
{
	return strcmp(container_state_name(container->status->state), value) == 0;
}

static bool match_network(struct ps_container *container, const char *value)
{
	cleanup_strv strv names = ps_networks(container);

	return strv_contains(names, value);
}

/* By the volume's name or the place where it is mounted. */
static bool match_volume(struct ps_container *container, const char *value)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_strv strv names = ps_mounts(container);
	struct json_object *mounts = NULL;

	if (strv_contains(names, value))
		return true;
	if (json_get(ps_details(container), "Mounts", json_type_array, &mounts, &ignored) <= 0)
		return false;
	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		const char *place = ps_text(json_object_array_get_idx(mounts, i), "Destination");

		if (place && strcmp(place, value) == 0)
			return true;
	}
	return false;
}

/* "80", "80/tcp", "8000-8080/udp" */
static bool in_range(const char *range, unsigned int port, const char *protocol)
{
	unsigned long first, last;
	char *end;

	first = last = strtoul(range, &end, 10);
	if (*end == '-')
		last = strtoul(end + 1, &end, 10);
	return port >= first && port <= last &&
	       (*end ? *end == '/' && strcmp(end + 1, protocol) == 0
		     : strcmp(protocol, "tcp") == 0);
}

static bool match_publish(struct ps_container *container, const char *value)
{
	cleanup_free struct published_port *ports = NULL;
	size_t count = ports_parse(container->row->ports, &ports);

	for (size_t i = 0; i < count; i++)
		if (*ports[i].ip && in_range(value, ports[i].host, ports[i].protocol))
			return true;
	return false;
}

static bool match_expose(struct ps_container *container, const char *value)
{
	cleanup_error struct error *ignored = NULL;
	struct json_object *settings = NULL, *ports = NULL;

	if (json_get(ps_details(container), "NetworkSettings", json_type_object, &settings,
		    &ignored) <= 0 ||
		json_get(settings, "Ports", json_type_object, &ports, &ignored) <= 0)
		return false;
	json_object_object_foreach(ports, key, bindings)
	{
		const char *slash = strchr(key, '/');

		(void)bindings;
		if (slash && in_range(value, (unsigned int)strtoul(key, NULL, 10), slash + 1))
			return true;
	}
	return false;
}

static const struct {
	const char *key;
	bool (*match)(struct ps_container *container, const char *value);
} matchers[] = {
	{ "expose", match_expose },
	{ "exited", match_exited },
	{ "id", match_id },
	{ "label", match_label },
	{ "name", match_name },
	{ "network", match_network },
	{ "publish", match_publish },
	{ "status", match_status },
	{ "volume", match_volume },
};

struct matching {
	const struct ps_filters *filters;
	struct ps_container *container;
};

static bool match(const char *key, const char *value, void *arg)
{
	const struct matching *matching = arg;
	const struct container_row *row = matching->container->row;

	for (size_t i = 0; i < sizeof(matchers) / sizeof(*matchers); i++)
		if (strcmp(matchers[i].key, key) == 0)
			return matchers[i].match(matching->container, value);
	if (strcmp(key, "ancestor") == 0)
		return strv_contains(matching->filters->ancestors, row->image_id);
	if (strcmp(key, "before") == 0)
		return row->created_ns < matching->filters->before_ns;
	return row->created_ns > matching->filters->since_ns;
}

bool ps_filters_match(const struct ps_filters *filters, struct ps_container *container)
{
	struct matching matching = { filters, container };

	return filter_match(filters->texts, match, &matching);
}

/* When a named container was created. */
static int created_of(struct engine *engine, const char *name, int64_t *ret_ns, struct error **err)
{
	cleanup_container_row struct container_row row = { 0 };
	struct register_db *db;
	char id[ID_MAX];

	if (container_resolve(engine, name, id, err) < 0 || engine_register(engine, &db, err) < 0 ||
		register_find(db, id, &row, err) < 0)
		return -1;
	*ret_ns = row.created_ns;
	return 0;
}

static int check_status(char *const *texts, struct error **err)
{
	static const char *const known[] = { "created", "restarting", "running", "removing",
		"paused", "exited", "dead", NULL };
	const char *value;

	for (size_t n = 0; (value = filter_value(texts, "status", n)) != NULL; n++)
		if (!strv_contains((strv)known, value)) {
			cleanup_free char *list = strv_join((strv)known, ", ");

			error_new(err, ERROR_INVALID, "invalid filter 'status=%s'", value);
			return error_hint(err, "states are: %s", list);
		}
	return 0;
}

int ps_filters_init(
	struct engine *engine, char *const *texts, struct ps_filters *ret, struct error **err)
{
	static const char *const known[] = { "ancestor", "before", "exited", "expose", "id",
		"label", "name", "network", "publish", "since", "status", "volume", NULL };
	const char *value;

	*ret = (struct ps_filters){ .texts = texts };
	if (filter_check(texts, known, err) < 0 || check_status(texts, err) < 0)
		return -1;
	value = filter_value(texts, "before", 0);
	if (value && created_of(engine, value, &ret->before_ns, err) < 0)
		return -1;
	value = filter_value(texts, "since", 0);
	if (value && created_of(engine, value, &ret->since_ns, err) < 0)
		return -1;
	for (size_t n = 0; (value = filter_value(texts, "ancestor", n)) != NULL; n++) {
		cleanup_error struct error *unknown = NULL;
		cleanup_image_row struct image_row image = { 0 };
		char id[DIGEST_TEXT_MAX];

		/* No such image: no container has it, and that is an answer. */
		if (store_lookup_image(&engine->store, value, &image, &unknown) > 0)
			strv_append(&ret->ancestors, digest_text(&image.id, id));
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

#define CONFIG_BYTES_MAX (4UL * 1024 * 1024)
#define HISTORY_MAX 4096
#define TEXTS_MAX 8192 /* of each list: environment, arguments, labels, ... */

static const struct {
	const char *key;
	size_t offset;
} config_texts[] = {
	{ "created", offsetof(struct image_config, created) },
	{ "author", offsetof(struct image_config, author) },
	{ "architecture", offsetof(struct image_config, architecture) },
	{ "variant", offsetof(struct image_config, variant) },
	{ "os", offsetof(struct image_config, os) },
	{ "comment", offsetof(struct image_config, comment) },
};

static const struct {
	const char *key;
	size_t offset;
} history_texts[] = {
	{ "created", offsetof(struct image_history, created) },
	{ "created_by", offsetof(struct image_history, created_by) },
	{ "comment", offsetof(struct image_history, comment) },
	{ "author", offsetof(struct image_history, author) },
};

enum member_kind { MEMBER_TEXT, MEMBER_LIST, MEMBER_SET, MEMBER_LABELS };

/* In the order in which docker inspect shows them. */
static const struct {
	const char *key;
	enum member_kind kind;
	size_t offset;
} defaults_members[] = {
	{ "User", MEMBER_TEXT, offsetof(struct image_defaults, user) },
	{ "ExposedPorts", MEMBER_SET, offsetof(struct image_defaults, exposed_ports) },
	{ "Env", MEMBER_LIST, offsetof(struct image_defaults, env) },
	{ "Cmd", MEMBER_LIST, offsetof(struct image_defaults, cmd) },
	{ "Volumes", MEMBER_SET, offsetof(struct image_defaults, volumes) },
	{ "WorkingDir", MEMBER_TEXT, offsetof(struct image_defaults, working_dir) },
	{ "Entrypoint", MEMBER_LIST, offsetof(struct image_defaults, entrypoint) },
	{ "OnBuild", MEMBER_LIST, offsetof(struct image_defaults, on_build) },
	{ "Labels", MEMBER_LABELS, offsetof(struct image_defaults, labels) },
	{ "StopSignal", MEMBER_TEXT, offsetof(struct image_defaults, stop_signal) },
	{ "Shell", MEMBER_LIST, offsetof(struct image_defaults, shell) },
};

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void *member(const void *owner, size_t offset)
{
	return (char *)owner + offset;
}

static char *text_at(const void *owner, size_t offset)
{
	return *(char **)member(owner, offset);
}

/* ---- parsing ---- */

static int get_text(struct json_object *obj, const char *key, char **ret, struct error **err)
{
	const char *text = NULL;
	int found = json_get_text(obj, key, &text, err);

	if (found > 0)
		*ret = xstrdup(text);
	return found < 0 ? -1 : 0;
}

static int check_count(size_t count, size_t max, const char *key, struct error **err)
{
	if (count <= max)
		return 0;
	return error_new(
		err, ERROR_INVALID, "'%s' has %zu entries; %zu is the most", key, count, max);
}

static int get_list(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	struct json_object *array = NULL;
	int found = json_get(obj, key, json_type_array, &array, err);

	if (found <= 0)
		return found;
	if (check_count(json_object_array_length(array), TEXTS_MAX, key, err) < 0)
		return -1;
	return json_get_strv(obj, key, ret, err) < 0 ? -1 : 0;
}

/* An object whose member names are the set's elements. */
static int get_set(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	struct json_object *set = NULL;
	int found = json_get(obj, key, json_type_object, &set, err);
	strv names = NULL;

	if (found <= 0)
		return found;
	if (check_count((size_t)json_object_object_length(set), TEXTS_MAX, key, err) < 0)
		return -1;
	names = xcalloc(1, sizeof(char *));
	json_object_object_foreach(set, name, value)
	{
		(void)value;
		strv_append(&names, name);
	}
	*ret = names;
	return 0;
}

static int get_labels(struct json_object *obj, const char *key, strv *ret, struct error **err)
{
	cleanup_strv strv labels = NULL;
	struct json_object *object = NULL;
	int found = json_get(obj, key, json_type_object, &object, err);

	if (found <= 0)
		return found;
	if (check_count((size_t)json_object_object_length(object), TEXTS_MAX, key, err) < 0)
		return -1;
	labels = xcalloc(1, sizeof(char *));
	json_object_object_foreach(object, name, value)
	{
		const char *text = "";

		(void)value;
		/* "a=b": "c" would read back as "a": "b=c". */
		if (strchr(name, '='))
			return error_new(err, ERROR_INVALID, "label '%s' has '=' in its key", name);
		if (json_get_text(object, name, &text, err) < 0)
			return error_wrap(err, "'%s'", key);
		strv_appendf(&labels, "%s=%s", name, text);
	}
	*ret = take_ptr(labels);
	return 0;
}

static int get_member(
	struct json_object *obj, size_t i, struct image_defaults *ret, struct error **err)
{
	const char *key = defaults_members[i].key;
	void *place = member(ret, defaults_members[i].offset);

	switch (defaults_members[i].kind) {
	case MEMBER_TEXT:
		return get_text(obj, key, place, err);
	case MEMBER_LIST:
		return get_list(obj, key, place, err);
	case MEMBER_SET:
		return get_set(obj, key, place, err);
	case MEMBER_LABELS:
		return get_labels(obj, key, place, err);
	}
	return 0;
}

int image_defaults_parse(struct json_object *obj, struct image_defaults *ret, struct error **err)
{
	struct image_defaults parsed = { 0 };
	struct json_object *healthcheck = NULL;

	for (size_t i = 0; i < LENGTH(defaults_members); i++)
		if (get_member(obj, i, &parsed, err) < 0)
			goto fail;
	if (json_get(obj, "Healthcheck", json_type_object, &healthcheck, err) < 0)
		goto fail;
	parsed.healthcheck = json_object_get(healthcheck);
	*ret = parsed;
	return 0;
fail:
	image_defaults_done(&parsed);
	return -1;
}

static int parse_layers(struct json_object *obj, struct image_config *config, struct error **err)
{
	struct json_object *rootfs = NULL, *ids = NULL;
	cleanup_strv strv texts = NULL;
	const char *type = NULL;
	int found = json_get(obj, "rootfs", json_type_object, &rootfs, err);

	if (found == 0)
		return error_new(err, ERROR_INVALID, "'rootfs' is missing");
	if (found < 0 || json_get_text(rootfs, "type", &type, err) < 0 ||
		json_get(rootfs, "diff_ids", json_type_array, &ids, err) < 0)
		return -1;
	if (!type || strcmp(type, "layers") != 0)
		return error_new(err, ERROR_UNSUPPORTED, "'rootfs' is not of type 'layers'");
	if (ids && json_object_array_length(ids) > IMAGE_LAYERS_MAX)
		return error_new(
			err, ERROR_INVALID, "there are more than %d layers", IMAGE_LAYERS_MAX);
	if (json_get_strv(rootfs, "diff_ids", &texts, err) < 0)
		return -1;
	for (char *const *text = texts; text && *text; text++) {
		struct digest diff_id;

		if (digest_parse(*text, &diff_id, err) < 0)
			return error_wrap(err, "'diff_ids'");
		image_config_add_layer(config, &diff_id);
	}
	return 0;
}

static void history_done(struct image_history *entry)
{
	for (size_t i = 0; i < LENGTH(history_texts); i++)
		free(text_at(entry, history_texts[i].offset));
}

static int parse_history_entry(
	struct json_object *obj, struct image_config *config, struct error **err)
{
	struct image_history entry = { 0 };
	int failed = json_get_bool(obj, "empty_layer", &entry.empty_layer, err) < 0;

	for (size_t i = 0; !failed && i < LENGTH(history_texts); i++)
		failed = get_text(obj, history_texts[i].key,
				 member(&entry, history_texts[i].offset), err) < 0;
	if (!failed)
		image_config_add_history(config, &entry);
	history_done(&entry);
	return failed ? error_wrap(err, "'history'") : 0;
}

static int parse_history(struct json_object *obj, struct image_config *config, struct error **err)
{
	struct json_object *array = NULL;

	if (json_get(obj, "history", json_type_array, &array, err) < 0)
		return -1;
	if (!array)
		return 0;
	if (check_count(json_object_array_length(array), HISTORY_MAX, "history", err) < 0)
		return -1;
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (parse_history_entry(json_object_array_get_idx(array, i), config, err) < 0)
			return -1;
	return 0;
}

static int parse_config(struct json_object *obj, struct image_config *config, struct error **err)
{
	struct json_object *defaults = NULL;

	for (size_t i = 0; i < LENGTH(config_texts); i++)
		if (get_text(obj, config_texts[i].key, member(config, config_texts[i].offset),
			    err) < 0)
			return -1;
	if (json_get(obj, "config", json_type_object, &defaults, err) < 0)
		return -1;
	if (defaults && image_defaults_parse(defaults, &config->config, err) < 0)
		return error_wrap(err, "'config'");
	if (parse_layers(obj, config, err) < 0)
		return -1;
	return parse_history(obj, config, err);
}

int image_config_parse(
	const char *text, size_t length, struct image_config *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_image_config struct image_config config = { 0 };

	if (length > CONFIG_BYTES_MAX)
		return error_new(err, ERROR_INVALID,
			"the image configuration is larger than %lu bytes", CONFIG_BYTES_MAX);
	if (json_parse(text, length, "the image configuration", &obj, err) < 0)
		return -1;
	if (parse_config(obj, &config, err) < 0)
		return error_wrap(err, "image configuration");
	*ret = config;
	config = (struct image_config){ 0 };
	return 0;
}

/* ---- writing ---- */

static struct json_object *set_json(char *const *names)
{
	struct json_object *set = json_object_new_object();

	for (; names && *names; names++)
		json_put(set, *names, json_object_new_object());
	return set;
}

static struct json_object *labels_json(char *const *labels)
{
	struct json_object *object = json_object_new_object();

	for (; labels && *labels; labels++) {
		const char *value = strchrnul(*labels, '=');
		cleanup_free char *key = xstrndup(*labels, (size_t)(value - *labels));

		json_put_text(object, key, *value ? value + 1 : "");
	}
	return object;
}

struct json_object *image_defaults_json(const struct image_defaults *defaults)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < LENGTH(defaults_members); i++) {
		const char *key = defaults_members[i].key;
		void *value = *(void **)member(defaults, defaults_members[i].offset);

		if (!value)
			continue;
		switch (defaults_members[i].kind) {
		case MEMBER_TEXT:
			json_put_text(object, key, value);
			break;
		case MEMBER_LIST:
			json_put_strv(object, key, value);
			break;
		case MEMBER_SET:
			json_put(object, key, set_json(value));
			break;
		case MEMBER_LABELS:
			json_put(object, key, labels_json(value));
			break;
		}
	}
	if (defaults->healthcheck)
		json_put(object, "Healthcheck", json_object_get(defaults->healthcheck));
	return object;
}

static struct json_object *history_json(const struct image_config *config)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < config->history_count; i++) {
		const struct image_history *entry = &config->history[i];
		struct json_object *object = json_object_new_object();

		for (size_t t = 0; t < LENGTH(history_texts); t++)
			json_put_text(object, history_texts[t].key,
				text_at(entry, history_texts[t].offset));
		if (entry->empty_layer)
			json_put_bool(object, "empty_layer", true);
		json_object_array_add(array, object);
	}
	return array;
}

char *image_config_text(const struct image_config *config)
{
	cleanup_json struct json_object *object = json_object_new_object();
	struct json_object *rootfs = json_object_new_object(), *ids = json_object_new_array();
	char text[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < LENGTH(config_texts); i++)
		json_put_text(object, config_texts[i].key, text_at(config, config_texts[i].offset));
	json_put(object, "config", image_defaults_json(&config->config));
	json_put_text(rootfs, "type", "layers");
	for (size_t i = 0; i < config->layer_count; i++)
		json_object_array_add(
			ids, json_object_new_string(digest_text(&config->diff_ids[i], text)));
	json_put(rootfs, "diff_ids", ids);
	json_put(object, "rootfs", rootfs);
	if (config->history_count > 0)
		json_put(object, "history", history_json(config));
	return json_compact(object);
}

/* ---- values ---- */

void image_defaults_done(struct image_defaults *defaults)
{
	for (size_t i = 0; i < LENGTH(defaults_members); i++) {
		void **place = member(defaults, defaults_members[i].offset);

		if (defaults_members[i].kind == MEMBER_TEXT)
			free(*place);
		else
			strv_free(*place);
	}
	json_release(defaults->healthcheck);
	*defaults = (struct image_defaults){ 0 };
}

void image_defaults_copy(const struct image_defaults *from, struct image_defaults *ret)
{
	*ret = (struct image_defaults){ 0 };
	for (size_t i = 0; i < LENGTH(defaults_members); i++) {
		void *value = *(void **)member(from, defaults_members[i].offset);
		void **place = member(ret, defaults_members[i].offset);

		if (!value)
			continue;
		if (defaults_members[i].kind == MEMBER_TEXT)
			*place = xstrdup(value);
		else /* an empty list stays one: "CMD []" is not "no CMD" */
			*place =
				((char **)value)[0] ? strv_copy(value) : xcalloc(1, sizeof(char *));
	}
	/* Not shared: who has the copy may change it. */
	if (from->healthcheck &&
		json_object_deep_copy(from->healthcheck, &ret->healthcheck, NULL) < 0)
		abort();
}

void image_config_copy(const struct image_config *from, struct image_config *ret)
{
	*ret = (struct image_config){ 0 };
	for (size_t i = 0; i < LENGTH(config_texts); i++)
		*(char **)member(ret, config_texts[i].offset) =
			xstrdup_null(text_at(from, config_texts[i].offset));
	image_defaults_copy(&from->config, &ret->config);
	for (size_t i = 0; i < from->layer_count; i++)
		image_config_add_layer(ret, &from->diff_ids[i]);
	for (size_t i = 0; i < from->history_count; i++)
		image_config_add_history(ret, &from->history[i]);
}

void image_config_done(struct image_config *config)
{
	for (size_t i = 0; i < LENGTH(config_texts); i++)
		free(text_at(config, config_texts[i].offset));
	for (size_t i = 0; i < config->history_count; i++)
		history_done(&config->history[i]);
	free(config->history);
	free(config->diff_ids);
	image_defaults_done(&config->config);
	*config = (struct image_config){ 0 };
}

void image_config_add_layer(struct image_config *config, const struct digest *diff_id)
{
	config->diff_ids =
		xrealloc(config->diff_ids, config->layer_count + 1, sizeof(*config->diff_ids));
	config->diff_ids[config->layer_count++] = *diff_id;
}

void image_config_add_history(struct image_config *config, const struct image_history *entry)
{
	struct image_history copy = { .empty_layer = entry->empty_layer };

	for (size_t i = 0; i < LENGTH(history_texts); i++)
		*(char **)member(&copy, history_texts[i].offset) =
			xstrdup_null(text_at(entry, history_texts[i].offset));
	config->history =
		xrealloc(config->history, config->history_count + 1, sizeof(*config->history));
	config->history[config->history_count++] = copy;
}

const char *platform_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__i386__)
	return "386";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__arm__)
	return "arm";
#elif defined(__powerpc64__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__riscv)
	return "riscv64";
#elif defined(__loongarch__)
	return "loong64";
#elif defined(__mips64)
	return "mips64le";
#else
#	error "name this machine as Go's GOARCH does"
#endif
}

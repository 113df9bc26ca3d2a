/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "build/suggest.h"

static const char *const type_names[MOUNT_TYPE_MAX_ + 1] = { [MOUNT_BIND] = "bind",
	[MOUNT_CACHE] = "cache",
	[MOUNT_TMPFS] = "tmpfs",
	[MOUNT_SECRET] = "secret",
	[MOUNT_SSH] = "ssh" };
static const char *const sharing_names[SHARING_MAX_ + 1] = {
	[SHARING_SHARED] = "shared", [SHARING_PRIVATE] = "private", [SHARING_LOCKED] = "locked"
};

enum key_kind { KEY_TYPE, KEY_TEXT, KEY_SWITCH, KEY_OPPOSITE, KEY_SHARING, KEY_SIZE, KEY_NUMBER };

#define BIT(type) (1U << (type))
#define ALL_TYPES (BIT(MOUNT_TYPE_MAX_) - 1)
#define FILES (BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH))
#define SECRETS (BIT(MOUNT_SECRET) | BIT(MOUNT_SSH))

static const struct key_rule {
	const char *name;
	enum key_kind kind;
	unsigned int types; /* that may have it */
	size_t offset;
	int base; /* of a number */
} rules[] = {
	{ "type", KEY_TYPE, ALL_TYPES, 0, 0 },
	{ "from", KEY_TEXT, ALL_TYPES & ~SECRETS, offsetof(struct run_mount, from), 0 },
	{ "source", KEY_TEXT, ALL_TYPES, offsetof(struct run_mount, source), 0 },
	{ "src", KEY_TEXT, ALL_TYPES, offsetof(struct run_mount, source), 0 },
	{ "target", KEY_TEXT, ALL_TYPES, offsetof(struct run_mount, target), 0 },
	{ "dst", KEY_TEXT, ALL_TYPES, offsetof(struct run_mount, target), 0 },
	{ "destination", KEY_TEXT, ALL_TYPES, offsetof(struct run_mount, target), 0 },
	{ "id", KEY_TEXT, ALL_TYPES, offsetof(struct run_mount, id), 0 },
	{ "env", KEY_TEXT, BIT(MOUNT_SECRET), offsetof(struct run_mount, env), 0 },
	{ "ro", KEY_SWITCH, ALL_TYPES, offsetof(struct run_mount, read_only), 0 },
	{ "readonly", KEY_SWITCH, ALL_TYPES, offsetof(struct run_mount, read_only), 0 },
	{ "rw", KEY_OPPOSITE, ALL_TYPES, offsetof(struct run_mount, read_only), 0 },
	{ "readwrite", KEY_OPPOSITE, ALL_TYPES, offsetof(struct run_mount, read_only), 0 },
	{ "required", KEY_SWITCH, SECRETS, offsetof(struct run_mount, required), 0 },
	{ "sharing", KEY_SHARING, BIT(MOUNT_CACHE), 0, 0 },
	{ "size", KEY_SIZE, BIT(MOUNT_TMPFS), 0, 0 },
	{ "mode", KEY_NUMBER, FILES, offsetof(struct run_mount, mode), 8 },
	{ "uid", KEY_NUMBER, FILES, offsetof(struct run_mount, uid), 10 },
	{ "gid", KEY_NUMBER, FILES, offsetof(struct run_mount, gid), 10 },
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

const char *mount_type_name(enum mount_type type)
{
	return type_names[type];
}

/* Fields of a CSV line: '"a,b"' is one, '""' inside it is a quote. */
static strv split_csv(const char *text)
{
	cleanup_buf struct buf field = BUF_INIT(BUF_LARGE);
	bool quoted = false;
	strv fields = NULL;

	for (;; text++) {
		if (quoted && text[0] == '"' && text[1] == '"') {
			buf_putc(&field, *text++);
		} else if (*text == '"') {
			quoted = !quoted;
		} else if (!*text || (*text == ',' && !quoted)) {
			strv_append(&fields, buf_text(&field));
			buf_clear(&field);
		} else {
			buf_putc(&field, *text);
		}
		if (!*text)
			return fields;
	}
}

static int find_name(
	const char *const *names, const char *what, const char *text, struct error **err)
{
	const char *near = suggest(text, names);

	for (int i = 0; names[i]; i++)
		if (strcasecmp(names[i], text) == 0)
			return i;
	if (near)
		return error_new(err, ERROR_INVALID,
			"--mount: there is no %s '%.100s' (did you mean %s?)", what, text, near);
	return error_new(err, ERROR_INVALID, "--mount: there is no %s '%.100s'", what, text);
}

static const struct key_rule *find_rule(const char *key, struct error **err)
{
	const char *names[RULES + 1] = { NULL };
	int i;

	for (size_t n = 0; n < RULES; n++)
		names[n] = rules[n].name;
	i = find_name(names, "key", key, err);
	return i < 0 ? NULL : &rules[i];
}

static int read_switch(const char *key, const char *value, bool *ret, struct error **err)
{
	if (!value || strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret = false;
	else
		return error_new(err, ERROR_INVALID,
			"--mount: %s must be true or false, not '%.100s'", key, value);
	return 0;
}

static int read_number(
	const struct key_rule *rule, const char *value, int64_t *ret, struct error **err)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, rule->base);
	if (!*value || *value == '-' || *end || errno || number >= UINT32_MAX)
		return error_new(err, ERROR_INVALID, "--mount: '%.100s' is not a number for %s",
			value, rule->name);
	*ret = (int64_t)number;
	return 0;
}

static int set_key(
	struct run_mount *mount, const struct key_rule *rule, const char *value, struct error **err)
{
	void *field = (char *)mount + rule->offset;
	int found;

	if (!value && rule->kind != KEY_SWITCH && rule->kind != KEY_OPPOSITE)
		return error_new(err, ERROR_INVALID, "--mount: %s needs a value", rule->name);
	switch (rule->kind) {
	case KEY_TYPE:
		return 0; /* read first, for the others depend on it */
	case KEY_TEXT:
		replace_string(field, xstrdup(value));
		return 0;
	case KEY_SWITCH:
		return read_switch(rule->name, value, field, err);
	case KEY_OPPOSITE:
		if (read_switch(rule->name, value, field, err) < 0)
			return -1;
		*(bool *)field = !*(bool *)field;
		return 0;
	case KEY_SHARING:
		found = find_name(sharing_names, "sharing", value, err);
		mount->sharing = (enum mount_sharing)(found < 0 ? 0 : found);
		return found < 0 ? -1 : 0;
	case KEY_SIZE:
		return size_parse(value, &mount->size, err);
	case KEY_NUMBER:
		return read_number(rule, value, field, err);
	}
	return 0;
}

static int set_field(
	const struct state *state, struct run_mount *mount, const char *text, struct error **err)
{
	const char *equals = strchr(text, '=');
	cleanup_free char *key = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
	cleanup_free char *value = NULL;
	const struct key_rule *rule = find_rule(key, err);

	if (!rule)
		return -1;
	if (!(rule->types & BIT(mount->type)))
		return error_new(err, ERROR_INVALID, "--mount: type %s has no key %s",
			type_names[mount->type], rule->name);
	if (equals && strcmp(rule->name, "from") == 0)
		value = xstrdup(equals + 1);
	else if (equals && state_expand(state, equals + 1, &value, err) < 0)
		return -1;
	return set_key(mount, rule, value, err);
}

static int read_type(
	const struct state *state, char *const *fields, enum mount_type *ret, struct error **err)
{
	cleanup_free char *name = NULL;
	int found;

	*ret = MOUNT_BIND;
	for (size_t i = 0; fields[i]; i++) {
		if (strncasecmp(fields[i], "type=", 5) != 0)
			continue;
		if (state_expand(state, fields[i] + 5, &name, err) < 0)
			return -1;
		found = find_name(type_names, "type", name, err);
		if (found < 0)
			return -1;
		*ret = (enum mount_type)found;
		return 0;
	}
	return 0;
}

static int check(const struct run_mount *mount, struct error **err)
{
	bool needs_target = mount->type <= MOUNT_TMPFS;

	if (needs_target && (!mount->target || !*mount->target))
		return error_new(err, ERROR_INVALID, "--mount: type %s needs a target",
			type_names[mount->type]);
	if (mount->type == MOUNT_SECRET && !mount->id && !mount->source && !mount->target)
		return error_new(
			err, ERROR_INVALID, "--mount: type secret needs an id or a target");
	return 0;
}

int run_mount_parse(
	const struct state *state, const char *text, struct run_mount *ret, struct error **err)
{
	cleanup_run_mount struct run_mount mount = { .mode = -1, .uid = -1, .gid = -1 };
	cleanup_strv strv fields = split_csv(text);

	if (read_type(state, fields, &mount.type, err) < 0)
		return -1;
	mount.read_only = mount.type != MOUNT_CACHE && mount.type != MOUNT_TMPFS;
	for (size_t i = 0; fields[i]; i++)
		if (set_field(state, &mount, fields[i], err) < 0)
			return -1;
	if (check(&mount, err) < 0)
		return -1;
	*ret = mount;
	mount = (struct run_mount){ .type = MOUNT_BIND };
	return 0;
}

int run_mount_from(const char *text, char **ret, struct error **err)
{
	cleanup_strv strv fields = split_csv(text);

	for (size_t i = 0; fields[i]; i++) {
		if (strncasecmp(fields[i], "from=", 5) != 0)
			continue;
		if (strchr(fields[i], '$')) {
			error_new(err, ERROR_INVALID, "--mount: from takes no variables");
			return error_hint(err, "name a stage: FROM $IMAGE AS x, and then from=x");
		}
		replace_string(ret, xstrdup(fields[i] + 5));
	}
	return 0;
}

void run_mount_done(struct run_mount *mount)
{
	free(mount->from);
	free(mount->source);
	free(mount->target);
	free(mount->id);
	free(mount->env);
	*mount = (struct run_mount){ .type = MOUNT_BIND };
}

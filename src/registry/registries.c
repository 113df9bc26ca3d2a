/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registries.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strv.h"
#include "registry/toml.h"

#define ENTRIES_MAX 1024
#define MIRRORS_MAX 8 /* of one registry */

static void mirrors_done(struct mirror *mirrors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(mirrors[i].location);
	free(mirrors);
}

static void entry_done(struct registry_entry *entry)
{
	free(entry->prefix);
	free(entry->location);
	mirrors_done(entry->mirrors, entry->mirror_count);
	*entry = (struct registry_entry){ 0 };
}

void registries_done(struct registries *registries)
{
	for (size_t i = 0; i < registries->count; i++)
		entry_done(&registries->entries[i]);
	free(registries->entries);
	mirrors_done(registries->hub_mirrors, registries->hub_mirror_count);
	strv_free(registries->insecure);
	*registries = (struct registries){ 0 };
}

/* ---- registries.conf ---- */

enum section { SECTION_TOP, SECTION_REGISTRY, SECTION_MIRROR, SECTION_OTHER };

struct parsing {
	struct toml_reader reader;
	enum section section;
	struct registries own; /* of this file */
};

static int fail(const struct parsing *parsing, const char *why, struct error **err)
{
	return error_new(
		err, ERROR_INVALID, "%s:%d: %s", parsing->reader.name, parsing->reader.line, why);
}

/* "host[:port][/path]"; what a URL would be made of. */
static bool location_is_valid(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789.-_:[]/");

	return length > 0 && length < 512 && !text[length] && !strstr(text, "//") &&
	       text[0] != '/' && text[length - 1] != '/' && !strstr(text, "..");
}

static bool prefix_is_valid(const char *text)
{
	return location_is_valid(strncmp(text, "*.", 2) == 0 ? text + 2 : text);
}

static struct mirror *add_mirror(struct mirror **mirrors, size_t *count)
{
	*mirrors = xrealloc(*mirrors, *count + 1, sizeof(**mirrors));
	(*mirrors)[*count] = (struct mirror){ .location = NULL };
	return &(*mirrors)[(*count)++];
}

static struct registry_entry *last_entry(struct registries *registries)
{
	return &registries->entries[registries->count - 1];
}

static int begin_registry(struct parsing *parsing, struct error **err)
{
	struct registries *own = &parsing->own;

	if (own->count >= ENTRIES_MAX)
		return fail(parsing, "too many registries", err);
	own->entries = xrealloc(own->entries, own->count + 1, sizeof(*own->entries));
	own->entries[own->count++] = (struct registry_entry){ .prefix = NULL };
	parsing->section = SECTION_REGISTRY;
	return 0;
}

static int begin_mirror(struct parsing *parsing, struct error **err)
{
	struct registry_entry *entry;

	if (parsing->own.count == 0)
		return fail(parsing, "a mirror before the first [[registry]]", err);
	entry = last_entry(&parsing->own);
	if (entry->mirror_count >= MIRRORS_MAX)
		return fail(parsing, "too many mirrors of one registry", err);
	(void)add_mirror(&entry->mirrors, &entry->mirror_count);
	parsing->section = SECTION_MIRROR;
	return 0;
}

static int begin_section(
	struct parsing *parsing, const struct toml_entry *entry, struct error **err)
{
	bool is_array = entry->kind == TOML_TABLE_ARRAY;

	if (is_array && strcmp(entry->key, "registry") == 0)
		return begin_registry(parsing, err);
	if (is_array && strcmp(entry->key, "registry.mirror") == 0)
		return begin_mirror(parsing, err);
	parsing->section = SECTION_OTHER;
	/* Silently ignored, it would be a block or an insecure registry that has no effect. */
	if (strncmp(entry->key, "registries.", 11) == 0) {
		fail(parsing, "this is version 1 of the format, which is not read", err);
		return error_hint(err, "write it as [[registry]] tables (registries.conf(5))");
	}
	if (strcmp(entry->key, "registry") == 0 || strcmp(entry->key, "registry.mirror") == 0)
		return fail(parsing, "this table is written with two brackets: [[...]]", err);
	return 0;
}

static int set_flag(const struct parsing *parsing, const struct toml_entry *entry, bool *flag,
	struct error **err)
{
	if (entry->kind != TOML_BOOL)
		return fail(parsing, "true or false was expected", err);
	*flag = entry->flag;
	return 0;
}

static int set_place(const struct parsing *parsing, const struct toml_entry *entry, char **place,
	struct error **err)
{
	if (entry->kind != TOML_TEXT)
		return fail(parsing, "a text was expected", err);
	if (!prefix_is_valid(entry->text) ||
		(entry->text[0] == '*' && strcmp(entry->key, "prefix") != 0))
		return fail(parsing, "\"host[:port][/path]\" was expected", err);
	replace_string(place, xstrdup(entry->text));
	return 0;
}

static int set_registry(
	struct parsing *parsing, const struct toml_entry *setting, struct error **err)
{
	struct registry_entry *entry = last_entry(&parsing->own);

	if (strcmp(setting->key, "prefix") == 0)
		return set_place(parsing, setting, &entry->prefix, err);
	if (strcmp(setting->key, "location") == 0)
		return set_place(parsing, setting, &entry->location, err);
	if (strcmp(setting->key, "insecure") == 0)
		return set_flag(parsing, setting, &entry->insecure, err);
	if (strcmp(setting->key, "blocked") == 0)
		return set_flag(parsing, setting, &entry->blocked, err);
	if (strcmp(setting->key, "mirror-by-digest-only") == 0)
		return set_flag(parsing, setting, &entry->mirror_by_digest_only, err);
	if (strcmp(setting->key, "mirror") == 0)
		return fail(parsing, "write mirrors as [[registry.mirror]] tables", err);
	return 0;
}

static int set_use(const struct parsing *parsing, const struct toml_entry *setting,
	enum mirror_use *use, struct error **err)
{
	static const char *const names[] = { [MIRROR_ALL] = "all",
		[MIRROR_DIGEST_ONLY] = "digest-only",
		[MIRROR_TAG_ONLY] = "tag-only" };

	for (size_t i = 0; setting->kind == TOML_TEXT && i < 3; i++) {
		if (strcmp(setting->text, names[i]) != 0)
			continue;
		*use = (enum mirror_use)i;
		return 0;
	}
	return fail(parsing, "\"all\", \"digest-only\" or \"tag-only\" was expected", err);
}

static int set_mirror(struct parsing *parsing, const struct toml_entry *setting, struct error **err)
{
	struct registry_entry *entry = last_entry(&parsing->own);
	struct mirror *mirror = &entry->mirrors[entry->mirror_count - 1];

	if (strcmp(setting->key, "location") == 0)
		return set_place(parsing, setting, &mirror->location, err);
	if (strcmp(setting->key, "insecure") == 0)
		return set_flag(parsing, setting, &mirror->insecure, err);
	if (strcmp(setting->key, "pull-from-mirror") == 0)
		return set_use(parsing, setting, &mirror->use, err);
	return 0;
}

static int take_entry(struct parsing *parsing, const struct toml_entry *entry, struct error **err)
{
	if (entry->kind == TOML_TABLE || entry->kind == TOML_TABLE_ARRAY)
		return begin_section(parsing, entry, err);
	switch (parsing->section) {
	case SECTION_REGISTRY:
		return set_registry(parsing, entry, err);
	case SECTION_MIRROR:
		return set_mirror(parsing, entry, err);
	default:
		return 0;
	}
}

static int check_entry(
	const struct parsing *parsing, struct registry_entry *entry, struct error **err)
{
	if (!entry->prefix && !entry->location)
		return error_new(err, ERROR_INVALID,
			"%s: a [[registry]] has neither a prefix nor a location",
			parsing->reader.name);
	if (!entry->prefix)
		entry->prefix = xstrdup(entry->location);
	for (size_t i = 0; i < entry->mirror_count; i++)
		if (!entry->mirrors[i].location)
			return error_new(err, ERROR_INVALID, "%s: a mirror of '%s' has no location",
				parsing->reader.name, entry->prefix);
	return 0;
}

/* The entry, whose place in its list stays empty. */
static void adopt(struct registries *registries, struct registry_entry *entry)
{
	size_t i = 0;

	while (i < registries->count && strcmp(registries->entries[i].prefix, entry->prefix) != 0)
		i++;
	if (i < registries->count) {
		entry_done(&registries->entries[i]);
	} else {
		registries->entries = xrealloc(
			registries->entries, registries->count + 1, sizeof(*registries->entries));
		registries->count++;
	}
	registries->entries[i] = *entry;
	*entry = (struct registry_entry){ 0 };
}

int registries_parse(
	struct registries *registries, const char *name, const char *text, struct error **err)
{
	struct parsing parsing = { .section = SECTION_TOP };
	struct toml_entry entry = { .kind = TOML_OTHER };
	int result = 0;

	toml_begin(&parsing.reader, name, text);
	while (result == 0 && entry.kind != TOML_END) {
		toml_entry_done(&entry);
		result = toml_next(&parsing.reader, &entry, err);
		if (result == 0 && entry.kind != TOML_END)
			result = take_entry(&parsing, &entry, err);
	}
	toml_entry_done(&entry);
	for (size_t i = 0; result == 0 && i < parsing.own.count; i++)
		result = check_entry(&parsing, &parsing.own.entries[i], err);
	for (size_t i = 0; result == 0 && i < parsing.own.count; i++)
		adopt(registries, &parsing.own.entries[i]);
	registries_done(&parsing.own);
	return result;
}

/* ---- docker's daemon.json ---- */

/* "https://host/path/": without the scheme, which says whether it is insecure. */
static int add_hub_mirror(
	struct registries *registries, const char *url, const char *name, struct error **err)
{
	bool plain = strncasecmp(url, "http://", 7) == 0;
	const char *rest = plain ? url + 7 : strncasecmp(url, "https://", 8) == 0 ? url + 8 : url;
	size_t length = strlen(rest);
	cleanup_free char *location =
		xstrndup(rest, length > 0 && rest[length - 1] == '/' ? length - 1 : length);
	struct mirror *mirror;

	if (!location_is_valid(location) || registries->hub_mirror_count >= MIRRORS_MAX)
		return error_new(err, ERROR_INVALID,
			"%s: registry-mirrors: '%.200s' is no URL of a mirror, or one too many",
			name, url);
	mirror = add_mirror(&registries->hub_mirrors, &registries->hub_mirror_count);
	mirror->location = take_ptr(location);
	mirror->insecure = plain;
	return 0;
}

int registries_parse_daemon(
	struct registries *registries, const char *name, const char *text, struct error **err)
{
	cleanup_json struct json_object *root = NULL;
	cleanup_strv strv mirrors = NULL;
	strv insecure = NULL;

	if (json_parse(text, strlen(text), name, &root, err) < 0)
		return -1;
	if (json_get_strv(root, "registry-mirrors", &mirrors, err) < 0 ||
		json_get_strv(root, "insecure-registries", &insecure, err) < 0)
		return error_wrap(err, "%s", name);
	strv_free(registries->insecure);
	registries->insecure = insecure;
	for (char **mirror = mirrors; mirror && *mirror; mirror++)
		if (add_hub_mirror(registries, *mirror, name, err) < 0)
			return -1;
	return 0;
}

/* ---- looking up ---- */

static size_t host_length(const char *text)
{
	return strcspn(text, "/");
}

/* The length of what the prefix stands for at the beginning of repository; 0: nothing. */
static size_t matched_length(const char *prefix, const char *repository)
{
	size_t length = strlen(prefix), host = host_length(repository);

	if (strncmp(prefix, "*.", 2) != 0) {
		if (strncmp(repository, prefix, length) != 0 ||
			(repository[length] && repository[length] != '/'))
			return 0;
		return length;
	}
	prefix++; /* ".example.com": of any depth */
	length = strlen(prefix);
	if (host <= length || strncmp(repository + host - length, prefix, length) != 0)
		return 0;
	return host;
}

const struct registry_entry *registries_match(
	const struct registries *registries, const char *repository)
{
	const struct registry_entry *best = NULL;

	for (size_t i = 0; i < registries->count; i++) {
		const struct registry_entry *entry = &registries->entries[i];

		if (matched_length(entry->prefix, repository) > 0 &&
			(!best || strlen(entry->prefix) > strlen(best->prefix)))
			best = entry;
	}
	return best;
}

char *registries_rewrite(
	const struct registry_entry *entry, const char *location, const char *repository)
{
	return xasprintf("%s%s", location, repository + matched_length(entry->prefix, repository));
}

/* "10.0.0.0/8" and an address of it. */
static bool network_has(const char *network, const char *host)
{
	const char *slash = strchr(network, '/');
	cleanup_free char *base = slash ? xstrndup(network, (size_t)(slash - network)) : NULL;
	unsigned char net[16], address[16];
	int family = base && strchr(base, ':') ? AF_INET6 : AF_INET;
	unsigned long bits = slash ? strtoul(slash + 1, NULL, 10) : 0;

	if (!base || inet_pton(family, base, net) != 1 || inet_pton(family, host, address) != 1 ||
		bits > (family == AF_INET ? 32 : 128))
		return false;
	for (unsigned long i = 0; i < bits; i++)
		if ((net[i / 8] ^ address[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

bool registries_is_insecure(const struct registries *registries, const char *host)
{
	bool bracket = host[0] == '[';
	cleanup_free char *bare = bracket ? xstrndup(host + 1, strcspn(host + 1, "]"))
					  : xstrndup(host, strcspn(host, ":"));

	for (char **entry = registries->insecure; entry && *entry; entry++)
		if (strcasecmp(*entry, host) == 0 || network_has(*entry, bare))
			return true;
	return false;
}

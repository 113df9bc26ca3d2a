/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine's owner and the user say about registries: the containers tools'
 * registries.conf (version 2: prefix, location, mirrors, insecure, blocked) and the mirrors and
 * insecure registries of docker's daemon.json.
 *
 * unqualified-search-registries is read and has no effect: a short name is docker.io's, always,
 * so that nobody else can answer for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct error;
struct reference;

enum mirror_use { MIRROR_ALL, MIRROR_DIGEST_ONLY, MIRROR_TAG_ONLY };

struct mirror {
	char *location; /* "host:port/path" */
	bool insecure;
	enum mirror_use use;
};

struct registry_entry {
	char *prefix; /* "host/path", "*.host"; what it is for */
	char *location; /* what takes the prefix's place; NULL: the same */
	bool insecure, blocked, mirror_by_digest_only;
	struct mirror *mirrors;
	size_t mirror_count;
};

struct registries {
	struct registry_entry *entries;
	size_t count;
	/* docker's */
	struct mirror *hub_mirrors;
	size_t hub_mirror_count;
	char **insecure; /* hosts, and networks as "10.0.0.0/8" */
};

/*
 * All files of this machine and user; VESSEL_REGISTRIES_CONF names one to read instead of the
 * containers tools' (and the folder NAME.d), VESSEL_DAEMON_JSON one instead of docker's.
 */
int registries_load(struct registries *ret, struct error **err);
/* One file's text, added to those before; an entry replaces one of the same prefix. */
int registries_parse(
	struct registries *registries, const char *name, const char *text, struct error **err);
int registries_parse_daemon(
	struct registries *registries, const char *name, const char *text, struct error **err);
void registries_done(struct registries *registries);

/* The entry with the longest prefix of "host/path", or NULL. */
const struct registry_entry *registries_match(
	const struct registries *registries, const char *repository);
/* What location makes of a repository that the entry matches; the caller frees. */
char *registries_rewrite(
	const struct registry_entry *entry, const char *location, const char *repository);
/* Does docker's list name this host ("host:port")? */
bool registries_is_insecure(const struct registries *registries, const char *host);

static inline void registries_done_p_(struct registries *registries)
{
	registries_done(registries);
}
#define cleanup_registries CLEANUP(registries_done)

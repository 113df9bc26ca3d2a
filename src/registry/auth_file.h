/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON file of credentials ("auths": {"host": {"auth": "…"}}), docker's or the containers
 * tools'. It holds more than we know, and is the user's: what we do not understand is kept as it
 * is, and a file that cannot be read is never written over.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/cleanup.h"

struct credential;
struct error;

struct auth_file {
	char *path;
	struct json_object *root; /* an object; NULL: there is no such file */
};

/* 1 read, 0 there is none, -1. */
int auth_file_read(const char *path, struct auth_file *ret, struct error **err);
/*
 * Replaces it whole, with mode 0600 and the owner it had; missing folders are made. Where path is a
 * symbolic link it is the file behind that is replaced, as docker does it, unless the link is
 * somebody else's.
 */
int auth_file_write(const struct auth_file *file, struct error **err);
void auth_file_done(struct auth_file *file);

/* "docker.io" for all its names; the host of a URL; else the same. The caller frees. */
char *auth_registry(const char *server);
/* How the file calls it when it is written. */
const char *auth_key(const char *registry);
/* The program that keeps this registry's credential, by credHelpers or credsStore: 1, 0 none. */
int auth_file_program(
	const struct auth_file *file, const char *registry, const char **ret, struct error **err);
/* 1 found, 0 not. */
int auth_file_find(const struct auth_file *file, const char *registry, struct credential *ret,
	struct error **err);
/* credential NULL: an empty entry, which says that a program has it. */
void auth_file_put(
	struct auth_file *file, const char *registry, const struct credential *credential);
/* 1 erased, 0 there was none. */
int auth_file_erase(struct auth_file *file, const char *registry);

static inline void auth_file_done_p_(struct auth_file *file)
{
	auth_file_done(file);
}
#define cleanup_auth_file CLEANUP(auth_file_done)

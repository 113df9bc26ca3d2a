/* SPDX-License-Identifier: Apache-2.0 */
/* Images as users handle them: import, list, tag, remove, inspect, pull, push. Listing itself is
 * catalog_each_image(). */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "engine/engine.h"
#include "registry/pull.h"
#include "registry/push.h"

struct error;

struct image_import {
	const char *source; /* a file, "-" for stdin, or an http(s) URL */
	const char *reference; /* NULL: none */
	char *const *changes; /* Dockerfile instructions: CMD, ENV, … , already applied to config by
				 the caller when it can */
	const char *message;
	const struct image_config *config; /* with the changes in; NULL: plain */
	const char *architecture, *variant; /* NULL: this machine's, none */
};
int image_import(struct engine *engine, const struct image_import *import, struct image_row *ret,
	struct error **err);
int image_inspect(
	struct engine *engine, const char *name, struct json_object **ret, struct error **err);
int image_tag(struct engine *engine, const char *source, const char *target, struct error **err);
/* What was done, as docker prints it: "Untagged: x", "Deleted: sha256:…" are appended to *ret. */
int image_remove(
	struct engine *engine, const char *name, bool force, strv *ret, struct error **err);
int image_pull(struct engine *engine, const char *name, const struct registry_progress *progress,
	struct image_row *ret, struct error **err);
/* One reference, in any way. */
int image_pull_with(struct engine *engine, const struct reference *ref,
	const struct pull_options *options, struct image_row *ret, struct error **err);

struct image_push {
	const char *name; /* with a tag; with all_tags, a repository */
	bool all_tags;
	const char *platform; /* NULL: any; else it must be the image's */
};
int image_push(struct engine *engine, const struct image_push *push,
	const struct registry_progress *progress, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building an image from a Dockerfile: parse (build/dockerfile.h), pick the stages that the target
 * needs, and for each step find its cache key, take what the cache has or do it and remember.
 * Language: BuildKit's, see docs/.
 */
#pragma once

#include <stdbool.h>

#include "base/strv.h"
#include "engine/engine.h"

struct error;

struct build_options {
	const char *context; /* a directory, "-" (a Dockerfile or tar on stdin) */
	const char *dockerfile; /* -f: NULL, a path, "-" */
	char *const *tags, *const *build_args, *const *labels, *const *add_host;
	const char *target, *network;
	bool no_cache, pull, quiet;
	const char *iidfile;
	int progress_fd; /* plain progress lines go here */
};
/* ret_id: "sha256:…", the caller frees. Errors of a Dockerfile have file and line: "Dockerfile:7:
 * …". */
int build_image(struct engine *engine, const struct build_options *options, char **ret_id,
	struct error **err);

/* Instructions of `import --change` and `commit --change`, applied to a configuration. */
int build_apply_changes(struct image_config *config, char *const *changes, struct error **err);

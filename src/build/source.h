/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where COPY and ADD take files from: the build context, or the root of another stage or image.
 * Paths in it were written by the author of a Dockerfile and lead through symlinks that others
 * planted, so all are resolved inside its root. What .dockerignore excludes is not there at all.
 */
#pragma once

#include <stdbool.h>

#include "base/strv.h"
#include "build/ignore.h"

struct error;

#define SOURCE_DEPTH_MAX 256 /* of directories: each level of a walk holds one open */

struct source {
	int root_fd;
	const struct ignore *ignore; /* NULL: everything is there */
	bool root_owned; /* all is 0:0, whoever owns it on this machine: the context */
	const char *name; /* "the build context", for errors */
};

/*
 * The paths that a COPY source means: itself, or when it has wildcards what they match, in order.
 * Results are clean and begin with '/'. Wildcards do not go through symlinks, and it is no error
 * when they match nothing. deep: "**" stands for any directories.
 */
int source_expand(
	const struct source *source, const char *pattern, bool deep, strv *ret, struct error **err);
/* O_PATH fd of a path, symlinks followed; *ret_resolved ("a/b") is where it lies really. */
int source_open(
	const struct source *source, const char *path, char **ret_resolved, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY --parents: "a/b/c" arrives as dest/a/b/c, with a and b as they are in the source. What
 * stands before "/./" in the source's pattern is not taken along.
 */
#pragma once

#include "build/tree.h"

struct error;

/* As tree_list(), rooted at the directory where the kept part begins. */
int parents_list(const struct source *source, const char *pattern, const char *path,
	const struct ignore *excludes, struct tree *ret, struct error **err);

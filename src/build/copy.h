/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a listed tree into an image's root: contents, modes, owners, times, xattrs. Symlinks are
 * copied as such. A directory's own metadata is taken over for those below the top; of the top only
 * the contents are copied, and its time. Nothing that already exists is written through: a file in
 * the way is removed first, and a symlink in place of a directory is an error.
 */
#pragma once

#include <stdbool.h>

#include "build/place.h"
#include "build/tree.h"

struct error;

struct copy {
	int root_fd; /* the image's */
	const char *dest; /* absolute; "/a/" and "/a" differ */
	const struct owner *owner; /* NULL: 0:0 from the context, else as in the source */
	const char *mode; /* --chmod, NULL: as in the source */
	bool changed; /* set when a source file changed after it was listed */
};

int copy_tree(struct copy *copy, const struct tree *tree, struct error **err);
/* A file that exists only here: a heredoc. */
int copy_text(struct copy *copy, const char *name, const char *content, struct error **err);

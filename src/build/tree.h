/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one COPY source brings: a file, or a directory with all below it that is not excluded,
 * listed in order. The list is made once; the digest and the copy are both taken from it.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "build/source.h"

struct error;

#define TREE_ENTRIES_MAX 8000000

struct tree_entry {
	char *path; /* below the top: "a/b"; "" for the top itself */
	char *link; /* of a symlink */
	struct stat st;
};

struct tree {
	char *path; /* in the source: "/src/a", also what a file is named by */
	int fd; /* of the top, O_PATH */
	bool root_owned;
	struct tree_entry *entries; /* the top, then directories before what is in them */
	size_t count;
};

/* path comes from source_expand(); excludes (relative to the top) may be NULL. *ret is a tree
 * also when everything in a directory is excluded. */
int tree_list(const struct source *source, const char *path, const struct ignore *excludes,
	struct tree *ret, struct error **err);
void tree_done(struct tree *tree);
/* A regular file of it, for reading, which is still the one that was listed. */
int tree_open(const struct tree *tree, const struct tree_entry *entry, struct error **err);
/* Names, types, modes, owners, contents, link targets, xattrs; not times. */
int tree_digest(const struct tree *tree, struct sha256 *sha, struct error **err);

static inline void tree_done_p_(struct tree *tree)
{
	tree_done(tree);
}
#define cleanup_tree CLEANUP(tree_done)

/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that an index describes, in memory: index.c builds it, index_write.c lays it out. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "store/listing.h"

#define INDEX_MAX (256UL * 1024 * 1024) /* bytes of an index */

struct index_node;

/* A name in a directory. Files with hard links have several. */
struct index_name {
	struct index_name *hash_next;
	struct index_name *next, *previous; /* in its directory */
	struct index_node *directory, *node;
	size_t length;
	char text[];
};

struct index_node {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	unsigned int links; /* names; a directory has one */
	unsigned int major, minor;
	struct timespec mtime;
	int64_t size;
	char *target; /* of a symlink */
	struct tar_xattrs xattrs;
	bool opaque;
	struct listing_extent *extents;
	size_t extent_count;
	struct index_node *parent; /* of a directory; the root is its own */
	struct index_name *children;
	size_t child_count, directory_count;

	/* index_write.c's */
	struct index_name **sorted;
	uint64_t at; /* of its inode in the index */
	uint32_t block; /* first block of what does not stand behind the inode */
	uint32_t blocks; /* how many */
	uint16_t layout;
	unsigned int chunk_bits;
	size_t xattr_size;
};

struct index_tree {
	struct index_node *root;
	struct index_name **buckets;
	size_t bucket_count, name_count;
	size_t memory; /* roughly: what outside bytes have made us keep */
	time_t now; /* for directories that no entry describes */
};

void index_tree_init(struct index_tree *tree);
void index_tree_done(struct index_tree *tree);
struct index_node *index_node_new(struct index_tree *tree, mode_t mode);
struct index_name *index_find(const struct index_tree *tree, const struct index_node *directory,
	const char *text, size_t length);
/* node becomes known by one more name. */
void index_add(struct index_tree *tree, struct index_node *directory, const char *text,
	size_t length, struct index_node *node);
/* Removes a name, and what has none then, with all that is below. */
void index_remove(struct index_tree *tree, struct index_name *name);

/* Lays it out and writes it: 1, or 0 with *ret_why when the format cannot say it. */
int index_tree_write(struct index_tree *tree, int fd, int64_t tar_size, const char **ret_why,
	struct error **err);
/* Puts its digest into a finished image (index_check.c). */
void index_seal(uint8_t *image, size_t length);

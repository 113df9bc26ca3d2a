/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index_tree.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

#define BUCKETS_FIRST 1024

/* FNV-1a, begun with the directory: the same names stand in many. */
static size_t hash(const struct index_node *directory, const char *text, size_t length)
{
	uint64_t value = 0xcbf29ce484222325 ^ (uint64_t)(uintptr_t)directory;

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)text[i]) * 0x100000001b3;
	return (size_t)(value ^ value >> 32);
}

static struct index_name **bucket_of(const struct index_tree *tree,
	const struct index_node *directory, const char *text, size_t length)
{
	return &tree->buckets[hash(directory, text, length) & (tree->bucket_count - 1)];
}

struct index_node *index_node_new(struct index_tree *tree, mode_t mode)
{
	struct index_node *node = xcalloc(1, sizeof(*node));

	node->mode = mode;
	node->mtime.tv_sec = tree->now;
	tree->memory += sizeof(*node);
	return node;
}

void index_tree_init(struct index_tree *tree)
{
	*tree = (struct index_tree){ .bucket_count = BUCKETS_FIRST, .now = time(NULL) };
	tree->buckets = xcalloc(tree->bucket_count, sizeof(struct index_name *));
	tree->root = index_node_new(tree, S_IFDIR | 0755);
	tree->root->links = 1;
	tree->root->parent = tree->root;
}

static void node_free(struct index_node *node)
{
	tar_xattrs_done(&node->xattrs);
	free(node->target);
	free(node->extents);
	free((void *)node->sorted);
	free(node);
}

static void grow(struct index_tree *tree)
{
	struct index_tree larger = *tree;

	larger.bucket_count *= 2;
	larger.buckets = xcalloc(larger.bucket_count, sizeof(struct index_name *));
	for (size_t i = 0; i < tree->bucket_count; i++) {
		struct index_name *name = tree->buckets[i];

		while (name) {
			struct index_name *next = name->hash_next,
					  **bucket = bucket_of(&larger, name->directory, name->text,
						  name->length);

			name->hash_next = *bucket;
			*bucket = name;
			name = next;
		}
	}
	free((void *)tree->buckets);
	*tree = larger;
}

struct index_name *index_find(const struct index_tree *tree, const struct index_node *directory,
	const char *text, size_t length)
{
	struct index_name *name = *bucket_of(tree, directory, text, length);

	while (name && (name->directory != directory || name->length != length ||
			       memcmp(name->text, text, length) != 0))
		name = name->hash_next;
	return name;
}

void index_add(struct index_tree *tree, struct index_node *directory, const char *text,
	size_t length, struct index_node *node)
{
	struct index_name *name = xcalloc(1, sizeof(*name) + length + 1), **bucket;

	name->directory = directory;
	name->node = node;
	name->length = length;
	memcpy(name->text, text, length);
	if (++tree->name_count > tree->bucket_count)
		grow(tree);
	bucket = bucket_of(tree, directory, text, length);
	name->hash_next = *bucket;
	*bucket = name;
	name->next = directory->children;
	if (name->next)
		name->next->previous = name;
	directory->children = name;
	directory->child_count++;
	node->links++;
	tree->memory += sizeof(*name) + length + sizeof(struct index_name *);
	if (S_ISDIR(node->mode)) {
		directory->directory_count++;
		node->parent = directory;
	}
}

static void forget(struct index_tree *tree, const struct index_name *name)
{
	struct index_name **at = bucket_of(tree, name->directory, name->text, name->length);
	struct index_node *directory = name->directory;

	while (*at != name)
		at = &(*at)->hash_next;
	*at = name->hash_next;
	if (name->next)
		name->next->previous = name->previous;
	if (name->previous)
		name->previous->next = name->next;
	else
		directory->children = name->next;
	directory->child_count--;
	directory->directory_count -= S_ISDIR(name->node->mode) != 0;
	tree->name_count--;
}

/* Recursion is as deep as names are long: TAR_PATH_MAX / 2 at most. */
// NOLINTNEXTLINE(misc-no-recursion)
void index_remove(struct index_tree *tree, struct index_name *name)
{
	struct index_node *node = name->node;

	while (node->children)
		index_remove(tree, node->children);
	forget(tree, name);
	free(name);
	if (--node->links == 0)
		node_free(node);
}

void index_tree_done(struct index_tree *tree)
{
	while (tree->root->children)
		index_remove(tree, tree->root->children);
	node_free(tree->root);
	free((void *)tree->buckets);
}

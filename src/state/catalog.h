/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable catalogue, ROOT/state.db: images, references, layers, volumes, build cache. A thing
 * exists when a committed transaction names it. Rollback journal, synchronous=FULL: a commit that
 * returned survives a power cut. Short transactions, busy timeout; no statement is left open
 * between calls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "oci/digest.h"

struct error;
struct catalog;

int catalog_open(int root_fd, struct catalog **ret, struct error **err);
void catalog_close(struct catalog *catalog);

struct image_row {
	struct digest id; /* of the configuration: what people see as IMAGE ID */
	struct digest manifest;
	int64_t created_ns; /* by the configuration */
	int64_t size; /* of all its layers, unpacked */
	char *reference; /* normalised text, or NULL in rows without one */
};
void image_row_done(struct image_row *row);

/*
 * Adds the image, its layers (bottom first) and, unless NULL, points reference at it, in one
 * transaction. ERROR_NOT_FOUND when a layer has no row (another process removed it meanwhile).
 */
int catalog_put_image(struct catalog *catalog, const struct image_row *image,
	const struct digest *layers, size_t layer_count, struct error **err);
/* By normalised reference: 1 found, 0 not. */
int catalog_find_reference(
	struct catalog *catalog, const char *reference, struct image_row *ret, struct error **err);
/* By unique prefix of the id's hex digits; several matches are ERROR_INVALID. */
int catalog_find_image(
	struct catalog *catalog, const char *prefix, struct image_row *ret, struct error **err);
/*
 * Every image once for each of its references, once with reference NULL when it has none; newest
 * first. What each() returns other than 0 ends it and is returned.
 */
int catalog_each_image(struct catalog *catalog, int (*each)(const struct image_row *row, void *arg),
	void *arg, struct error **err);
int catalog_put_reference(struct catalog *catalog, const char *reference,
	const struct digest *image, struct error **err);
/* 1 deleted, 0 there was none. */
int catalog_delete_reference(struct catalog *catalog, const char *reference, struct error **err);
int catalog_references_of(
	struct catalog *catalog, const struct digest *image, strv *ret, struct error **err);
/*
 * Deletes the image and its references; *ret gets the layers that no image names any more (the
 * caller frees). Their rows, and those of cached steps that made them, are deleted with it.
 */
int catalog_delete_image(struct catalog *catalog, const struct digest *image, struct digest **ret,
	size_t *ret_count, struct error **err);
/* The same, but for the layers: somebody else may be making something of them just now. */
int catalog_delete_image_alone(
	struct catalog *catalog, const struct digest *image, struct error **err);
/* Deletes rows of layers that nothing names, and of the cached steps that made them. */
int catalog_delete_layers(
	struct catalog *catalog, const struct digest *layers, size_t count, struct error **err);

/*
 * What registries call an image: a repository ("docker.io/library/debian") and the digest, of an
 * index or a manifest, that was pulled from there or pushed to it.
 */
int catalog_put_repo_digest(struct catalog *catalog, const char *repository,
	const struct digest *digest, const struct digest *image, struct error **err);
/* "docker.io/library/debian@sha256:…", sorted. */
int catalog_repo_digests_of(
	struct catalog *catalog, const struct digest *image, strv *ret, struct error **err);
/* The repositories ("docker.io/library/debian") of which we know an image with this layer, sorted.
 */
int catalog_repositories_of(
	struct catalog *catalog, const struct digest *diff_id, strv *ret, struct error **err);
/* 1 found, 0 not. */
int catalog_find_repo_digest(struct catalog *catalog, const char *repository,
	const struct digest *digest, struct image_row *ret, struct error **err);
/* A push has given the image another manifest, with the layers compressed. */
int catalog_set_manifest(struct catalog *catalog, const struct digest *image,
	const struct digest *manifest, struct error **err);

struct layer_row {
	struct digest diff_id;
	int64_t size; /* unpacked bytes */
	int64_t tar_size; /* of the uncompressed tar, which is blobs/sha256/<diff-id> */
};
int catalog_put_layer(struct catalog *catalog, const struct layer_row *layer, struct error **err);
int catalog_find_layer(struct catalog *catalog, const struct digest *diff_id, struct layer_row *ret,
	struct error **err);

/*
 * A layer's blob as a registry has it or had it: kept, so that a push gives the same digest again.
 * A layer may have several, of several types; rows go with their layer.
 */
struct compressed_row {
	struct digest diff_id, digest;
	int64_t size;
	char *media_type; /* OCI_LAYER_GZIP … */
};
int catalog_put_compressed(
	struct catalog *catalog, const struct compressed_row *row, struct error **err);
/* All of them; the caller frees by compressed_rows_free(). */
struct compressed_rows {
	struct compressed_row *items;
	size_t count;
};
int catalog_compressed_of(struct catalog *catalog, const struct digest *diff_id,
	struct compressed_rows *ret, struct error **err);
/* Those of all layers. */
int catalog_compressed_all(
	struct catalog *catalog, struct compressed_rows *ret, struct error **err);
void compressed_rows_done(struct compressed_rows *rows);

/* Who names a layer: for accounts of the disk. */
struct layer_use {
	struct layer_row layer;
	int64_t images; /* how many have it */
	bool cached; /* a cached step made it */
};
/* All layers; what each() returns other than 0 ends it and is returned. */
int catalog_each_layer(struct catalog *catalog, int (*each)(const struct layer_use *use, void *arg),
	void *arg, struct error **err);
/* Diff ids of an image's layers, bottom first; the caller frees. */
int catalog_layers_of(struct catalog *catalog, const struct digest *image, struct digest **ret,
	size_t *ret_count, struct error **err);

/* Build cache: a step's key (hex digest) leads to what it made. */
struct cache_row {
	struct digest layer; /* valid when has_layer */
	bool has_layer;
	int64_t size;
	int64_t created_ns; /* set by catalog_put_cache() */
};
int catalog_find_cache(
	struct catalog *catalog, const char *key, struct cache_row *ret, struct error **err);
int catalog_put_cache(
	struct catalog *catalog, const char *key, const struct cache_row *row, struct error **err);
int catalog_forget_cache(struct catalog *catalog, const char *key, struct error **err);
/* Oldest first. */
int catalog_each_cache(struct catalog *catalog,
	int (*each)(const char *key, const struct cache_row *row, void *arg), void *arg,
	struct error **err);

int catalog_put_volume(
	struct catalog *catalog, const char *name, bool anonymous, struct error **err);
int catalog_find_volume(struct catalog *catalog, const char *name, struct error **err);
int catalog_delete_volume(struct catalog *catalog, const char *name, struct error **err);
/* Names, sorted; anonymous: only those that no user has named. */
int catalog_volumes(struct catalog *catalog, bool anonymous, strv *ret, struct error **err);

/* What SQLite itself finds wrong with the file, a line each. */
int catalog_check(struct catalog *catalog, strv *ret, struct error **err);

DEFINE_CLEANUP(struct catalog *, catalog_close)
#define cleanup_catalog CLEANUP(catalog_close)
static inline void image_row_done_p_(struct image_row *row)
{
	image_row_done(row);
}
#define cleanup_image_row CLEANUP(image_row_done)
static inline void compressed_rows_done_p_(struct compressed_rows *rows)
{
	compressed_rows_done(rows);
}
#define cleanup_compressed_rows CLEANUP(compressed_rows_done)

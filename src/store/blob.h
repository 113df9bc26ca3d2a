/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's own files share: names, locks and temporary directories. */
#pragma once

#include "store/store.h"

#define HEX_MAX (2 * DIGEST_SIZE + 1)

/* A blob's or layer's file name. Returns buf. */
const char *digest_hex(const struct digest *digest, char buf[static HEX_MAX]);
/* A file name as a digest: false when it is none. */
bool digest_from_hex(const char *name, struct digest *ret);

/* For who has hashed all of a file that becomes a blob: see blob_is_unchanged(). Where the file
 * system has no such attributes, it is hashed again when that matters. */
void blob_mark(int fd);
bool blob_exists(struct store *store, const struct digest *digest);
/* A missing one is fine. */
int blob_remove(struct store *store, const struct digest *digest, struct error **err);

/* A locked directory in tmp/, later perhaps in layers/. */
struct temp {
	struct temp *next;
	int fd;
	char name[33];
};

struct temp *temp_make(struct store *store, struct error **err);
/* Removes the directory, when it is still in tmp/, and its lock. */
int temp_remove(struct store *store, struct temp *temp, struct error **err);
/* Drops the lock alone. */
void temp_release(struct store *store, struct temp *temp);
/* Takes a layer out of layers/ and removes it. */
int layer_remove(struct store *store, const struct digest *diff_id, struct error **err);

/* Digests, sorted, to look others up in. */
struct digest_set {
	struct digest *items;
	size_t count;
};

void digest_set_add(struct digest_set *set, const struct digest *digest);
void digest_set_sort(struct digest_set *set);
bool digest_set_has(const struct digest_set *set, const struct digest *digest);
void digest_set_done(struct digest_set *set);
/* All blobs that images name: configurations, manifests, and what these list. */
int image_blobs(struct store *store, struct digest_set *ret, struct error **err);
int manifest_blobs(struct store *store, const struct digest *manifest, struct digest_set *set,
	struct error **err);

static inline void digest_set_done_p_(struct digest_set *set)
{
	digest_set_done(set);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's own files share: names, locks and temporary directories. */
#pragma once

#include "store/store.h"

struct transfer_unpack;

#define HEX_MAX (2 * DIGEST_SIZE + 1)

/* A blob's or layer's file name. Returns buf. */
const char *digest_hex(const struct digest *digest, char buf[static HEX_MAX]);
/* A file name as a digest: false when it is none. */
bool digest_from_hex(const char *name, struct digest *ret);

/* For who has hashed all of a file that becomes a blob: see blob_is_unchanged(). Where the file
 * system has no such attributes, it is hashed again when that matters. */
void blob_mark(int fd);
bool blob_exists(struct store *store, const struct digest *digest);
/* Makes one that is there young again: no sweep takes it for a day. */
void blob_freshen(struct store *store, const struct digest *digest);
/* A missing one is fine. */
int blob_remove(struct store *store, const struct digest *digest, struct error **err);

/* The digest of what an fd still has. */
int blob_hash_fd(int fd, uint8_t ret[static DIGEST_SIZE]);
int64_t blob_written(const struct blob_writer *writer); /* how many bytes so far */
/* What was written, for reading from its start. */
int blob_reopen(const struct blob_writer *writer, struct error **err);

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
/*
 * The two halves of an import. The first needs no catalogue, and may run in a process of its own:
 * the archive goes to temp's fs and its tar to the blobs, all of it on the disk; expected is the
 * tar's digest, or NULL. The second names what is in temp, and commits the row.
 */
int layer_unpack(struct store *store, const struct temp *temp, struct transfer_unpack *unpack,
	const struct digest *expected, struct layer_row *ret, struct error **err);
int layer_settle(struct store *store, const struct temp *temp, const struct layer_row *row,
	struct error **err);
/*
 * Ends a temporary directory after success or failure, and returns outcome: what is still in tmp/
 * goes, and so do the lock and, when the caller took it, the share of the store's lock.
 */
int layer_end(struct store *store, struct temp *temp, bool was_in_use, int outcome);
/* Also looks at what it consists of, where that can be told. */
bool layer_is_whole(struct store *store, const struct digest *diff_id);
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

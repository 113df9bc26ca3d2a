/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that are still coming: ROOT/partial/<hex>, one for each digest. Who downloads one holds its
 * lock (flock(2)), so nobody else does at the same time, and the kernel lets go of it however that
 * process ends. The bytes stay, whatever happened, and the next one goes on behind them.
 *
 * They are believed only after all of them were hashed again: a power cut may have left zeros. A
 * whole one is renamed into blobs/. What nobody has touched for a week is garbage.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "oci/digest.h"

struct error;
struct store;

#define PARTIAL_AGE_S (7L * 86400)

struct partial {
	struct digest digest;
	int fd; /* for reading and writing; holds the lock */
	int64_t length; /* how many bytes are there */
};

/* 1: it is ours now (made when it was not there); 0: another process has it. */
int partial_lock(
	struct store *store, const struct digest *digest, struct partial *ret, struct error **err);
/* Leaves it as it is, to whom it may concern. */
void partial_release(struct partial *partial);
/* Whole, checked and on disk (the caller has seen to that): becomes a blob. */
int partial_keep(struct store *store, struct partial *partial, struct error **err);
/* Worth nothing: removed. */
int partial_discard(struct store *store, struct partial *partial, struct error **err);

struct partial_entry {
	struct digest digest;
	int64_t length;
	time_t modified;
};
/* What each() returns other than 0 ends it and is returned. Those being downloaded are among them.
 */
int partial_each(struct store *store,
	int (*each)(const struct partial_entry *entry, void *arg, struct error **err), void *arg,
	struct error **err);
/* 1 removed, 0 when a process has it, or it is gone. Needs no room on the disk. */
int partial_remove(struct store *store, const struct digest *digest, struct error **err);
/* Those that nobody has and nobody has written to for a week. Returns how many. */
int partial_sweep(struct store *store, time_t now, struct error **err);

static inline void partial_release_p_(struct partial *partial)
{
	partial_release(partial);
}
#define cleanup_partial CLEANUP(partial_release)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer imported by a process of its own, so that several are at the same time, and each while
 * it is still being downloaded:
 *
 *   pipe -> the worker -> file (what was there stays in front), digest of what came
 *             |  ^
 *             v  | tar -> blobs/, digest of the tar
 *         vessel-unpack -> tmp/<random>/fs
 *
 * The worker is forked and has no catalogue; when it has checked both digests and everything is on
 * the disk, layer_worker_end() names the layer and commits its row. It dies with who started it.
 */
#pragma once

#include <sys/types.h>

#include "store/feed.h"
#include "store/store.h"

struct temp;

struct layer_worker {
	struct store *store; /* borrowed */
	struct temp *temp; /* owned */
	pid_t pid; /* 0: none */
	int socket_fd; /* readable when there is an end */
};

enum layer_fault {
	LAYER_FAILED = 1, /* by this machine: no room, no helper, … */
	LAYER_SHORT, /* what came ended too early; what is there is as good as before */
	LAYER_WRONG, /* another digest: what is there is worth nothing */
	LAYER_BROKEN, /* the right bytes, and no layer or another one */
};

/* diff_id: what the tar must be. The caller shares the store's lock (store_use()). */
int layer_worker_start(struct store *store, const struct layer_source *source,
	const struct digest *diff_id, struct layer_worker *ret, struct error **err);
/* Waits for its end. 0: the layer is here, and source->fd is synced. */
int layer_worker_end(struct layer_worker *worker, struct layer_row *ret,
	enum layer_fault *ret_fault, struct error **err);
/* At once; one that has ended, or was never started, is fine. */
void layer_worker_stop(struct layer_worker *worker);

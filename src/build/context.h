/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build is made from: the Dockerfile's text, and a directory of files. The directory is the
 * user's, read in place and only where a COPY asks; or it comes as a tar on stdin and is unpacked
 * into the store's tmp/; or there is none, when stdin is the Dockerfile itself.
 *
 * A context may have been cloned from anywhere: Dockerfile and .dockerignore are opened inside it,
 * and must be regular files, so that neither can be a link to a file of this machine.
 */
#pragma once

#include "build/build.h"
#include "build/source.h"
#include "store/store.h"

struct error;

struct context {
	int dir_fd; /* -1: there are no files */
	struct store *store;
	char *unpacked; /* its path in the store's tmp/, when we unpacked it */
	char *dockerfile_name, *dockerfile;
	size_t dockerfile_length;
	struct ignore ignore;
	struct source source; /* borrows the above: valid where context_open() filled it in */
};

int context_open(const struct build_options *options, struct store *store, struct context *ret,
	struct error **err);
void context_done(struct context *context);

static inline void context_done_p_(struct context *context)
{
	context_done(context);
}
#define cleanup_context CLEANUP(context_done)

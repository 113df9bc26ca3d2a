/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one COPY or ADD says, expanded and checked, and the files that it means. From reading the
 * instruction to the cache key nothing is written anywhere.
 */
#pragma once

#include "build/copy.h"
#include "build/layer.h"
#include "build/tree.h"

struct error;

#define SOURCES_MAX 100000 /* paths of one instruction, wildcards expanded */

struct addition {
	const struct instruction *instruction;
	bool unpack; /* archives of ADD */
	bool link; /* --link: the layer does not depend on those below */
	bool parents; /* --parents: directories on the way are copied too */
	strv sources; /* expanded; heredocs are in texts */
	strv texts; /* heredocs: name, content by turns */
	char *dest, *chown, *chmod; /* the last two: NULL when not given */
	struct ignore excludes;
	/* Where files come from; filled in by addition_open(). */
	struct state own; /* of an image that is no stage */
	const struct state *from; /* NULL: the context */
	struct workspace root;
	struct source source;
	struct tree *trees;
	size_t tree_count;
};

int addition_read(struct builder *builder, const struct state *state,
	const struct instruction *instruction, struct addition *ret, struct error **err);
/* For --from: the key of the question, without a look at the files. */
void addition_key_from(
	const struct addition *addition, const struct state *state, char ret[static ID_MAX]);
/* Opens the source and lists the files. */
int addition_open(struct builder *builder, struct addition *addition, struct error **err);
/* The key of what is copied; reads it all. */
int addition_key(const struct addition *addition, const struct state *state,
	char ret[static ID_MAX], struct error **err);
void addition_done(struct addition *addition);

static inline void addition_done_p_(struct addition *addition)
{
	addition_done(addition);
}
#define cleanup_addition CLEANUP(addition_done)

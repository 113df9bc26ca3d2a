/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an archive that is loaded has in it. Members are looked up by their names in the archive
 * alone; a link leads to another member of it. Of a plain tar in a file nothing is read but what is
 * asked for; from a pipe, or decompressed, each member is hashed on its way into a file of its own
 * in the store's tmp/, which becomes the blob when it is asked for as one: either way the bytes are
 * written once.
 */
#pragma once

#include <stdbool.h>

#include "registry/progress.h"
#include "store/store.h"

struct error;

#define LOAD_JSON_MAX (4UL * 1024 * 1024) /* bytes of a table, a manifest or a configuration */

struct load_file {
	char *name, *link; /* link: NULL for a file */
	int64_t size, offset; /* offset -1: it is the file number in the temporary directory */
	size_t number;
	struct digest digest; /* known with offset -1 */
};

struct load_source {
	struct store *store;
	const struct registry_progress *progress; /* NULL: none */
	int fd; /* borrowed */
	char *temp; /* NULL: none was needed */
	int temp_fd;
	struct load_file *files; /* by name */
	size_t count;
};

int load_source_open(struct store *store, int fd, const struct registry_progress *progress,
	struct load_source *ret, struct error **err);
void load_source_close(struct load_source *source);
bool load_source_has(const struct load_source *source, const char *name);
/* A file, through links; NULL with *err. */
const struct load_file *load_source_find(
	const struct load_source *source, const char *name, struct error **err);
/* A whole small file, NUL-terminated. */
int load_source_read(const struct load_source *source, const struct load_file *file, char **ret,
	size_t *ret_length, struct error **err);
/* A file becomes a blob. expected may be NULL; other content is ERROR_INVALID. */
int load_source_put(const struct load_source *source, const struct load_file *file,
	const struct digest *expected, struct digest *ret, struct error **err);

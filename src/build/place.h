/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where COPY puts a source: "dest/" is a directory, made when it is missing; "dest" is one when it
 * exists as one, or when a directory is copied; else it is the file's new name. Symlinks on the way
 * are followed inside the image's root, also at the end, also when what they name is missing.
 */
#pragma once

#include <stdbool.h>

#include "build/owner.h"

struct error;

struct place_options {
	struct owner owner; /* of directories that are made */
	mode_t mode; /* of these */
};

/* "dest" is a directory, or will be by its form ("/", "/.")? 1, 0, -1. */
int place_is_directory(int root_fd, const char *dest, struct error **err);
/* The directory dest, made when missing: an fd that can be read. */
int place_directory(
	int root_fd, const char *dest, const struct place_options *options, struct error **err);
/* The directory for a file, O_PATH, and its name in there (the caller's): base when dest is a
 * directory. */
int place_file(int root_fd, const char *dest, const char *base, const struct place_options *options,
	char **ret_name, struct error **err);

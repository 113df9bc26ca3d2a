/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of an archive become files below a directory.
 *
 * Runs in vessel-unpack's jail, and does not count on it: every entry's directory is found by
 * openat2(2) inside the destination, and what is made is made by that directory's fd and a name
 * without slashes, never following a link. Links in the archive may point anywhere; nothing here
 * goes through one out of the destination.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct stream;

struct unpack_options {
	int dest_fd; /* borrowed */
	uint64_t limit; /* of all files' sizes together, holes counted */
	/*
	 * The destination is a layer's new directory: whiteouts become overlay's, and opaque()
	 * hears of directories that hide those below (setting that attribute needs rights that the
	 * jail has not).
	 */
	bool layer;
	int (*opaque)(void *arg, const char *path, struct error **err);
	void *arg;
};

struct unpack_result {
	int64_t size; /* of the files, by their content */
	uint64_t entries;
};

int unpack_stream(struct stream *stream, const struct unpack_options *options,
	struct unpack_result *ret, struct error **err);
/* "./a//b/" -> "a/b", "/a" -> "a", "." -> ""; a name must not climb, nor a whiteout hold names. */
int unpack_clean_name(const char *path, bool layer, char **ret, struct error **err);

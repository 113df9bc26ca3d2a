/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory becomes a tar, always the same one: names sorted by their bytes, whole seconds, no
 * users' names. Nothing is opened but directories and regular files, and no link is followed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/tar.h"

struct pack_options {
	/*
	 * The directory is an overlay's upper one: its whiteouts and opaque directories become a
	 * layer's. Files named as whiteouts are left out: a layer cannot say them.
	 */
	bool layer;
	/*
	 * Somebody writes to it meanwhile: what goes is left out, and what becomes shorter is
	 * filled up with zeros. Otherwise either is an error.
	 */
	bool live;
	char *const *left_out; /* paths, with all below them; NULL: none */
	tar_sink sink;
	void *arg;
};

/* dir_fd is opened for reading; *ret_size is what the files hold. */
int pack_directory(
	int dir_fd, const struct pack_options *options, int64_t *ret_size, struct error **err);

/* Collects what a sink gets into large pieces. */
#define PACK_BUFFER (1UL << 20)
struct pack_buffer {
	tar_sink sink;
	void *arg;
	size_t used;
	char data[PACK_BUFFER];
};
int pack_buffer_add(void *buffer, const void *data, size_t length, struct error **err);
int pack_buffer_flush(struct pack_buffer *buffer, struct error **err);

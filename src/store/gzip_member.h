/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member of a gzip file (RFC 1952), which may have any number of them one after the other. The
 * same bytes always give the same member: no time, no name.
 */
#pragma once

#include <stddef.h>

struct gzip_packer;

struct gzip_packer *gzip_packer_new(void); /* NULL: no memory */
void gzip_packer_free(struct gzip_packer *packer);
/* How large a member of length bytes may become. */
size_t gzip_packer_bound(struct gzip_packer *packer, size_t length);
/* Returns the member's length; 0: room was too small. */
size_t gzip_packer_pack(
	struct gzip_packer *packer, const void *data, size_t length, void *out, size_t room);

/* SPDX-License-Identifier: Apache-2.0 */
/* The 512-byte block before each tar entry: POSIX.1-2017 pax, "ustar Interchange Format", and GNU's
 * and star's variants of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define TAR_BLOCK 512

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
		magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		padding[12];
};

enum tar_format {
	TAR_V7,
	TAR_USTAR,
	TAR_STAR, /* a shorter prefix, and times after it */
	TAR_GNU, /* no prefix: sparse maps and times are there */
};

enum tar_format tar_header_format(const struct tar_header *header);
/* The sum may have been made of signed or of unsigned bytes: old writers disagreed. False for a
 * zero block. */
bool tar_checksum_matches(const void *block);
void tar_checksum_set(struct tar_header *header);
bool tar_block_is_zero(const void *block);

/* Octal, or base 256 when the first bit is set (GNU). what names the field in errors. */
int tar_number_parse(
	const char *field, size_t size, const char *what, int64_t *ret, struct error **err);
/* Octal with a NUL at the end; false when value does not fit. */
bool tar_number_put(char *field, size_t size, int64_t value);

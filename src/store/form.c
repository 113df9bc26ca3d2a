/* SPDX-License-Identifier: Apache-2.0 */
#include "store/form.h"

#include <assert.h>
#include <string.h>

#include "store/tar_header.h"

static const struct {
	enum archive_form form;
	const char *name;
	size_t length;
	const char *magic;
} forms[] = {
	{ FORM_GZIP, "gzip", 3, "\x1f\x8b\x08" }, /* RFC 1952: method 8 is the only one */
	{ FORM_ZSTD, "zstd", 4, "\x28\xb5\x2f\xfd" }, /* RFC 8878 3.1.1 */
	{ FORM_BZIP2, "bzip2", 3, "BZh" },
	{ FORM_XZ, "xz", 6,
		"\xfd"
		"7zXZ" }, /* with the NUL that ends the literal */
};
#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

static_assert(FORM_COUNT == FORM_MAX_ - 2, "one row for each compressed form");

enum archive_form form_detect(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	/* First: a tar begins with a name, and "BZh" may be one. No compressed data has the sum. */
	if (length >= TAR_BLOCK && tar_checksum_matches(data))
		return FORM_TAR;
	for (size_t i = 0; i < FORM_COUNT; i++)
		if (length >= forms[i].length && memcmp(data, forms[i].magic, forms[i].length) == 0)
			return forms[i].form;
	/* RFC 8878 3.1.2: a skippable frame may come first. */
	if (length >= 4 && (bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0)
		return FORM_ZSTD;
	return FORM_NONE;
}

const char *form_name(enum archive_form form)
{
	for (size_t i = 0; i < FORM_COUNT; i++)
		if (forms[i].form == form)
			return forms[i].name;
	return form == FORM_TAR ? "tar" : "unknown";
}

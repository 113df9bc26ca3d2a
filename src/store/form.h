/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is by its first bytes: never by its name, which the sender chose. */
#pragma once

#include <stddef.h>

enum archive_form {
	FORM_NONE = 0,
	FORM_TAR,
	FORM_GZIP,
	FORM_ZSTD,
	FORM_BZIP2,
	FORM_XZ,
	FORM_MAX_, /* keep last */
};

#define FORM_PEEK 512 /* bytes that form_detect() wants to see, where there are as many */

enum archive_form form_detect(const void *data, size_t length);
const char *form_name(enum archive_form form);

/* SPDX-License-Identifier: Apache-2.0 */
/* What people read of images. The caller frees what these return. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct digest;
struct error;
struct image_config;

/* "sha256:…", or its first twelve digits. */
char *image_id_text(const struct digest *id, bool full);
/* Control characters become spaces: a tab would end a column, and others are orders to a terminal.
 */
char *one_line(const char *text);
/* At most max characters (not bytes), the last one then an ellipsis; tabs as above. */
char *shortened(const char *text, size_t max);

/* ERROR_NOT_FOUND unless the image of that name is for the platform said, which may be NULL. */
int image_need_platform(
	const struct image_config *config, const char *name, const char *said, struct error **err);

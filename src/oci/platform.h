/* SPDX-License-Identifier: Apache-2.0 */
/* "os/architecture[/variant]", as --platform has it, and which image of an index that is. */
#pragma once

#include <stdbool.h>

#include "oci/image.h"

struct error;

struct platform {
	char *os, *architecture;
	char *variant; /* NULL: the best that runs on every such machine */
};

/* text NULL: this machine. Names that users know a machine by (aarch64, x86_64) become OCI's. */
int platform_parse(const char *text, struct platform *ret, struct error **err);
void platform_done(struct platform *platform);
/* "linux/arm64/v8"; the caller frees. */
char *platform_text(const struct platform *platform);
/* The index's entry, or ERROR_NOT_FOUND in docker's words. */
const struct descriptor *platform_select(
	const struct platform *platform, const struct manifest *index, struct error **err);
/* Images of other systems can be got and handed on, and no more. */
int platform_need_linux(const struct platform *platform, struct error **err);
/* Whether a configuration says that its image is for this platform; what it does not say fits. */
bool platform_fits(const struct platform *platform, const struct image_config *config);

static inline void platform_done_p_(struct platform *platform)
{
	platform_done(platform);
}
#define cleanup_platform CLEANUP(platform_done)

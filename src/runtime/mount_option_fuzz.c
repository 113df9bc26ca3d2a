/* SPDX-License-Identifier: Apache-2.0 */
/* Mount options come from bundles and command lines. */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/mount_option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	struct mount_options options CLEANUP(mount_options_done) = { 0 };
	cleanup_free char *text = xstrndup((const char *)data, length);
	cleanup_strv strv texts = strv_split(text, ',');
	struct error *err = NULL;

	(void)mount_options_parse(texts, &options, &err);
	error_free(err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations and manifests come from registries and archives. What is written again must parse.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "oci/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_config(const char *text, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_image_config struct image_config config = { 0 }, copy = { 0 }, again = { 0 };
	cleanup_free char *written = NULL;

	if (image_config_parse(text, size, &config, &err) < 0)
		return;
	image_config_copy(&config, &copy);
	written = image_config_text(&copy);
	if (image_config_parse(written, strlen(written), &again, &err) < 0)
		abort();
}

static void try_manifest(const char *text, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_manifest struct manifest manifest = { 0 }, again = { 0 };
	cleanup_free char *written = NULL;

	if (manifest_parse(text, size, &manifest, &err) < 0)
		return;
	(void)manifest_select(&manifest, NULL);
	written = manifest_text(&manifest);
	if (manifest_parse(written, strlen(written), &again, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_config((const char *)data, size);
	try_manifest((const char *)data, size);
	return 0;
}

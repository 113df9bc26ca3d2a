/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles come from other engines too. Writing and parsing again must lose nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_spec struct spec spec, again;
	cleanup_free char *first = NULL, *second = NULL;

	spec_init(&spec);
	spec_init(&again);
	if (spec_parse((const char *)data, size, &spec, &err) < 0)
		return 0;
	first = spec_text(&spec);
	if (spec_parse(first, strlen(first), &again, &err) < 0)
		abort();
	second = spec_text(&again);
	if (strcmp(first, second) != 0)
		abort();
	return 0;
}

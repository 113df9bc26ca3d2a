/* SPDX-License-Identifier: Apache-2.0 */
/* References come from users, Dockerfiles and archives. What is accepted must read back as itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_reference struct reference ref = { 0 }, again = { 0 };
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free char *familiar = NULL, *full = NULL, *full_again = NULL;

	if (reference_parse(text, &ref, &err) < 0)
		return 0;
	familiar = reference_familiar(&ref);
	full = reference_text(&ref);
	if (reference_parse(familiar, &again, &err) < 0)
		abort();
	full_again = reference_text(&again);
	if (strcmp(full, full_again) != 0)
		abort();
	return 0;
}

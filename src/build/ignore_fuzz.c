/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of .dockerignore and of COPY, on a path: the last line. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/glob.h"
#include "build/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_ignore struct ignore ignore = { .patterns = NULL };
	cleanup_error struct error *err = NULL;
	const char *path = strrchr(text, '\n');

	path = path ? path + 1 : text;
	if (ignore_parse("i", text, strlen(text), &ignore, &err) == 0)
		(void)ignore_excludes(&ignore, path);
	if (glob_is_valid(text))
		(void)glob_match(text, path);
	return 0;
}

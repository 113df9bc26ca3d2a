/* SPDX-License-Identifier: Apache-2.0 */
/* Headers, URLs and error documents, as a hostile registry would send them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "registry/http.h"
#include "registry/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is accepted as a URL has a host that is one, and no way to another header. */
static void try_url(const char *text)
{
	cleanup_error struct error *err = NULL;
	struct origin origin;

	if (origin_parse(text, &origin, NULL, &err) == 0 &&
		(strpbrk(text, "\r\n \\") || strpbrk(origin.host, "@/%") || !origin.host[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_error struct error *err = NULL;
	cleanup_challenge struct challenge challenge = { 0 };
	cleanup_free char *said = registry_error_text(text, strlen(text));

	if (strpbrk(said, "\x1b\r\n") || strlen(said) > 1024)
		abort();
	try_url(text);
	if (challenge_parse(text, &challenge, &err) > 0)
		try_url(challenge.realm);
	if (retry_after_s(text, 0, 1) > 120)
		abort();
	(void)content_range_check(text, 0, 1);
	return 0;
}

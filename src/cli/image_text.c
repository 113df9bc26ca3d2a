/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_text.h"

#include <string.h>

#include "base/alloc.h"
#include "oci/digest.h"

#define ID_SHORT 12
#define ELLIPSIS "\xe2\x80\xa6"

char *image_id_text(const struct digest *id, bool full)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(id, text);
	return full ? xstrdup(text) : xstrndup(text + strlen("sha256:"), ID_SHORT);
}

char *one_line(const char *text)
{
	char *copy = xstrdup(text);

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return copy;
}

/* Bytes of the first count characters, of UTF-8. */
static size_t characters_length(const char *text, size_t count)
{
	size_t at = 0;

	while (text[at] && count-- > 0)
		for (at++; ((unsigned char)text[at] & 0xc0) == 0x80;)
			at++;
	return at;
}

bool is_platform(const char *wanted, const char *os, const char *architecture, const char *variant)
{
	cleanup_free char *both = xasprintf("%s/%s", os, architecture);
	cleanup_free char *all = xasprintf("%s/%s", both, variant ? variant : "");

	return strcmp(wanted, os) == 0 || strcmp(wanted, architecture) == 0 ||
	       strcmp(wanted, both) == 0 || (variant && strcmp(wanted, all) == 0);
}

char *shortened(const char *text, size_t max)
{
	cleanup_free char *line = one_line(text);
	size_t whole = characters_length(line, max);

	if (!line[whole])
		return take_ptr(line);
	line[characters_length(line, max - 1)] = '\0';
	return xasprintf("%s" ELLIPSIS, line);
}

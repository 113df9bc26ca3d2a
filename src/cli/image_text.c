/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/digest.h"
#include "oci/platform.h"

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

int image_need_platform(
	const struct image_config *config, const char *name, const char *said, struct error **err)
{
	cleanup_platform struct platform platform = { 0 };

	if (!said || !*said)
		return 0;
	if (platform_parse(said, &platform, err) < 0)
		return -1;
	if (platform_fits(&platform, config))
		return 0;
	error_new(err, ERROR_NOT_FOUND,
		"image with reference %s was found but does not provide the specified platform "
		"(%s)",
		name, said);
	return error_hint(err, "it is for %s/%s", config->os, config->architecture);
}

char *shortened(const char *text, size_t max)
{
	cleanup_free char *line = one_line(text);

	if (line[characters_length(line, max)] == '\0')
		return xstrdup(line);
	line[characters_length(line, max - 1)] = '\0';
	return xasprintf("%s" ELLIPSIS, line);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/platform.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"
#include "oci/image.h"

/* As uname(2) and people say it. */
static const char *const aliases[][2] = {
	{ "x86_64", "amd64" },
	{ "x86-64", "amd64" },
	{ "aarch64", "arm64" },
	{ "armhf", "arm" },
	{ "i386", "386" },
};

int platform_parse(const char *text, char **ret_architecture, struct error **err)
{
	cleanup_strv strv parts = NULL;
	const char *architecture;
	size_t count;

	*ret_architecture = NULL;
	if (!text)
		return 0;
	parts = strv_split(text, '/');
	count = strv_length(parts);
	for (size_t i = 0; i < count; i++)
		if (!parts[i][0] || count > 3)
			return error_new(err, ERROR_INVALID,
				"\"%s\": a platform is os[/arch[/variant]], as in linux/amd64",
				text);
	if (strcmp(parts[0], "linux") != 0)
		return error_new(
			err, ERROR_UNSUPPORTED, "\"%s\": images here are for linux alone", text);
	architecture = count > 1 ? parts[1] : platform_architecture();
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(architecture, aliases[i][0]) == 0)
			architecture = aliases[i][1];
	*ret_architecture = xstrdup(architecture);
	return 0;
}

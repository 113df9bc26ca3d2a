/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/platform.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"

#define PART_MAX 64
#define PART_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static const struct {
	const char *said, *architecture, *variant;
} aliases[] = {
	{ "aarch64", "arm64", NULL },
	{ "x86_64", "amd64", NULL },
	{ "x86-64", "amd64", NULL },
	{ "i386", "386", NULL },
	{ "i686", "386", NULL },
	{ "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },
};

/* What an architecture means that is named without a variant, and so need not be named with. */
static const char *usual_variant(const char *architecture)
{
	if (strcmp(architecture, "arm64") == 0)
		return "v8";
	if (strcmp(architecture, "amd64") == 0)
		return "v1";
	return strcmp(architecture, "arm") == 0 ? "v7" : "";
}

static bool is_part(const char *part)
{
	size_t length = strlen(part);

	return length > 0 && length <= PART_MAX && strspn(part, PART_CHARS) == length;
}

static void set_architecture(struct platform *platform, const char *said)
{
	platform->architecture = xstrdup(said);
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++) {
		if (strcmp(aliases[i].said, said) != 0)
			continue;
		replace_string(&platform->architecture, xstrdup(aliases[i].architecture));
		platform->variant = xstrdup_null(aliases[i].variant);
	}
}

static bool is_os(const char *word)
{
	return strcmp(word, "linux") == 0 || strcmp(word, "windows") == 0;
}

static int parse_parts(char *const *parts, struct platform *ret, struct error **err)
{
	size_t count = strv_length(parts);
	bool alone = count == 1 && !is_os(parts[0]); /* an architecture */

	if (count > 3)
		return error_new(err, ERROR_INVALID, "it has more than three parts");
	for (size_t i = 0; i < count; i++)
		if (!is_part(parts[i]))
			return error_new(err, ERROR_INVALID, "'%s' is no name", parts[i]);
	ret->os = xstrdup(alone ? "linux" : parts[0]);
	set_architecture(ret, alone ? parts[0] : count > 1 ? parts[1] : platform_architecture());
	if (count == 3)
		replace_string(&ret->variant, xstrdup(parts[2]));
	/* Said or not, it is the same. */
	if (ret->variant && strcmp(ret->variant, usual_variant(ret->architecture)) == 0 &&
		strcmp(ret->architecture, "arm") != 0)
		replace_string(&ret->variant, NULL);
	return 0;
}

int platform_parse(const char *text, struct platform *ret, struct error **err)
{
	cleanup_platform struct platform platform = { 0 };
	cleanup_strv strv parts = strv_split(text ? text : "linux", '/');

	if (parse_parts(parts, &platform, err) < 0) {
		error_wrap(err, "platform '%s'", text);
		return error_hint(err, "give it as os/architecture or os/architecture/variant");
	}
	*ret = platform;
	platform = (struct platform){ 0 };
	return 0;
}

void platform_done(struct platform *platform)
{
	free(platform->os);
	free(platform->architecture);
	free(platform->variant);
	*platform = (struct platform){ 0 };
}

char *platform_text(const struct platform *platform)
{
	return xasprintf("%s/%s%s%s", platform->os, platform->architecture,
		platform->variant ? "/" : "", platform->variant ? platform->variant : "");
}

int platform_need_linux(const struct platform *platform, struct error **err)
{
	if (strcmp(platform->os, "linux") == 0)
		return 0;
	return error_new(err, ERROR_UNSUPPORTED,
		"operating system '%s' is not supported: images here are for linux", platform->os);
}

static const struct descriptor *select_variant(
	const struct platform *platform, const struct manifest *index)
{
	for (size_t i = 0; i < index->entry_count; i++) {
		const struct descriptor *entry = &index->entries[i];

		if (entry->os && entry->architecture && strcmp(entry->os, platform->os) == 0 &&
			strcmp(entry->architecture, platform->architecture) == 0 &&
			strcmp(entry->variant ? entry->variant : usual_variant(entry->architecture),
				platform->variant) == 0)
			return entry;
	}
	return NULL;
}

const struct descriptor *platform_select(
	const struct platform *platform, const struct manifest *index, struct error **err)
{
	const struct descriptor *chosen = NULL;
	cleanup_free char *text = NULL;

	if (platform->variant)
		chosen = select_variant(platform, index);
	else if (strcmp(platform->os, "linux") == 0)
		chosen = manifest_select(index, platform->architecture);
	if (chosen)
		return chosen;
	text = platform_text(platform);
	error_new(err, ERROR_NOT_FOUND, "no matching manifest for %s in the manifest list entries",
		text);
	return NULL;
}

bool platform_fits(const struct platform *platform, const struct image_config *config)
{
	if (config->os && *config->os && strcmp(config->os, platform->os) != 0)
		return false;
	if (platform->variant && config->variant && *config->variant &&
		strcmp(config->variant, platform->variant) != 0)
		return false;
	return !config->architecture || !*config->architecture ||
	       strcmp(config->architecture, platform->architecture) == 0;
}

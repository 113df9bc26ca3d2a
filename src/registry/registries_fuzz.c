/* SPDX-License-Identifier: Apache-2.0 */
/* registries.conf and daemon.json: of the machine's owner, and yet read by root. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "registry/registries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted never makes another host of a URL, nor leads up. */
static void check(const struct registries *registries)
{
	for (size_t i = 0; i < registries->count; i++) {
		const struct registry_entry *entry = &registries->entries[i];

		if (!entry->prefix || strpbrk(entry->prefix, "@?#\\\r\n ") ||
			(entry->location && (strstr(entry->location, "..") ||
						    strpbrk(entry->location, "@?#\\\r\n %"))))
			abort();
	}
	for (size_t i = 0; i < registries->hub_mirror_count; i++)
		if (strpbrk(registries->hub_mirrors[i].location, "@?#\\\r\n %"))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_registries struct registries registries = { 0 };
	cleanup_error struct error *err = NULL, *other = NULL;
	const struct registry_entry *entry;

	(void)registries_parse(&registries, "f", text, &err);
	(void)registries_parse_daemon(&registries, "f", text, &other);
	check(&registries);
	entry = registries_match(&registries, "example.com/a/b");
	if (entry) {
		cleanup_free char *becomes =
			registries_rewrite(entry, "inner/x", "example.com/a/b");

		if (strncmp(becomes, "inner/x", 7) != 0)
			abort();
	}
	(void)registries_is_insecure(&registries, "10.0.0.1:5000");
	return 0;
}

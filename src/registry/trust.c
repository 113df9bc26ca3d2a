/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/trust.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define HASH_CHARS "0123456789abcdef"
#define HASH_LENGTH 8

/* "5a3f0ff8.0" */
static bool is_hash_link(const char *name)
{
	return strspn(name, HASH_CHARS) == HASH_LENGTH && strcmp(name + HASH_LENGTH, ".0") == 0;
}

const char *trust_folder(void)
{
	static const char folder[] = "/etc/ssl/certs";
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)) != NULL) // NOLINT(concurrency-mt-unsafe)
		found = is_hash_link(entry->d_name);
	if (dir)
		closedir(dir);
	return found ? folder : NULL;
}

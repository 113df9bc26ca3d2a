/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/host.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"

#define OS_RELEASE_MAX 65536

char *host_system(void)
{
	cleanup_error struct error *missing = NULL;
	cleanup_free char *text = NULL;
	cleanup_strv strv lines = NULL;
	const char *name;

	if (file_read_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &text, &missing) < 0)
		return xstrdup("Linux");
	lines = strv_split(text, '\n');
	name = env_get(lines, "PRETTY_NAME");
	if (!name)
		return xstrdup("Linux");
	name += *name == '"';
	return xstrndup(name, strcspn(name, "\""));
}

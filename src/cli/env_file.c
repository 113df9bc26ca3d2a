/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/create_flags.h"

#define ENV_FILE_MAX (1024UL * 1024)

static void add(const char *text, strv *ret)
{
	const char *value;

	if (strchr(text, '=')) {
		strv_append(ret, text);
		return;
	}
	value = getenv(text); // NOLINT(concurrency-mt-unsafe): there are no threads
	if (value)
		strv_appendf(ret, "%s=%s", text, value);
}

void env_inherit(char *const *texts, strv *ret)
{
	for (size_t i = 0; texts && texts[i]; i++)
		add(texts[i], ret);
}

/* Quotes mean nothing here, and blanks belong to the value; only a name may not have them. */
static int add_line(char *line, bool inherit, strv *ret, struct error **err)
{
	size_t length = strlen(line), name;

	if (length > 0 && line[length - 1] == '\r')
		line[--length] = '\0';
	while (isspace((unsigned char)*line))
		line++;
	if (!*line || *line == '#')
		return 0;
	name = strcspn(line, "=");
	if (name == 0)
		return error_new(err, ERROR_INVALID, "no variable name on line '%s'", line);
	if (strcspn(line, " \t") < name)
		return error_new(err, ERROR_INVALID, "variable '%.*s' contains whitespaces",
			(int)name, line);
	if (inherit)
		add(line, ret);
	else
		strv_append(ret, line);
	return 0;
}

int env_file_read(const char *path, bool inherit, strv *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_strv strv lines = NULL;

	if (file_read_at(AT_FDCWD, path, ENV_FILE_MAX, &text, err) < 0)
		return -1;
	lines = strv_split(strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text, '\n');
	for (size_t i = 0; lines[i]; i++)
		if (add_line(lines[i], inherit, ret, err) < 0)
			return error_wrap(err, "%s: line %zu", path, i + 1);
	return 0;
}

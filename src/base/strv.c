/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

strv strv_room(size_t count)
{
	size_t room = 1;

	/* What strv_take() takes for granted. */
	while (room < count + 1)
		room *= 2;
	return xcalloc(room, sizeof(char *));
}

void strv_take(strv *v, char *text)
{
	size_t n = strv_length(*v);

	/* Always to the exact size: a vector may come from anywhere, and realloc() knows its room.
	 */
	*v = xrealloc(*v, n + 2, sizeof(char *));
	(*v)[n] = text;
	(*v)[n + 1] = NULL;
}

char *strv_append(strv *v, const char *text)
{
	char *copy = xstrdup(text);

	strv_take(v, copy);
	return copy;
}

void strv_appendf(strv *v, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	strv_take(v, text);
}

strv strv_copy(char *const *v)
{
	strv copy = NULL;

	strv_concat(&copy, v);
	return copy;
}

void strv_concat(strv *v, char *const *more)
{
	for (size_t i = 0; more && more[i]; i++)
		strv_append(v, more[i]);
}

bool strv_contains(char *const *v, const char *text)
{
	for (size_t i = 0; v && v[i]; i++)
		if (strcmp(v[i], text) == 0)
			return true;
	return false;
}

char *strv_join(char *const *v, const char *separator)
{
	size_t length = 1;
	char *joined, *out;

	for (size_t i = 0; v && v[i]; i++)
		length += strlen(v[i]) + strlen(separator);
	joined = out = xcalloc(1, length);
	for (size_t i = 0; v && v[i]; i++) {
		if (i > 0)
			out = stpcpy(out, separator);
		out = stpcpy(out, v[i]);
	}
	return joined;
}

strv strv_split(const char *text, char separator)
{
	strv parts = NULL;
	const char *end;

	while ((end = strchr(text, separator)) != NULL) {
		strv_take(&parts, xstrndup(text, (size_t)(end - text)));
		text = end + 1;
	}
	strv_append(&parts, text);
	return parts;
}

void strv_free(strv v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

static char **env_find(char *const *env, const char *name)
{
	size_t length = strlen(name);

	for (char *const *entry = env; entry && *entry; entry++)
		if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
			return (char **)entry;
	return NULL;
}

const char *env_get(char *const *env, const char *name)
{
	char **entry = env_find(env, name);

	return entry ? *entry + strlen(name) + 1 : NULL;
}

void env_set(strv *env, const char *name, const char *value)
{
	char **entry = env_find(*env, name);
	char *text = xasprintf("%s=%s", name, value);

	if (entry)
		replace_string(entry, text);
	else
		strv_take(env, text);
}

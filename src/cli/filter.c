/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <regex.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define PATTERN_MAX 256 /* regcomp(3) takes memory by what the pattern repeats */

static const char *key_end(const char *filter)
{
	return strchr(filter, '=');
}

static bool is_key(const char *filter, const char *key)
{
	size_t length = strlen(key);

	return strncmp(filter, key, length) == 0 && filter[length] == '=';
}

int filter_check(char *const *filters, const char *const *known, struct error **err)
{
	for (size_t i = 0; filters && filters[i]; i++) {
		const char *end = key_end(filters[i]);
		bool found = false;

		if (!end || end == filters[i])
			return error_new(err, ERROR_INVALID,
				"invalid filter '%s': bad format (expected name=value)",
				filters[i]);
		for (size_t k = 0; known[k] && !found; k++)
			found = is_key(filters[i], known[k]);
		if (!found) {
			cleanup_free char *list = strv_join((strv)known, ", ");

			error_new(err, ERROR_INVALID, "invalid filter '%.*s'",
				(int)(end - filters[i]), filters[i]);
			return error_hint(err, "filters of this command: %s", list);
		}
	}
	return 0;
}

const char *filter_value(char *const *filters, const char *key, size_t n)
{
	for (; filters && *filters; filters++)
		if (is_key(*filters, key) && n-- == 0)
			return key_end(*filters) + 1;
	return NULL;
}

bool filter_match(char *const *filters,
	bool (*match)(const char *key, const char *value, void *arg), void *arg)
{
	for (size_t i = 0; filters && filters[i]; i++) {
		cleanup_free char *key =
			xstrndup(filters[i], (size_t)(key_end(filters[i]) - filters[i]));
		bool all = strcmp(key, "label") == 0, holds = all;
		const char *value;

		for (size_t n = 0; (value = filter_value(filters, key, n)) != NULL; n++)
			holds = all ? holds && match(key, value, arg)
				    : holds || match(key, value, arg);
		if (!holds)
			return false;
	}
	return true;
}

bool filter_label(char *const *labels, const char *wanted)
{
	size_t length = strcspn(wanted, "=");

	for (; labels && *labels; labels++) {
		if (wanted[length]
				? strcmp(*labels, wanted) == 0
				: strncmp(*labels, wanted, length) == 0 && (*labels)[length] == '=')
			return true;
	}
	return false;
}

bool filter_pattern(const char *text, const char *pattern)
{
	regex_t compiled;
	bool matches;

	if (strlen(pattern) > PATTERN_MAX ||
		regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return strstr(text, pattern) != NULL;
	matches = regexec(&compiled, text, 0, NULL, 0) == 0;
	regfree(&compiled);
	return matches;
}

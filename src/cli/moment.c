/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moment.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/parse.h"

/* Without a zone it is this machine's time. */
static int parse_local(const char *text, int64_t *ret_ns)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
		"%Y-%m-%d" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *rest = strptime(text, forms[i], &tm);
		bool utc = rest && strcmp(rest, "Z") == 0;

		if (!rest || (*rest && !utc))
			continue;
		*ret_ns = (int64_t)(utc ? timegm(&tm) : mktime(&tm)) * INT64_C(1000000000);
		return 0;
	}
	return -1;
}

int moment_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	int64_t value = 0;

	if (*text && text[strspn(text, "0123456789.")] == '\0' &&
		decimal_parse(text, &value, &ignored) == 0) {
		*ret_ns = value;
		return 0;
	}
	error_free(take_ptr(ignored));
	if (duration_parse(text, &value, &ignored) == 0) {
		*ret_ns = now_ns - value;
		return 0;
	}
	error_free(take_ptr(ignored));
	if (clock_parse(text, &value, &ignored) == 0 || parse_local(text, &value) == 0) {
		*ret_ns = value;
		return 0;
	}
	error_new(err, ERROR_INVALID, "'%s' is not a point in time", text);
	return error_hint(err, "write 10m, 1h30m, 2026-01-31T01:02:03Z or seconds since 1970");
}

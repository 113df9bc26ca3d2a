/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with a point, read without floating point: --cpus and Go's durations. */
#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "cli/parse.h"

#define NANO INT64_C(1000000000)

/*
 * Digits with at most one point, scaled by unit; digits too fine for it are an error when exact.
 * Returns where reading stopped, or NULL when there were no digits or the value does not fit.
 */
static const char *scaled_parse(const char *text, int64_t unit, bool exact, int64_t *ret)
{
	int64_t value = 0;
	bool digits = false;

	for (; isdigit((unsigned char)*text); text++, digits = true) {
		int64_t add = (int64_t)(*text - '0') * unit;

		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, add, &value))
			return NULL;
	}
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text); text++, digits = true) {
			if (exact && unit < 10 && *text != '0')
				return NULL;
			unit /= 10;
			if (__builtin_add_overflow(value, (int64_t)(*text - '0') * unit, &value))
				return NULL;
		}
	}
	*ret = value;
	return digits ? text : NULL;
}

int decimal_parse(const char *text, int64_t *ret_nano, struct error **err)
{
	int64_t value = 0;
	const char *rest = scaled_parse(text, NANO, true, &value);

	if (!rest || *rest)
		return error_new(
			err, ERROR_INVALID, "failed to parse %s as a rational number", text);
	*ret_nano = value;
	return 0;
}

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	/* longer names first where one begins with the other */
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 },
	{ "\xce\xbcs", 1000 },
	{ "ms", 1000000 },
	{ "s", NANO },
	{ "m", 60 * NANO },
	{ "h", 3600 * NANO },
};

/* The unit that text begins with: its name's length, and what it counts in nanoseconds. */
static size_t find_unit(const char *text, int64_t *ret_ns)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(text, units[i].name, length) == 0) {
			*ret_ns = units[i].ns;
			return length;
		}
	}
	return 0;
}

int duration_parse(const char *text, int64_t *ret_ns, struct error **err)
{
	const char *rest = text;
	bool negative = *rest == '-';
	int64_t total = 0;

	rest += *rest == '-' || *rest == '+';
	if (strcmp(rest, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*rest)
		goto bad;
	while (*rest) {
		size_t digits = strspn(rest, "0123456789.");
		int64_t unit = 0, part = 0;
		size_t length = find_unit(rest + digits, &unit);
		const char *end = length ? scaled_parse(rest, unit, false, &part) : NULL;

		if (end != rest + digits || __builtin_add_overflow(total, part, &total))
			goto bad;
		rest = end + length;
	}
	*ret_ns = negative ? -total : total;
	return 0;
bad:
	return error_new(err, ERROR_INVALID, "time: invalid duration \"%s\"", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/health.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#define MILLISECOND INT64_C(1000000)

static const struct unit {
	const char *name;
	double ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1e3 },
	{ "\xc2\xb5s", 1e3 }, /* the micro sign */
	{ "\xce\xbcs", 1e3 }, /* the Greek letter */
	{ "ms", 1e6 },
	{ "s", 1e9 },
	{ "m", 60e9 },
	{ "h", 3600e9 },
};

/* "1m30s", "500ms", "0": numbers with units, as Go reads them. */
static int parse_duration(const char *text, int64_t *ret)
{
	const char *at = text;
	double sum = 0;

	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	while (*at) {
		char *end = NULL;
		size_t unit = 0, length, n = strspn(at, "0123456789.");
		double number = n > 0 ? strtod(at, &end) : -1;

		if (number < 0 || end != at + n)
			return -1;
		length = strcspn(end, "0123456789.");
		while (unit < sizeof(units) / sizeof(units[0]) &&
			(strlen(units[unit].name) != length ||
				memcmp(units[unit].name, end, length) != 0))
			unit++;
		if (unit == sizeof(units) / sizeof(units[0]))
			return -1;
		sum += number * units[unit].ns;
		at = end + length;
	}
	if (at == text || sum > (double)INT64_MAX / 2)
		return -1;
	*ret = (int64_t)(sum + 0.5);
	return 0;
}

static int put_duration(const struct instruction *instruction, const char *flag, const char *member,
	struct json_object *health, struct error **err)
{
	const char *text = instruction_flag(instruction, flag);
	int64_t ns = 0;

	if (!text || !*text)
		return 0;
	if (parse_duration(text, &ns) < 0)
		return error_new(err, ERROR_INVALID,
			"--%s: '%.40s' is not a duration such as 30s or 1m30s", flag, text);
	if (ns != 0 && ns < MILLISECOND)
		return error_new(err, ERROR_INVALID, "--%s: '%.40s' is less than 1ms", flag, text);
	if (ns != 0)
		json_put_int(health, member, ns);
	return 0;
}

static int put_retries(
	const struct instruction *instruction, struct json_object *health, struct error **err)
{
	const char *text = instruction_flag(instruction, "retries");
	char *end;
	long retries;

	if (!text || !*text)
		return 0;
	errno = 0;
	retries = strtol(text, &end, 10);
	if (*end || errno || retries < 0 || retries > INT_MAX)
		return error_new(
			err, ERROR_INVALID, "--retries: '%.40s' is not a number from 0 on", text);
	if (retries > 0)
		json_put_int(health, "Retries", retries);
	return 0;
}

static int put_test(
	const struct instruction *instruction, struct json_object *health, struct error **err)
{
	cleanup_strv strv test = NULL;

	if (strcasecmp(instruction->args[0], "NONE") == 0) {
		if (instruction->args[1] || instruction->flags)
			return error_new(err, ERROR_INVALID, "HEALTHCHECK NONE takes nothing more");
		strv_append(&test, "NONE");
	} else if (strcasecmp(instruction->args[0], "CMD") == 0) {
		if (!instruction->args[1])
			return error_new(err, ERROR_INVALID, "HEALTHCHECK CMD needs a command");
		strv_append(&test, instruction->json ? "CMD" : "CMD-SHELL");
		strv_concat(&test, instruction->args + 1);
	} else {
		return error_new(err, ERROR_INVALID, "HEALTHCHECK needs NONE or CMD, not '%.40s'",
			instruction->args[0]);
	}
	json_put_strv(health, "Test", test);
	return 0;
}

int health_parse(
	const struct instruction *instruction, struct json_object **ret, struct error **err)
{
	static const struct {
		const char *flag, *member;
	} durations[] = { { "interval", "Interval" }, { "timeout", "Timeout" },
		{ "start-period", "StartPeriod" }, { "start-interval", "StartInterval" } };
	cleanup_json struct json_object *health = json_object_new_object();

	if (put_test(instruction, health, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		if (put_duration(instruction, durations[i].flag, durations[i].member, health, err) <
			0)
			return -1;
	if (put_retries(instruction, health, err) < 0)
		return -1;
	*ret = take_ptr(health);
	return 0;
}

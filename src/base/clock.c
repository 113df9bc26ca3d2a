/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

#define SECOND INT64_C(1000000000)

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

struct date {
	int year, month, day;
};

/* Of days since 1970-01-01. Years are counted from March: a leap day is the last of its year, and
 * the months before it have 153 days in five. gmtime_r(3) would read the host's time zone first. */
static struct date date_of(int64_t days)
{
	int64_t since = days + 719468; /* from 0000-03-01 */
	int64_t era = since / 146097, of_era = since % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	return (struct date){ .year = (int)(year + era * 400 + (month >= 10)),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(of_year - (153 * month + 2) / 5 + 1) };
}

const char *clock_text(int64_t ns, char buf[static CLOCK_TEXT_MAX])
{
	int64_t seconds = ns / SECOND;
	int of_day = (int)(seconds % 86400);
	struct date date = date_of(seconds / 86400);

	if (ns <= 0) {
		strcpy(buf, CLOCK_NEVER); // NOLINT: a constant that fits
		return buf;
	}
	snprintf(buf, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", date.year, date.month,
		date.day, of_day / 3600, of_day / 60 % 60, of_day % 60, (long)(ns % SECOND));
	return buf;
}

/* "Z", "+01:00" or "-0530"; seconds east of UTC, or -1 in *ok when it is none of these. */
static long parse_offset(const char *text, int *ok)
{
	int hours, minutes, used = 0;

	*ok = 1;
	if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0')
		return 0;
	if ((text[0] != '+' && text[0] != '-') ||
		sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
		text[1 + used] != '\0' || hours > 23 || minutes > 59) {
		*ok = 0;
		return 0;
	}
	return (hours * 3600L + minutes * 60L) * (text[0] == '-' ? -1 : 1);
}

int clock_parse(const char *text, int64_t *ret_ns, struct error **err)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t fraction = 0, unit = SECOND / 10;
	int ok = rest != NULL;
	long offset;

	if (ok && *rest == '.')
		for (rest++; isdigit((unsigned char)*rest); rest++, unit /= 10)
			fraction += (*rest - '0') * unit;
	offset = ok ? parse_offset(rest, &ok) : 0;
	if (!ok)
		return error_new(
			err, ERROR_INVALID, "'%s' is not a time like 2026-01-31T01:02:03Z", text);
	*ret_ns = ((int64_t)timegm(&tm) - offset) * SECOND + fraction;
	return 0;
}

const char *clock_human(int64_t ns, char buf[static CLOCK_TEXT_MAX])
{
	int64_t s = ns / SECOND, m = s / 60, h = (m + 30) / 60;

	if (s < 1)
		snprintf(buf, CLOCK_TEXT_MAX, "Less than a second");
	else if (s < 60)
		snprintf(buf, CLOCK_TEXT_MAX, "%ld second%s", (long)s, s == 1 ? "" : "s");
	else if (m == 1)
		snprintf(buf, CLOCK_TEXT_MAX, "About a minute");
	else if (m < 60)
		snprintf(buf, CLOCK_TEXT_MAX, "%ld minutes", (long)m);
	else if (h == 1)
		snprintf(buf, CLOCK_TEXT_MAX, "About an hour");
	else if (h < 48)
		snprintf(buf, CLOCK_TEXT_MAX, "%ld hours", (long)h);
	else if (h < 24L * 7 * 2)
		snprintf(buf, CLOCK_TEXT_MAX, "%ld days", (long)(h / 24));
	else if (h < 24L * 30 * 2)
		snprintf(buf, CLOCK_TEXT_MAX, "%ld weeks", (long)(h / (24L * 7)));
	else if (h < 24L * 365 * 2)
		snprintf(buf, CLOCK_TEXT_MAX, "%ld months", (long)(h / (24L * 30)));
	else
		snprintf(buf, CLOCK_TEXT_MAX, "%ld years", (long)h / 24 / 365);
	return buf;
}

static const char *scaled(
	uint64_t bytes, double base, const char *const units[], int digits, char *buf)
{
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= base && units[unit + 1]) {
		value /= base;
		unit++;
	}
	snprintf(buf, CLOCK_TEXT_MAX, "%.*g%s", digits, value, units[unit]);
	return buf;
}

const char *size_human(uint64_t bytes, char buf[static CLOCK_TEXT_MAX])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB", NULL };

	return scaled(bytes, 1000, units, 3, buf);
}

const char *size_binary(uint64_t bytes, char buf[static CLOCK_TEXT_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", NULL };

	return scaled(bytes, 1024, units, 4, buf);
}

/* "", "b", "k", "kb", "kib" in any case: the factor, or 0. */
static double unit_factor(const char *unit)
{
	static const char letters[] = "kmgtp";
	const char *letter = *unit ? strchr(letters, *unit | 0x20) : NULL;
	double factor = 1;

	if (letter) {
		for (const char *l = letters; l <= letter; l++)
			factor *= 1024;
		unit++;
		if (strcasecmp(unit, "ib") == 0)
			unit += 2;
	}
	return !*unit || strcasecmp(unit, "b") == 0 ? factor : 0;
}

int size_parse(const char *text, int64_t *ret, struct error **err)
{
	bool is_number = text[0] == '.' || isdigit((unsigned char)text[0]);
	char *unit = NULL;
	double value = is_number ? strtod(text, &unit) : 0;
	double factor = is_number ? unit_factor(unit + strspn(unit, " ")) : 0;

	if (factor > 0 && value * factor < 9e18) {
		*ret = (int64_t)(value * factor);
		return 0;
	}
	error_new(err, ERROR_INVALID, "'%s' is not a size", text);
	return error_hint(err, "write a number and a unit: 512m, 2g, 1.5GiB");
}

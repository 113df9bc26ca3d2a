/* SPDX-License-Identifier: Apache-2.0 */
/* Times as Docker writes them, sizes and durations as people do. Nanoseconds since 1970 are int64.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;

#define CLOCK_TEXT_MAX 40
#define CLOCK_NEVER "0001-01-01T00:00:00Z" /* what Docker prints for a time that was not */

int64_t clock_now_ns(void);
int64_t clock_monotonic_ns(void);
/* "2026-01-31T01:02:03.000000004Z"; returns buf. ns <= 0 gives CLOCK_NEVER. */
const char *clock_text(int64_t ns, char buf[static CLOCK_TEXT_MAX]);
/* RFC 3339, with or without fraction, Z or an offset. */
int clock_parse(const char *text, int64_t *ret_ns, struct error **err);
/* "4 seconds", "About a minute", "3 weeks": Docker's units.HumanDuration. Returns buf. */
const char *clock_human(int64_t ns, char buf[static CLOCK_TEXT_MAX]);
/* "277MB" (base 1000, four digits at most): units.HumanSize. Returns buf. */
const char *size_human(uint64_t bytes, char buf[static CLOCK_TEXT_MAX]);
/* "1.5GiB" (base 1024): units.BytesSize. Returns buf. */
const char *size_binary(uint64_t bytes, char buf[static CLOCK_TEXT_MAX]);
/* "512m", "2g", "1.5GiB", base 1024 as docker's -m takes it. */
int size_parse(const char *text, int64_t *ret, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line reader on arbitrary bytes (a log can be edited, or damaged by a disk), and the writer's
 * encoder: what it makes of any bytes must be read back as a line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "monitor/log.h"
#include "monitor/log_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "{\"log\":\"",
			  tail[] = "\",\"stream\":\"stdout\",\"time\":\"\"}";
	cleanup_free char *line = NULL, *made = NULL;
	struct log_line parsed;
	char *at;

	if (size > LOG_PART_MAX)
		return 0;
	line = xcalloc(1, size); /* of its exact size: a step beyond is seen */
	memcpy(line, data, size);
	(void)log_parse_line(line, size, &parsed);
	made = xcalloc(1, size * LOG_ESCAPED_MAX + LOG_ENVELOPE_MAX);
	memcpy(made, head, sizeof(head) - 1);
	at = log_escape(made + sizeof(head) - 1, (const char *)data, size);
	memcpy(at, tail, sizeof(tail));
	if (!log_parse_line(made, (size_t)(at - made) + sizeof(tail) - 1, &parsed))
		abort();
	return 0;
}

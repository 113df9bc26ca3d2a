/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a json-file log, made and taken apart by hand: a log is written and read at the
 * speed of the program that makes it, where a JSON library would take most of the time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct log_line;

#define LOG_PART_MAX 16384 /* bytes of the program in one line, newline included */
#define LOG_ESCAPED_MAX 6 /* bytes that one byte can become: \u001b */
/* {"log":"…","stream":"stderr","time":"…"} around it, generously. */
#define LOG_ENVELOPE_MAX 128
#define LOG_LINE_MAX (LOG_PART_MAX * LOG_ESCAPED_MAX + LOG_ENVELOPE_MAX)

/*
 * Writes data as the inside of a JSON string, at most LOG_ESCAPED_MAX bytes for each, and returns
 * the end. Valid UTF-8 passes through; each byte that is not becomes U+FFFD, as Go's encoder does.
 */
char *log_escape(char *out, const char *data, size_t length);
/* The longest prefix that does not end within a UTF-8 character; length if it is not UTF-8. */
size_t log_whole_characters(const char *data, size_t length);
/*
 * Takes a line (without its newline) apart, in place: the texts of *ret point into it. False when
 * it is not such a line. time_ns is not filled in.
 */
bool log_parse_line(char *line, size_t length, struct log_line *ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* Characters in patterns are those of UTF-8; a byte that is not UTF-8 is a character of its own. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at text, at least 1 (so text must not be at its end). */
static inline size_t utf8_length(const char *text)
{
	unsigned char c = (unsigned char)*text;
	size_t length = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;

	for (size_t i = 1; i < length; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
	return length;
}

/* Its code point; bytes that are not UTF-8 come behind all real ones. */
static inline uint32_t utf8_rune(const char *text)
{
	size_t length = utf8_length(text);
	unsigned char c = (unsigned char)*text;
	uint32_t rune;

	if (length == 1)
		return c < 0x80 ? c : UINT32_C(0x110000) + c;
	rune = c & (0xffU >> (length + 1));
	for (size_t i = 1; i < length; i++)
		rune = rune << 6 | ((unsigned char)text[i] & 0x3fU);
	return rune;
}

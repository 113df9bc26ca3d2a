/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t length)
{
	const uint8_t *in = data;
	char *text = xcalloc((length + 2) / 3 * 4 + 1, 1), *out = text;

	for (size_t i = 0; i < length; i += 3, out += 4) {
		size_t left = length - i;
		uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				(left > 2 ? in[i + 2] : 0);

		for (unsigned int k = 0; k < 4; k++)
			out[k] = (char)(k <= left ? alphabet[bits >> (18 - 6 * k) & 63] : '=');
	}
	return text;
}

ssize_t base64_decode(const char *text, char **ret)
{
	size_t digits = strspn(text, alphabet), padding = strspn(text + digits, "=");
	cleanup_free char *out = xcalloc(digits / 4 * 3 + 3, 1);
	uint32_t bits = 0;
	size_t length = 0;

	if (text[digits + padding] || digits % 4 == 1 ||
		(padding > 0 && (padding > 2 || (digits + padding) % 4 != 0)))
		return -1;
	for (size_t i = 0; i < digits; i++) {
		/* strspn() has found it there */
		bits = bits << 6 | (uint32_t)(strchr(alphabet, text[i]) - alphabet);
		if (i % 4 > 0)
			out[length++] = (char)(bits >> (6 - i % 4 * 2));
	}
	*ret = take_ptr(out);
	return (ssize_t)length;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char digits[] = "0123456789abcdef";

void random_bytes(void *ret, size_t length)
{
	/* Up to 256 bytes getrandom() is neither short nor interrupted (random(7)). */
	if (length > 256 || getrandom(ret, length, 0) != (ssize_t)length)
		abort();
}

void hex_encode(const void *data, size_t length, char *ret)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 0xf];
	}
	*ret = '\0';
}

void id_make(char ret[static ID_MAX])
{
	unsigned char bytes[ID_LENGTH / 2];

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), ret);
}

bool id_is_prefix(const char *text)
{
	size_t length = strspn(text, digits);

	return length > 0 && length <= ID_LENGTH && text[length] == '\0';
}

bool id_is_valid(const char *text)
{
	return id_is_prefix(text) && strlen(text) == ID_LENGTH;
}

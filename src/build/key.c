/* SPDX-License-Identifier: Apache-2.0 */
#include "build/key.h"

#include <string.h>

static void put_number(struct sha256 *sha, uint64_t number)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	sha256_update(sha, bytes, sizeof(bytes));
}

void key_bytes(struct sha256 *sha, const void *data, size_t length)
{
	put_number(sha, length);
	sha256_update(sha, data, length);
}

void key_text(struct sha256 *sha, const char *text)
{
	if (text)
		key_bytes(sha, text, strlen(text));
	else
		put_number(sha, UINT64_MAX);
}

void key_number(struct sha256 *sha, uint64_t number)
{
	put_number(sha, number);
}

void key_list(struct sha256 *sha, char *const *list)
{
	put_number(sha, strv_length(list));
	for (size_t i = 0; list && list[i]; i++)
		key_text(sha, list[i]);
}

void key_begin(struct sha256 *sha, const char *kind)
{
	sha256_init(sha);
	key_text(sha, KEY_VERSION);
	key_text(sha, kind);
}

void key_end(struct sha256 *sha, char ret[static ID_MAX])
{
	uint8_t digest[32];

	sha256_final(sha, digest);
	hex_encode(digest, sizeof(digest), ret);
}

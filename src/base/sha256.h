/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, streaming (FIPS 180-4), by libcrypto's low-level code: no provider is loaded. */
#pragma once

#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

struct sha256 {
	SHA256_CTX ctx;
};

void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *data, size_t length);
void sha256_final(struct sha256 *sha, uint8_t ret[static 32]);
void sha256_bytes(const void *data, size_t length, uint8_t ret[static 32]);

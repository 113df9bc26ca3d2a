/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level calls are deprecated in OpenSSL 3 and kept in its ABI; EVP would load a provider.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.h"

void sha256_init(struct sha256 *sha)
{
	SHA256_Init(&sha->ctx);
}

void sha256_update(struct sha256 *sha, const void *data, size_t length)
{
	SHA256_Update(&sha->ctx, data, length);
}

void sha256_final(struct sha256 *sha, uint8_t ret[static 32])
{
	SHA256_Final(ret, &sha->ctx);
}

void sha256_bytes(const void *data, size_t length, uint8_t ret[static 32])
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, data, length);
	sha256_final(&sha, ret);
}

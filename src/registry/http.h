/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of HTTP's headers (RFC 9110), and how long to wait before asking again. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct error;

/* "Bearer realm=...,service=...": NULL where not given. */
struct challenge {
	char *realm, *service;
};
/* From a WWW-Authenticate header: 1, or 0 when it asks for something else than a bearer token. */
int challenge_parse(const char *header, struct challenge *ret, struct error **err);
void challenge_done(struct challenge *challenge);

/* "bytes 10-19/20": 0 when it begins at offset and the whole is size bytes, else -1. */
int content_range_check(const char *header, int64_t offset, int64_t size);
/* Seconds of a Retry-After header (a number, or a date after now_s), from 1 to 120; fallback when
 * there is none that can be read. */
int64_t retry_after_s(const char *header, int64_t now_s, int64_t fallback);
/* Milliseconds before the n-th retry (from 0): 500 doubled up to 8000, a quarter more or less.
 * random is any number. */
int64_t backoff_ms(int retry, uint32_t random);
/* "text/plain; charset=utf-8" without what follows the type, in lower case; the caller frees. */
char *media_type_of(const char *content_type);
/* The messages of a registry's error document, or the beginning of another text, safe to print and
 * at most 1 KiB; "" when there is none. The caller frees. */
char *registry_error_text(const char *body, size_t length);

static inline void challenge_done_p_(struct challenge *challenge)
{
	challenge_done(challenge);
}
#define cleanup_challenge CLEANUP(challenge_done)

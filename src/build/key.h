/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache keys: SHA-256 over parts that each carry their length, so that no two lists of parts read
 * the same.
 */
#pragma once

#include "base/id.h"
#include "base/sha256.h"
#include "base/strv.h"

/* Written before every key; another number forgets every cache of before. */
#define KEY_VERSION "vessel-build-1"

void key_begin(struct sha256 *sha, const char *kind);
void key_bytes(struct sha256 *sha, const void *data, size_t length);
void key_text(struct sha256 *sha, const char *text); /* NULL differs from "" */
void key_number(struct sha256 *sha, uint64_t number);
void key_list(struct sha256 *sha, char *const *list);
/* As hex digits. */
void key_end(struct sha256 *sha, char ret[static ID_MAX]);

/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of containers and the like: 32 random bytes as 64 lower-case hex digits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ID_LENGTH 64
#define ID_MAX (ID_LENGTH + 1) /* with the NUL */
#define ID_SHORT 12

struct error;

void id_make(char ret[static ID_MAX]);
bool id_is_valid(const char *text); /* exactly 64 lower-case hex digits */
bool id_is_prefix(const char *text); /* 1 to 64 of them */
/* Random bytes from the kernel; never fails. */
void random_bytes(void *ret, size_t length);
void hex_encode(const void *data, size_t length, char *ret); /* writes 2 * length + 1 */

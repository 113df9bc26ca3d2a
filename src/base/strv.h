/* SPDX-License-Identifier: Apache-2.0 */
/* String vectors: NULL-terminated arrays of owned strings, as execve() takes them. NULL is an empty
 * one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

typedef char **strv; /* the one typedef: __attribute__((cleanup)) and const read better with it */

size_t strv_length(char *const *v);
/* An empty one with room for count strings, to be filled in by index. An array from elsewhere must
 * never be appended to: its room is not known. */
strv strv_room(size_t count);
/* Appends a copy; returns the copy. */
char *strv_append(strv *v, const char *text);
/* Takes over an allocated string. */
void strv_take(strv *v, char *text);
void strv_appendf(strv *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
strv strv_copy(char *const *v);
void strv_concat(strv *v, char *const *more);
bool strv_contains(char *const *v, const char *text);
char *strv_join(char *const *v, const char *separator);
/* Parts between separators, empty ones kept; "" gives one empty part. */
strv strv_split(const char *text, char separator);
void strv_free(strv v);

/* Environments: "NAME=value" entries. */
const char *env_get(char *const *env, const char *name); /* NULL when unset */
/* Sets or replaces, keeping the place of an old entry. */
void env_set(strv *env, const char *name, const char *value);

DEFINE_CLEANUP(strv, strv_free)
#define cleanup_strv CLEANUP(strv_free)

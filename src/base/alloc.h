/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small allocations of fixed or checked size: they abort when memory is exhausted,
 * so callers have no failure to handle. A size that comes from outside goes
 * through base/buf.h, which has a ceiling.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrdup_null(const char *text); /* NULL stays NULL */
char *xstrndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((malloc, returns_nonnull));

/* Frees what *owner holds and puts an owned value in its place. */
void replace_string(char **owner, char *value);

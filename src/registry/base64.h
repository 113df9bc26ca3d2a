/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648, the alphabet with '+' and '/': what configuration files and Basic authentication use.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The caller frees. */
char *base64_encode(const void *data, size_t length);
/* Length of *ret, which is NUL-terminated and the caller's; -1 when text is nothing of the kind.
 * Padding may be missing, nothing else may. */
ssize_t base64_decode(const char *text, char **ret);

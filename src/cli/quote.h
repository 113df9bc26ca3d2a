/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as Go prints them: quoted, as JSON, shortened. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/buf.h"

/* strconv.Quote: "a\tb\"c" with its quotes. */
void quote_go(struct buf *out, const char *text, size_t length);
/* encoding/json, without its HTML escapes; members of maps are sorted (see template_mark()). */
void quote_json(struct buf *out, struct json_object *value);
/* At most width characters (not bytes), the last one "…" when something was cut. The caller frees.
 */
char *quote_ellipsis(const char *text, size_t width);
/* The length of the UTF-8 sequence at text (of at most length bytes) and its code point; broken
 * ones are 1 and -1. */
size_t quote_rune(const char *text, size_t length, long *ret);

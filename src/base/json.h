/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and making JSON over json-c: strict, of bounded depth and size, and with
 * errors that name the member. What is digested is never made again from parsed form.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/strv.h"

struct error;

#define JSON_DEPTH_MAX 64

/* Takes exactly one value with nothing after it; what names it in errors. */
int json_parse(const char *text, size_t length, const char *what, struct json_object **ret,
	struct error **err);

/*
 * Members. Each returns 1 and fills *ret when the member is there (and not null), 0 when
 * it is not, -1 when it has another type. Strings are borrowed from obj unless said otherwise.
 */
int json_get(struct json_object *obj, const char *key, enum json_type type,
	struct json_object **ret, struct error **err);
int json_get_text(struct json_object *obj, const char *key, const char **ret, struct error **err);
int json_get_bool(struct json_object *obj, const char *key, bool *ret, struct error **err);
int json_get_int(struct json_object *obj, const char *key, int64_t *ret, struct error **err);
/* Array of strings, copied. */
int json_get_strv(struct json_object *obj, const char *key, strv *ret, struct error **err);

/* Making: obj takes the value over; a NULL text or vector adds nothing. */
void json_put(struct json_object *obj, const char *key, struct json_object *value);
void json_put_text(struct json_object *obj, const char *key, const char *text);
void json_put_bool(struct json_object *obj, const char *key, bool value);
void json_put_int(struct json_object *obj, const char *key, int64_t value);
void json_put_strv(struct json_object *obj, const char *key, char *const *v);
struct json_object *json_from_strv(char *const *v); /* [] for NULL */

/* One line, slashes not escaped; the caller frees it. */
char *json_compact(struct json_object *obj);
/* Indented by four spaces, as docker inspect prints. */
char *json_pretty(struct json_object *obj);

static inline void json_release(struct json_object *obj)
{
	json_object_put(obj);
}
DEFINE_CLEANUP(struct json_object *, json_release)
#define cleanup_json CLEANUP(json_release)

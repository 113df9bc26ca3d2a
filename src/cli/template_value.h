/* SPDX-License-Identifier: Apache-2.0 */
/* Values of templates: JSON objects, seen as Go would see them. NULL is nil. For the template_*.c
 * files and cli/quote.c only. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/template.h"

struct error;

enum template_mark value_mark(struct json_object *value);
bool value_truth(struct json_object *value);
/* Names of an object's members, as Go iterates: a struct's in order, a map's sorted. Borrowed from
 * value; the caller frees the array. */
const char **value_keys(struct json_object *value, size_t *ret_count);
/* fmt's %v. */
void value_print(struct buf *out, struct json_object *value);
/* "string", "int", "map[string]interface {}", for errors. */
const char *value_type(struct json_object *value);
static inline bool value_is(struct json_object *value, enum json_type type)
{
	return json_object_is_type(value, type);
}
static inline bool value_is_number(struct json_object *value)
{
	return value_is(value, json_type_int) || value_is(value, json_type_double);
}
struct json_object *value_text(const char *text, size_t length);

/* fmt.Sprintf, Sprint, Sprintln. */
void value_printf(
	struct buf *out, const char *format, struct json_object *const *args, size_t count);
void value_sprint(struct buf *out, struct json_object *const *args, size_t count, bool line);

/* ---- functions ---- */
struct template_call {
	const struct template_host *host;
	struct json_object *const *args; /* borrowed */
	size_t count;
};
struct template_function {
	const char *name;
	int min_args, max_args; /* max_args < 0: any number */
	/* *ret is a new reference, or NULL for nil */
	int (*call)(const struct template_call *call, struct json_object **ret, struct error **err);
};
/* NULL when there is none of that name. */
const struct template_function *template_function(const char *name, size_t length);

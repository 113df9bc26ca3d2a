/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's text/template over JSON values, as --format wants it: the whole action language except
 * define, template and block, with Docker's functions.
 *
 * Go distinguishes what JSON does not: a missing key of a map prints "<no value>", a missing field
 * of a struct is an error, and an unset slice prints "[]". Whoever prepares the data says which is
 * which: template_mark() tags a value, and what is not tagged is a struct.
 *
 * A template comes from the user, so it may be wrong but not hostile; the interpreter still has
 * ceilings on depth, steps and output, since CI systems pass on what others wrote.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct error;
struct template;

enum template_mark {
	TEMPLATE_STRUCT, /* the default */
	TEMPLATE_MAP, /* a missing key is no error; members print by name */
	TEMPLATE_NIL, /* an empty object or array that stands for an unset map or slice */
};
void template_mark(struct json_object *value, enum template_mark mark);

struct template_method { /* a call such as .Label "x" */
	const char *name;
	struct json_object *const *args;
	size_t count;
};

struct template_host { /* any may be NULL */
	/* Method-style calls on the root: *ret is new. 1, 0 when there is no such method. */
	int (*method)(const struct template_method *call, const void *arg, struct json_object **ret,
		struct error **err);
	const void *arg;
	const char *type; /* of the root, for "can't evaluate field X in type ..." */
	bool header; /* json, title, truncate… leave their argument as it is: a table's header */
};

int template_parse(const char *text, struct template **ret, struct error **err);
/* Appends to out. */
int template_run(const struct template *template, struct json_object *data,
	const struct template_host *host, struct buf *out, struct error **err);
/* Whether it asks for .field of something; "." alone counts as all fields when whole is set. */
bool template_uses(const struct template *template, const char *field, bool whole);
void template_free(struct template *template);

static inline void template_free_p_(struct template **template)
{
	template_free(*template);
}
#define cleanup_template CLEANUP(template_free)

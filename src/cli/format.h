/* SPDX-License-Identifier: Apache-2.0 */
/* --format of commands that list things: "table", "table TEMPLATE", "json", "TEMPLATE". A row is a
 * JSON object whose members are the placeholders. */
#pragma once

#include <stdio.h>

#include "cli/template.h"

struct error;
struct format;

struct format_column {
	const char *field, *header;
};

struct format_kind {
	const char *table; /* the template of the default table */
	const struct format_column *columns; /* headers of all fields; ends with an empty entry */
	struct template_host host;
};

/* text NULL or "" or "table": the default table. */
int format_open(
	const char *text, const struct format_kind *kind, struct format **ret, struct error **err);
/* Whether rows need this field: asked for by name, or as a part of all. */
bool format_needs(const struct format *format, const char *field);
/* By name alone. */
bool format_names(const struct format *format, const char *field);
/* arg is what the kind's method gets. */
int format_row(struct format *format, struct json_object *row, const void *arg, struct error **err);
/* Prints header and rows, and forgets the rows. */
int format_print(struct format *format, FILE *out, struct error **err);
void format_free(struct format *format);
/* One object by a template or "json", as inspect, info and version do it. */
int format_object(FILE *out, const char *text, struct json_object *object, struct error **err);

static inline void format_free_p_(struct format **format)
{
	format_free(*format);
}
#define cleanup_format CLEANUP(format_free)

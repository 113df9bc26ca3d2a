/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* The addresses are the marks. */
static char marks[TEMPLATE_NIL + 1];

void template_mark(struct json_object *value, enum template_mark mark)
{
	if (value_is(value, json_type_object) || value_is(value, json_type_array))
		json_object_set_userdata(value, &marks[mark], NULL);
}

enum template_mark value_mark(struct json_object *value)
{
	void *mark;

	if (!value_is(value, json_type_object) && !value_is(value, json_type_array))
		return TEMPLATE_STRUCT;
	mark = json_object_get_userdata(value);
	return mark == &marks[TEMPLATE_MAP]   ? TEMPLATE_MAP
	       : mark == &marks[TEMPLATE_NIL] ? TEMPLATE_NIL
					      : TEMPLATE_STRUCT;
}

bool value_truth(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		return json_object_get_boolean(value);
	case json_type_int:
		return json_object_get_int64(value) != 0;
	case json_type_double:
		return json_object_get_double(value) != 0;
	case json_type_string:
		return json_object_get_string_len(value) > 0;
	case json_type_array:
		return json_object_array_length(value) > 0;
	case json_type_object:
		return json_object_object_length(value) > 0;
	default:
		return false;
	}
}

static int by_text(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

const char **value_keys(struct json_object *value, size_t *ret_count)
{
	const char **keys = xcalloc((size_t)json_object_object_length(value) + 1, sizeof(char *));
	size_t count = 0;

	json_object_object_foreach(value, key, member)
	{
		(void)member;
		keys[count++] = key;
	}
	if (value_mark(value) != TEMPLATE_STRUCT)
		qsort(keys, count, sizeof(*keys), by_text);
	*ret_count = count;
	return keys;
}

const char *value_type(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		return "bool";
	case json_type_int:
		return "int";
	case json_type_double:
		return "float64";
	case json_type_string:
		return "string";
	case json_type_array:
		return "[]interface {}";
	case json_type_object:
		return "map[string]interface {}";
	default:
		return "nil";
	}
}

struct json_object *value_text(const char *text, size_t length)
{
	return json_object_new_string_len(text, (int)length);
}

/* The shortest decimal that reads back as the same number, with an exponent where %v has one. */
static void print_double(struct buf *out, double value)
{
	char text[40];
	int exponent;
	int digits = 1;

	if (isnan(value) || isinf(value)) {
		buf_puts(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
		return;
	}
	do
		(void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
	while (strtod(text, NULL) != value && ++digits < 18);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent >= -4 && exponent < 21)
		(void)snprintf(text, sizeof(text), "%.*f",
			digits - 1 > exponent ? digits - 1 - exponent : 0, value);
	buf_puts(out, text);
}

static void print_object(struct buf *out, struct json_object *value)
{
	bool is_struct = value_mark(value) == TEMPLATE_STRUCT;
	size_t count;
	cleanup_free const char **keys = value_keys(value, &count);

	buf_puts(out, is_struct ? "{" : "map[");
	for (size_t i = 0; i < count; i++) {
		struct json_object *member = json_object_object_get(value, keys[i]);

		buf_puts(out, i ? " " : "");
		if (!is_struct)
			buf_printf(out, "%s:", keys[i]);
		if (member)
			value_print(out, member);
		else
			buf_puts(out, "<nil>");
	}
	buf_puts(out, is_struct ? "}" : "]");
}

void value_print(struct buf *out, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		buf_puts(out, "<no value>");
		return;
	case json_type_string:
		buf_append(out, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		return;
	case json_type_boolean:
		buf_puts(out, json_object_get_boolean(value) ? "true" : "false");
		return;
	case json_type_int:
		buf_printf(out, "%" PRId64, json_object_get_int64(value));
		return;
	case json_type_double:
		print_double(out, json_object_get_double(value));
		return;
	case json_type_object:
		print_object(out, value);
		return;
	case json_type_array:
		buf_putc(out, '[');
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			buf_puts(out, i ? " " : "");
			value_print(out, json_object_array_get_idx(value, i));
		}
		buf_putc(out, ']');
		return;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/format.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/quote.h"
#include "cli/table.h"

struct format {
	const struct format_kind *kind;
	struct template *template; /* NULL: JSON */
	bool is_table;
	struct buf rows;
};

/* A shell's single quotes keep \t and \n as two characters. */
static char *unescape(const char *text)
{
	char *copy = xstrdup(text), *out = copy;

	for (; *text; text++) {
		if (text[0] == '\\' && (text[1] == 't' || text[1] == 'n'))
			*out++ = *++text == 't' ? '\t' : '\n';
		else
			*out++ = *text;
	}
	*out = '\0';
	return copy;
}

int format_open(
	const char *text, const struct format_kind *kind, struct format **ret, struct error **err)
{
	bool is_table = !text || !*text || strncmp(text, "table", 5) == 0;
	const char *rest = is_table ? (text && *text ? text + 5 : "") : text;
	cleanup_free char *template = NULL;
	cleanup_format struct format *format = xcalloc(1, sizeof(*format));

	rest += strspn(rest, " ");
	template = unescape(*rest ? rest : kind->table);
	*format =
		(struct format){ .kind = kind, .is_table = is_table, .rows = BUF_INIT(BUF_LARGE) };
	if (strcmp(rest, "json") == 0 && !is_table) {
		*ret = take_ptr(format);
		return 0;
	}
	if (template_parse(template, &format->template, err) < 0)
		return error_wrap(err, "failed to parse template");
	*ret = take_ptr(format);
	return 0;
}

bool format_needs(const struct format *format, const char *field)
{
	return !format->template || template_uses(format->template, field, true);
}

bool format_names(const struct format *format, const char *field)
{
	return format->template && template_uses(format->template, field, false);
}

int format_row(struct format *format, struct json_object *row, const void *arg, struct error **err)
{
	struct template_host host = format->kind->host;

	host.arg = arg;
	if (!format->template)
		quote_json(&format->rows, row);
	else if (template_run(format->template, row, &host, &format->rows, err) < 0)
		return error_wrap(err, "failed to execute template");
	buf_putc(&format->rows, '\n');
	return buf_check(&format->rows, "the output", err);
}

/* The header of .Label "com.example.some-key" is "some key". */
static int header_method(const struct template_method *call, const void *arg,
	struct json_object **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	const char *dot;

	(void)arg;
	(void)err;
	if (strcmp(call->name, "Label") != 0 || call->count != 1)
		return 0;
	text = xstrdup(json_object_get_string(call->args[0]));
	for (char *c = text; *c; c++)
		if (*c == '-' || *c == '_')
			*c = ' ';
	dot = strrchr(text, '.');
	*ret = json_object_new_string(dot ? dot + 1 : text);
	return 1;
}

static int put_header(const struct format *format, struct buf *out, struct error **err)
{
	static const struct template_host host = { .method = header_method, .header = true };
	cleanup_json struct json_object *headers = json_object_new_object();
	const struct format_column *column;

	template_mark(headers, TEMPLATE_MAP);
	for (column = format->kind->columns; column->field; column++)
		json_put_text(headers, column->field, column->header);
	if (template_run(format->template, headers, &host, out, err) < 0)
		return error_wrap(err, "failed to execute template");
	buf_putc(out, '\n');
	return 0;
}

int format_print(struct format *format, FILE *out, struct error **err)
{
	cleanup_buf struct buf table = BUF_INIT(2 * BUF_LARGE);

	if (!format->is_table) {
		fwrite(buf_text(&format->rows), 1, format->rows.length, out);
		buf_clear(&format->rows);
		return 0;
	}
	if (put_header(format, &table, err) < 0)
		return -1;
	buf_append(&table, buf_text(&format->rows), format->rows.length);
	buf_clear(&format->rows);
	table_print(out, buf_text(&table), TABLE_WIDTH);
	return 0;
}

void format_free(struct format *format)
{
	if (!format)
		return;
	template_free(format->template);
	buf_done(&format->rows);
	free(format);
}

int format_object(FILE *out, const char *text, struct json_object *object, struct error **err)
{
	cleanup_buf struct buf line = BUF_INIT(BUF_LARGE);
	cleanup_template struct template *template = NULL;

	if (strcmp(text, "json") == 0) {
		quote_json(&line, object);
	} else if (template_parse(text, &template, err) < 0 ||
		   template_run(template, object, NULL, &line, err) < 0) {
		return error_wrap(err, "template parsing error");
	}
	buf_putc(&line, '\n');
	if (buf_check(&line, "the output", err) < 0)
		return -1;
	fwrite(buf_text(&line), 1, line.length, out);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/quote.h"

#define PADDING 3

static size_t cell_width(const char *cell, size_t length)
{
	size_t width = 0;
	long rune;

	for (size_t i = 0; i < length; width++)
		i += quote_rune(cell + i, length - i, &rune);
	return width;
}

/* Calls each() for every cell of a line that a tab ends. Returns what follows the last tab. */
static const char *each_cell(const char *line,
	void (*each)(const char *cell, size_t length, size_t column, void *arg), void *arg)
{
	for (size_t column = 0;; column++) {
		size_t length = strcspn(line, "\t\n");

		if (line[length] != '\t')
			return line;
		each(line, length, column, arg);
		line += length + 1;
	}
}

struct widths {
	size_t *columns, count, min;
};

static void measure(const char *cell, size_t length, size_t column, void *arg)
{
	struct widths *widths = arg;
	size_t width = cell_width(cell, length) + PADDING;

	if (column >= widths->count) {
		widths->columns = xrealloc(widths->columns, column + 1, sizeof(size_t));
		widths->columns[column] = widths->min;
		widths->count = column + 1;
	}
	if (width > widths->columns[column])
		widths->columns[column] = width;
}

struct printing {
	FILE *out;
	const struct widths *widths;
};

static void print_cell(const char *cell, size_t length, size_t column, void *arg)
{
	const struct printing *printing = arg;

	fprintf(printing->out, "%.*s%*s", (int)length, cell,
		(int)(printing->widths->columns[column] - cell_width(cell, length)), "");
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

void table_print(FILE *out, const char *text, size_t min_width)
{
	struct widths widths = { .min = min_width };
	struct printing printing = { out, &widths };

	widths.columns = xcalloc(1, sizeof(size_t));
	for (const char *line = text; *line; line = next_line(line))
		(void)each_cell(line, measure, &widths);
	for (const char *line = text; *line; line = next_line(line)) {
		const char *rest = each_cell(line, print_cell, &printing);

		fprintf(out, "%.*s\n", (int)strcspn(rest, "\n"), rest);
	}
	free(widths.columns);
}

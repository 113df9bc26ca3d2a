/* SPDX-License-Identifier: Apache-2.0 */
#include "build/dockerfile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/heredoc.h"
#include "build/split.h"

enum directive { DIRECTIVE_SYNTAX, DIRECTIVE_ESCAPE, DIRECTIVE_CHECK, DIRECTIVE_MAX_ };

static const char *const directive_names[] = {
	[DIRECTIVE_SYNTAX] = "syntax",
	[DIRECTIVE_ESCAPE] = "escape",
	[DIRECTIVE_CHECK] = "check",
};
_Static_assert(sizeof(directive_names) / sizeof(directive_names[0]) == DIRECTIVE_MAX_,
	"a name for each directive");

struct reader {
	const char *at, *end;
	int line; /* of what was read last */
	bool directives_over;
	bool seen[DIRECTIVE_MAX_];
	struct dockerfile *dockerfile;
};

/* ---- lines ---- */

/* The next line without its end: 1, 0 at the end of the file. *ret_whole has the end too. */
static int read_line(struct reader *reader, char **ret, size_t *ret_whole, struct error **err)
{
	const char *newline, *start = reader->at;
	size_t length;

	if (start == reader->end)
		return 0;
	reader->line++;
	newline = memchr(start, '\n', (size_t)(reader->end - start));
	reader->at = newline ? newline + 1 : reader->end;
	length = (size_t)(reader->at - start);
	if (length > DOCKERFILE_LINE_MAX)
		return error_new(err, ERROR_INVALID, "the line is longer than %lu bytes",
			DOCKERFILE_LINE_MAX);
	if (memchr(start, '\0', length))
		return error_new(
			err, ERROR_INVALID, "the line has a NUL byte: is this a Dockerfile?");
	*ret_whole = length;
	while (length > 0 && (start[length - 1] == '\n' || start[length - 1] == '\r'))
		length--;
	free(*ret);
	*ret = xstrndup(start, length);
	return 1;
}

static bool is_comment(const char *line)
{
	return *skip_blanks(line) == '#';
}

/* Takes a trailing escape character away; was there one? Two of them are not one. */
static bool continues(char *line, char escape)
{
	size_t length = strlen(line);

	while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		length--;
	if (length == 0 || line[length - 1] != escape)
		return false;
	if (length > 1 && line[length - 2] == escape)
		return false;
	line[length - 1] = '\0';
	return true;
}

/* ---- directives ---- */

static int set_directive(
	struct reader *reader, enum directive directive, const char *value, struct error **err)
{
	if (reader->seen[directive])
		return error_new(err, ERROR_INVALID, "the directive '%s' is given twice",
			directive_names[directive]);
	reader->seen[directive] = true;
	if (directive != DIRECTIVE_ESCAPE)
		return 0; /* there is one front end, ours; checks are not run */
	if (strcmp(value, "\\") != 0 && strcmp(value, "`") != 0)
		return error_new(err, ERROR_INVALID,
			"the escape character must be '\\' or '`', not '%.40s'", value);
	reader->dockerfile->escape = *value;
	return 0;
}

/* "# name = value" at the top of the file: 1 when the line was one. */
static int read_directive(struct reader *reader, const char *line, struct error **err)
{
	const char *name, *end, *equals;
	cleanup_free char *value = NULL;

	if (reader->directives_over)
		return 0;
	reader->directives_over = true; /* until this one proves to be a directive */
	if (*line != '#')
		return 0;
	name = skip_blanks(line + 1);
	for (end = name; isalnum((unsigned char)*end); end++)
		;
	equals = skip_blanks(end);
	if (end == name || isdigit((unsigned char)*name) || *equals != '=')
		return 0;
	value = trimmed(equals + 1);
	for (int i = 0; *value && i < DIRECTIVE_MAX_; i++)
		if (strlen(directive_names[i]) == (size_t)(end - name) &&
			strncasecmp(directive_names[i], name, (size_t)(end - name)) == 0) {
			reader->directives_over = false;
			return set_directive(reader, (enum directive)i, value, err) < 0 ? -1 : 1;
		}
	return 0;
}

/* ---- instructions ---- */

/* The first line that is neither empty, nor a comment or directive. 1, or 0 at the end. */
static int read_first(struct reader *reader, char **ret, struct error **err)
{
	size_t whole;
	int got;

	do {
		got = read_line(reader, ret, &whole, err);
		if (got <= 0 || !*ret)
			return got;
		if (read_directive(reader, skip_blanks(*ret), err) < 0)
			return -1;
	} while (is_comment(*ret) || !*skip_blanks(*ret));
	return 1;
}

/* Appends the lines that go on; *ret_gap: empty ones were among them. */
static int read_rest(struct reader *reader, struct buf *joined, bool *ret_gap, struct error **err)
{
	cleanup_free char *line = NULL;
	bool more = true;
	size_t whole;
	int got = 1;

	while (more && (got = read_line(reader, &line, &whole, err)) > 0 && line) {
		if (is_comment(line))
			continue;
		if (!*skip_blanks(line)) {
			*ret_gap = true;
			continue;
		}
		more = continues(line, reader->dockerfile->escape);
		buf_puts(joined, line);
	}
	return got < 0 ? -1 : 0;
}

/* A logical line: 1 with *ret (the caller's) and *ret_line, 0 at the end of the file. */
static int read_logical(struct reader *reader, char **ret, int *ret_line, struct error **err)
{
	cleanup_free char *line = NULL;
	cleanup_buf struct buf joined = BUF_INIT(DOCKERFILE_MAX);
	bool more, gap = false;
	int got = read_first(reader, &line, err);

	if (got <= 0 || !line)
		return got;
	*ret_line = reader->line;
	more = continues(line, reader->dockerfile->escape);
	buf_puts(&joined, skip_blanks(line));
	if (more && read_rest(reader, &joined, &gap, err) < 0)
		return -1;
	if (buf_check(&joined, "the instruction", err) < 0)
		return -1;
	if (gap)
		strv_appendf(&reader->dockerfile->warnings,
			"%s:%d: empty lines inside an instruction: end the line before them "
			"without '%c', or take them out",
			reader->dockerfile->name, *ret_line, reader->dockerfile->escape);
	*ret = buf_take(&joined);
	return 1;
}

static int read_heredoc(struct reader *reader, struct heredoc *heredoc, struct error **err)
{
	cleanup_buf struct buf content = BUF_INIT(DOCKERFILE_MAX);
	cleanup_free char *line = NULL;

	for (;;) {
		const char *start = reader->at;
		size_t whole = 0;
		int got = read_line(reader, &line, &whole, err);

		if (got < 0)
			return -1;
		if (got == 0)
			return error_new(err, ERROR_INVALID,
				"the heredoc is not closed: no line '%.200s' follows",
				heredoc->name);
		if (strcmp(line + (heredoc->chomp ? strspn(line, "\t") : 0), heredoc->name) == 0)
			break;
		buf_append(&content, start, whole);
	}
	heredoc->content = buf_take(&content);
	return 0;
}

/* What follows the line, and then the checks that need it. */
static int complete(struct reader *reader, struct instruction *instruction, struct error **err)
{
	if (instruction_takes_heredocs(instruction) && heredocs_find(instruction, err) < 0)
		return -1;
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		if (read_heredoc(reader, &instruction->heredocs[i], err) < 0)
			return -1;
	return instruction_check(instruction, err);
}

static void append(struct dockerfile *dockerfile, struct instruction *instruction)
{
	size_t n = dockerfile->count;

	if ((n & (n - 1)) == 0) /* grown at powers of two */
		dockerfile->instructions = xrealloc(
			dockerfile->instructions, n ? 2 * n : 1, sizeof(*dockerfile->instructions));
	dockerfile->instructions[dockerfile->count++] = *instruction;
	*instruction = (struct instruction){ .text = NULL };
}

/* 1 read one, 0 at the end; *ret_line is where an error belongs. */
static int read_instruction(struct reader *reader, int *ret_line, struct error **err)
{
	cleanup_instruction struct instruction instruction = { .text = NULL };
	cleanup_free char *text = NULL;
	int line = 0, got = read_logical(reader, &text, &line, err);

	*ret_line = line ? line : reader->line;
	if (got <= 0)
		return got;
	if (reader->dockerfile->count == DOCKERFILE_INSTRUCTIONS_MAX)
		return error_new(err, ERROR_INVALID, "more than %d instructions",
			DOCKERFILE_INSTRUCTIONS_MAX);
	if (instruction_parse(text, reader->dockerfile->escape, &instruction, err) < 0)
		return -1;
	instruction.line = line;
	if (instruction.trigger)
		instruction.trigger->line = line;
	if (complete(reader, &instruction, err) < 0)
		return -1;
	append(reader->dockerfile, &instruction);
	return 1;
}

int dockerfile_parse(const char *name, const char *text, size_t length, struct dockerfile *ret,
	struct error **err)
{
	cleanup_dockerfile struct dockerfile made = { .name = xstrdup(name), .escape = '\\' };
	struct reader reader = { .at = text, .end = text + length, .dockerfile = &made };
	int got, line = 0;

	if (length > DOCKERFILE_MAX)
		return error_new(
			err, ERROR_INVALID, "%s is larger than %lu bytes", name, DOCKERFILE_MAX);
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
		reader.at += 3;
	do {
		got = read_instruction(&reader, &line, err);
		if (got < 0)
			return error_wrap(err, "%s:%d", name, line);
	} while (got > 0);
	if (made.count == 0) {
		error_new(err, ERROR_INVALID, "%s has no instructions", name);
		return error_hint(err, "a Dockerfile begins with FROM");
	}
	*ret = made;
	made = (struct dockerfile){ .name = NULL };
	return 0;
}

void dockerfile_done(struct dockerfile *dockerfile)
{
	for (size_t i = 0; i < dockerfile->count; i++)
		instruction_done(&dockerfile->instructions[i]);
	free(dockerfile->instructions);
	free(dockerfile->name);
	strv_free(dockerfile->warnings);
	*dockerfile = (struct dockerfile){ .name = NULL };
}

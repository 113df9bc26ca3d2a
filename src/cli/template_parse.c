/* SPDX-License-Identifier: Apache-2.0 */
/* Templates into nodes. Recursive descent; depth is bounded by TEMPLATE_DEPTH_MAX. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "cli/quote.h"
#include "cli/template_node.h"
#include "cli/template_value.h"

/* What a list of nodes ended with. */
enum ending { END_OF_TEXT, END_END, END_ELSE };

struct parser {
	struct lexer lexer;
	struct token token; /* the next one, not yet taken */
	strv variables; /* declared so far, innermost last */
	size_t variable_count;
	int depth, loops, parentheses;
	bool trim; /* the last action asks to drop white space behind it */
};

struct node *node_new(enum node_type type, size_t start)
{
	struct node *node = xcalloc(1, sizeof(*node));

	*node = (struct node){ .type = type, .start = start, .end = start, .place = start };
	return node;
}

void node_add(struct node *node, struct node *item)
{
	assert(item);
	if ((node->count & (node->count + 1)) == 0)
		node->items = xrealloc(node->items, 2 * (node->count + 1), sizeof(struct node *));
	node->items[node->count++] = item;
	node->end = item->end;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++)
		node_free(node->items[i]);
	free(node->items);
	strv_free(node->names);
	node_free(node->pipe);
	node_free(node->body);
	node_free(node->otherwise);
	json_object_put(node->value);
	free(node);
}

/* ---- tokens ---- */

static int next(struct parser *parser, struct error **err)
{
	return lexer_next(&parser->lexer, &parser->token, err);
}

static bool is_word(const struct parser *parser, const char *word)
{
	const struct token *token = &parser->token;

	return token->type == TOKEN_WORD && strlen(word) == token->end - token->start &&
	       strncmp(parser->lexer.text + token->start, word, strlen(word)) == 0;
}

static char *token_text(const struct parser *parser)
{
	return xstrndup(
		parser->lexer.text + parser->token.start, parser->token.end - parser->token.start);
}

static bool is_keyword(const struct parser *parser)
{
	static const char *const words[] = { "if", "else", "end", "range", "with", "break",
		"continue", "define", "template", "block", "nil" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (is_word(parser, words[i]))
			return true;
	return false;
}

static int unexpected(const struct parser *parser, const char *context, struct error **err)
{
	cleanup_free char *text = token_text(parser);
	cleanup_buf struct buf quoted = BUF_INIT(TEMPLATE_MAX * 4);

	if (parser->token.type == TOKEN_SHUT)
		return lexer_error(
			&parser->lexer, parser->token.start, err, "unexpected right paren");
	if (is_keyword(parser) || parser->token.type == TOKEN_DOT)
		buf_printf(&quoted, "<%s>", text);
	else
		quote_go(&quoted, text, strlen(text));
	if (parser->token.type == TOKEN_CLOSE && parser->parentheses > 0)
		return lexer_error(&parser->lexer, parser->token.start, err, "unclosed left paren");
	return lexer_error(&parser->lexer, parser->token.start, err, "unexpected %s in %s",
		buf_text(&quoted), context);
}

static int enter(struct parser *parser, struct error **err)
{
	if (++parser->depth > TEMPLATE_DEPTH_MAX)
		return lexer_error(&parser->lexer, parser->token.start, err,
			"nested more than %d deep", TEMPLATE_DEPTH_MAX);
	return 0;
}

/* ---- variables ---- */

static void declare(struct parser *parser, const char *name)
{
	strv_append(&parser->variables, name);
	parser->variable_count++;
}

static void forget(struct parser *parser, size_t count)
{
	while (parser->variable_count > count) {
		free(parser->variables[--parser->variable_count]);
		parser->variables[parser->variable_count] = NULL;
	}
}

/* ---- operands ---- */

static int parse_pipe(struct parser *parser, enum token_type end, const char *context,
	struct node **ret, struct error **err);

static int take_constant(struct parser *parser, struct node *node, struct error **err)
{
	node->type = NODE_CONSTANT;
	return lexer_value(&parser->lexer, &parser->token, &node->value, err);
}

static int take_word(struct parser *parser, struct node *node, struct error **err)
{
	cleanup_free char *text = token_text(parser);

	if (is_word(parser, "true") || is_word(parser, "false")) {
		node->type = NODE_CONSTANT;
		node->value = json_object_new_boolean(is_word(parser, "true"));
		return 0;
	}
	if (is_word(parser, "nil")) {
		node->type = NODE_NIL;
		return 0;
	}
	node->type = NODE_FUNCTION;
	node->function = template_function(text, strlen(text));
	if (!node->function)
		return lexer_error(&parser->lexer, parser->token.start, err,
			"function \"%s\" not defined", text);
	return 0;
}

static int take_variable(struct parser *parser, struct node *node, struct error **err)
{
	cleanup_free char *text = token_text(parser);

	if (!strv_contains(parser->variables, text))
		return lexer_error(&parser->lexer, parser->token.start, err,
			"undefined variable \"%s\"", text);
	node->type = NODE_VARIABLE;
	strv_append(&node->names, text);
	return 0;
}

static int take_parentheses(struct parser *parser, struct node *node, struct error **err)
{
	struct node *pipe = NULL;

	parser->parentheses++;
	if (enter(parser, err) < 0 || next(parser, err) < 0 ||
		parse_pipe(parser, TOKEN_SHUT, "parenthesized pipeline", &pipe, err) < 0)
		return -1;
	parser->depth--;
	parser->parentheses--;
	node->type = NODE_CHAIN;
	node_add(node, pipe);
	return 0;
}

/* 1 with *ret, 0 when the next token begins no operand. */
static int parse_term(struct parser *parser, struct node **ret, struct error **err)
{
	cleanup_node struct node *node = node_new(NODE_DOT, parser->token.start);
	int result = 0;

	switch (parser->token.type) {
	case TOKEN_DOT:
		break;
	case TOKEN_FIELD:
		node->type = NODE_FIELD;
		strv_take(&node->names, xstrndup(parser->lexer.text + parser->token.start + 1,
						parser->token.end - parser->token.start - 1));
		break;
	case TOKEN_VARIABLE:
		result = take_variable(parser, node, err);
		break;
	case TOKEN_WORD:
		result = take_word(parser, node, err);
		break;
	case TOKEN_NUMBER:
	case TOKEN_CHAR:
	case TOKEN_STRING:
	case TOKEN_RAW:
		result = take_constant(parser, node, err);
		break;
	case TOKEN_OPEN:
		result = take_parentheses(parser, node, err);
		break;
	default:
		return 0;
	}
	node->end = parser->token.end;
	if (result < 0 || next(parser, err) < 0)
		return -1;
	*ret = take_ptr(node);
	return 1;
}

/* ".A.B" behind a field, a variable or a closing parenthesis, without a space. */
static int parse_fields(struct parser *parser, struct node *node, struct error **err)
{
	bool first = true;

	while (parser->token.type == TOKEN_FIELD && !parser->token.space) {
		if (node->type != NODE_FIELD && node->type != NODE_VARIABLE &&
			node->type != NODE_CHAIN)
			return lexer_error(&parser->lexer, parser->token.start, err,
				"unexpected . after term \"%.*s\"", (int)(node->end - node->start),
				parser->lexer.text + node->start);
		if (first)
			node->place = parser->token.start; /* as Go's errors have it */
		first = false;
		strv_take(&node->names, xstrndup(parser->lexer.text + parser->token.start + 1,
						parser->token.end - parser->token.start - 1));
		node->end = parser->token.end;
		if (next(parser, err) < 0)
			return -1;
	}
	return 0;
}

static bool ends_command(const struct token *token)
{
	return token->type == TOKEN_CLOSE || token->type == TOKEN_SHUT || token->type == TOKEN_PIPE;
}

static int parse_command(struct parser *parser, struct node **ret, struct error **err)
{
	cleanup_node struct node *command = node_new(NODE_COMMAND, parser->token.start);

	for (;;) {
		struct node *operand = NULL;
		int found = parse_term(parser, &operand, err);

		if (found < 0)
			return -1;
		if (!found)
			return unexpected(parser, command->count ? "operand" : "command", err);
		node_add(command, operand);
		if (parse_fields(parser, operand, err) < 0)
			return -1;
		command->end = operand->end;
		if (ends_command(&parser->token))
			break;
		if (!parser->token.space)
			return unexpected(parser, "operand", err);
	}
	*ret = take_ptr(command);
	return 0;
}

/* ---- pipelines ---- */

/*
 * "$x :=", "$x =", in range also "$k, $v :=". Whether a variable begins a declaration shows only
 * behind it, so the lexer goes back when it does not.
 */
static int parse_declaration(
	struct parser *parser, struct node *pipe, bool is_range, struct error **err)
{
	struct lexer lexer = parser->lexer;
	struct token token = parser->token;

	while (parser->token.type == TOKEN_VARIABLE) {
		strv_take(&pipe->names, token_text(parser));
		if (next(parser, err) < 0)
			return -1;
		if (parser->token.type == TOKEN_DECLARE || parser->token.type == TOKEN_ASSIGN) {
			pipe->assign = parser->token.type == TOKEN_ASSIGN;
			return next(parser, err);
		}
		if (parser->token.type != TOKEN_COMMA || !is_range || pipe->names[1])
			break;
		if (next(parser, err) < 0)
			return -1;
	}
	strv_free(pipe->names);
	pipe->names = NULL;
	parser->lexer = lexer;
	parser->token = token;
	return 0;
}

static int check_pipe(const struct parser *parser, const struct node *pipe, struct error **err)
{
	for (size_t i = 0; pipe->assign && pipe->names[i]; i++)
		if (!strv_contains(parser->variables, pipe->names[i]))
			return lexer_error(&parser->lexer, pipe->start, err,
				"undefined variable \"%s\"", pipe->names[i]);
	for (size_t i = 1; i < pipe->count; i++) {
		enum node_type first = pipe->items[i]->items[0]->type;

		if (first == NODE_CONSTANT || first == NODE_NIL || first == NODE_DOT)
			return lexer_error(&parser->lexer, pipe->items[i]->start, err,
				"non executable command in pipeline stage %zu", i + 1);
	}
	return 0;
}

/* Up to end, which stays the next token when it is "}}". */
static int parse_pipe(struct parser *parser, enum token_type end, const char *context,
	struct node **ret, struct error **err)
{
	cleanup_node struct node *pipe = node_new(NODE_PIPE, parser->token.start);

	if (parse_declaration(parser, pipe, strcmp(context, "range") == 0, err) < 0)
		return -1;
	if (parser->token.type == end)
		return lexer_error(
			&parser->lexer, parser->token.start, err, "missing value for %s", context);
	for (;;) {
		struct node *command = NULL;

		if (parse_command(parser, &command, err) < 0)
			return -1;
		node_add(pipe, command);
		if (parser->token.type != TOKEN_PIPE)
			break;
		if (next(parser, err) < 0)
			return -1;
		if (parser->token.type == end)
			break; /* Go allows a last '|' with nothing behind it */
	}
	if (parser->token.type != end)
		return unexpected(parser, context, err);
	if (check_pipe(parser, pipe, err) < 0)
		return -1;
	for (size_t i = 0; !pipe->assign && pipe->names && pipe->names[i]; i++)
		declare(parser, pipe->names[i]);
	*ret = take_ptr(pipe);
	return 0;
}

/* ---- actions ---- */

static int parse_list(
	struct parser *parser, enum ending *ret_ending, struct node **ret, struct error **err);

/* The action's "}}". */
static int close_action(struct parser *parser, const char *context, struct error **err)
{
	if (parser->token.type != TOKEN_CLOSE)
		return unexpected(parser, context, err);
	parser->trim = parser->token.trim;
	return 0;
}

/* Behind the pipeline of if, range, with: the body, "else" or "else if", and "end". */
static int parse_branches(
	struct parser *parser, struct node *node, const char *context, struct error **err);

static int parse_else(
	struct parser *parser, struct node *node, const char *context, struct error **err)
{
	enum ending ending = END_OF_TEXT;
	bool again = (node->type == NODE_IF && is_word(parser, "if")) ||
		     (node->type == NODE_WITH && is_word(parser, "with"));

	if (again) { /* {{else if x}} is {{else}}{{if x}} with one end for both */
		struct node *inner = node_new(node->type, parser->token.start);

		node->otherwise = node_new(NODE_LIST, parser->token.start);
		node_add(node->otherwise, inner);
		return parse_branches(parser, inner, context, err);
	}
	if (close_action(parser, "else", err) < 0 ||
		parse_list(parser, &ending, &node->otherwise, err) < 0)
		return -1;
	if (ending == END_ELSE)
		return lexer_error(
			&parser->lexer, parser->token.start, err, "expected end; found {{else}}");
	if (ending == END_OF_TEXT)
		return lexer_error(&parser->lexer, parser->lexer.length, err, "unexpected EOF");
	return 0;
}

static int parse_branches(
	struct parser *parser, struct node *node, const char *context, struct error **err)
{
	size_t variables = parser->variable_count;
	enum ending ending = END_OF_TEXT;

	if (enter(parser, err) < 0 || next(parser, err) < 0 ||
		parse_pipe(parser, TOKEN_CLOSE, context, &node->pipe, err) < 0 ||
		close_action(parser, context, err) < 0)
		return -1;
	parser->loops += node->type == NODE_RANGE;
	if (parse_list(parser, &ending, &node->body, err) < 0)
		return -1;
	parser->loops -= node->type == NODE_RANGE;
	if (ending == END_OF_TEXT)
		return lexer_error(&parser->lexer, parser->lexer.length, err, "unexpected EOF");
	if (ending == END_ELSE && parse_else(parser, node, context, err) < 0)
		return -1;
	forget(parser, variables);
	parser->depth--;
	return 0;
}

static int parse_jump(struct parser *parser, struct error **err)
{
	cleanup_free char *word = token_text(parser);

	if (parser->loops == 0)
		return lexer_error(
			&parser->lexer, parser->token.start, err, "{{%s}} outside {{range}}", word);
	if (next(parser, err) < 0)
		return -1;
	return close_action(parser, word, err);
}

static const struct {
	const char *word;
	enum node_type type;
	bool branches, jump;
} keywords[] = {
	{ "if", NODE_IF, true, false },
	{ "range", NODE_RANGE, true, false },
	{ "with", NODE_WITH, true, false },
	{ "break", NODE_BREAK, false, true },
	{ "continue", NODE_CONTINUE, false, true },
};

static int parse_action(struct parser *parser, struct node *list, struct error **err)
{
	struct node *node = NULL;

	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
		if (!is_word(parser, keywords[i].word))
			continue;
		node = node_new(keywords[i].type, parser->token.start);
		node_add(list, node);
		return keywords[i].branches ? parse_branches(parser, node, keywords[i].word, err)
					    : parse_jump(parser, err);
	}
	if (is_word(parser, "define") || is_word(parser, "template") || is_word(parser, "block"))
		return lexer_error(&parser->lexer, parser->token.start, err,
			"templates inside of templates are not supported");
	if (parse_pipe(parser, TOKEN_CLOSE, "command", &node, err) < 0)
		return -1;
	node_add(list, node);
	return close_action(parser, "command", err);
}

/* Text up to the next "{{", without the white space that "-}}" before it or "{{-" after it take. */
static bool take_text(struct parser *parser, struct node *list)
{
	static const char blanks[] = " \t\r\n";
	struct lexer *lexer = &parser->lexer;
	const char *start = lexer->text + lexer->at, *open = strstr(start, "{{");
	const char *end = open ? open : lexer->text + lexer->length;
	bool trim = open && open[2] == '-' && open[3] && strchr(blanks, open[3]);

	lexer->at = (size_t)(end - lexer->text) + (open ? 2 : 0) + (trim ? 2 : 0);
	lexer->opened = (size_t)(end - lexer->text);
	while (parser->trim && start < end && strchr(blanks, *start))
		start++;
	while (trim && end > start && strchr(blanks, end[-1]))
		end--;
	if (end > start) {
		struct node *node = node_new(NODE_TEXT, (size_t)(start - lexer->text));

		node->value = value_text(start, (size_t)(end - start));
		node_add(list, node);
	}
	parser->trim = false;
	return open != NULL;
}

/* One action, its "{{" taken. Sets *ret_ending when it ends the list. */
static int parse_braces(
	struct parser *parser, struct node *list, enum ending *ret_ending, struct error **err)
{
	int comment = lexer_comment(&parser->lexer, &parser->trim, err);
	bool is_end;

	if (comment != 0)
		return comment < 0 ? -1 : 0;
	if (next(parser, err) < 0)
		return -1;
	is_end = is_word(parser, "end");
	if (!is_end && !is_word(parser, "else"))
		return parse_action(parser, list, err);
	*ret_ending = is_end ? END_END : END_ELSE;
	if (next(parser, err) < 0)
		return -1;
	return is_end ? close_action(parser, "end", err) : 0;
}

static int parse_list(
	struct parser *parser, enum ending *ret_ending, struct node **ret, struct error **err)
{
	cleanup_node struct node *list = node_new(NODE_LIST, parser->lexer.at);
	enum ending ending = END_OF_TEXT;

	while (ending == END_OF_TEXT && take_text(parser, list))
		if (parse_braces(parser, list, &ending, err) < 0)
			return -1;
	*ret_ending = ending;
	*ret = take_ptr(list);
	return 0;
}

int template_parse(const char *text, struct template **ret, struct error **err)
{
	struct parser parser = { .lexer = { .text = text, .length = strlen(text) } };
	cleanup_node struct node *root = NULL;
	enum ending ending = END_OF_TEXT;
	int result;

	if (parser.lexer.length > TEMPLATE_MAX)
		return error_new(
			err, ERROR_INVALID, "template: larger than %lu bytes", TEMPLATE_MAX);
	declare(&parser, "$");
	result = parse_list(&parser, &ending, &root, err);
	if (result == 0 && ending != END_OF_TEXT)
		result = lexer_error(&parser.lexer, parser.lexer.opened, err, "unexpected {{%s}}",
			ending == END_END ? "end" : "else");
	strv_free(parser.variables);
	if (result < 0)
		return -1;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->text = xstrdup(text);
	(*ret)->root = take_ptr(root);
	return 0;
}

void template_free(struct template *template)
{
	if (!template)
		return;
	node_free(template->root);
	free(template->text);
	free(template);
}

static bool uses(const struct node *node, const char *field, bool whole)
{
	if (!node)
		return false;
	if (whole && (node->type == NODE_DOT || (node->type == NODE_VARIABLE && !node->names[1])))
		return true;
	if (node->type != NODE_PIPE && strv_contains(node->names, field))
		return true;
	for (size_t i = 0; i < node->count; i++)
		if (uses(node->items[i], field, whole))
			return true;
	return uses(node->pipe, field, whole) || uses(node->body, field, whole) ||
	       uses(node->otherwise, field, whole);
}

bool template_uses(const struct template *template, const char *field, bool whole)
{
	return uses(template->root, field, whole);
}

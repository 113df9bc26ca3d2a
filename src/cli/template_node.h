/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed template. For the template_*.c files only. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strv.h"

struct error;
struct template_function;

#define TEMPLATE_MAX (64UL * 1024) /* of its text */
#define TEMPLATE_DEPTH_MAX 64 /* of blocks and parentheses */

enum token_type {
	TOKEN_END, /* of the text, inside an action */
	TOKEN_CLOSE, /* }} */
	TOKEN_DOT,
	TOKEN_FIELD, /* .Name */
	TOKEN_VARIABLE, /* $, $name */
	TOKEN_WORD, /* function, keyword, true, false, nil */
	TOKEN_NUMBER,
	TOKEN_CHAR, /* 'a' */
	TOKEN_STRING, /* "…" */
	TOKEN_RAW, /* `…` */
	TOKEN_PIPE,
	TOKEN_COMMA,
	TOKEN_OPEN, /* ( */
	TOKEN_SHUT, /* ) */
	TOKEN_DECLARE, /* := */
	TOKEN_ASSIGN, /* = */
	TOKEN_OTHER, /* a character that means nothing here */
};

struct token {
	enum token_type type;
	size_t start, end;
	bool space; /* white space before it */
	bool trim; /* of TOKEN_CLOSE: white space after it goes */
};

struct lexer {
	const char *text;
	size_t length, at;
	size_t opened; /* where the action began */
};

/* The next token of an action. Errors are of the form "template: :1: …". */
int lexer_next(struct lexer *lexer, struct token *ret, struct error **err);
/* Skips a comment that begins here, behind "{{": 1, 0 when there is none. */
int lexer_comment(struct lexer *lexer, bool *ret_trim, struct error **err);
int lexer_error(const struct lexer *lexer, size_t at, struct error **err, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* The value of a number, character or string token. */
int lexer_value(const struct lexer *lexer, const struct token *token, struct json_object **ret,
	struct error **err);

enum node_type {
	NODE_TEXT,
	NODE_PIPE, /* items: commands; names: variables it sets */
	NODE_COMMAND, /* items: what is called, and its arguments */
	NODE_IF, /* first: pipe, then body, otherwise (both NODE_LIST or NULL) */
	NODE_RANGE,
	NODE_WITH,
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_LIST,
	NODE_DOT,
	NODE_NIL,
	NODE_CONSTANT,
	NODE_FIELD, /* names */
	NODE_CHAIN, /* items[0], then names */
	NODE_VARIABLE, /* names[0] with its '$', then fields */
	NODE_FUNCTION,
};

struct node {
	enum node_type type;
	size_t start, end; /* in the template's text */
	size_t place; /* what errors point at */
	struct node **items;
	size_t count;
	strv names;
	bool assign; /* '=', not ':=' */
	struct node *pipe, *body, *otherwise;
	struct json_object *value; /* of a constant; of text: the text */
	const struct template_function *function;
};

struct node *node_new(enum node_type type, size_t start);
void node_add(struct node *node, struct node *item);
void node_free(struct node *node);

struct template
{
	char *text;
	struct node *root;
};

static inline void node_free_p_(struct node **node)
{
	node_free(*node);
}
#define cleanup_node CLEANUP(node_free)

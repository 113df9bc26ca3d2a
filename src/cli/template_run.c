/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a parsed template. Values are references that each function's caller releases. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/template_node.h"
#include "cli/template_value.h"

#define STEPS_MAX 10000000 /* nested loops over a value end, but not soon */
#define STEP_BYTES 16
#define ARGS_MAX 64
#define VARIABLES_MAX 256

enum walked { WALK_ON = 0, WALK_BREAK, WALK_CONTINUE }; /* -1: an error */

struct variable {
	const char *name; /* borrowed from the nodes */
	struct json_object *value;
};

struct run {
	const struct template *template;
	const struct template_host *host;
	struct json_object *root;
	struct buf *out;
	struct variable variables[VARIABLES_MAX];
	size_t variable_count;
	long steps;
};

/* The result of earlier stages of a pipeline is the last argument of the next. */
struct final {
	bool there;
	struct json_object *value;
};

static const struct final no_final = { 0 };

static int fail(const struct run *run, const struct node *node, struct error **err, const char *fmt,
	...) PRINTF_LIKE(4, 5);

/* template: :LINE:COLUMN: executing "" at <NODE>: WHAT */
static int fail(
	const struct run *run, const struct node *node, struct error **err, const char *fmt, ...)
{
	const char *text = run->template->text;
	cleanup_free char *what = NULL;
	size_t line = 1, column = node->place;
	va_list ap;

	for (size_t i = 0; i < node->place; i++) {
		line += text[i] == '\n';
		if (text[i] == '\n')
			column = node->place - i - 1;
	}
	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		abort();
	va_end(ap);
	return error_new(err, ERROR_INVALID, "template: :%zu:%zu: executing \"\" at <%.*s>: %s",
		line, column, (int)(node->end - node->start), text + node->start, what);
}

static int step(struct run *run, const struct node *node, struct error **err)
{
	if (++run->steps > STEPS_MAX || run->out->failed)
		return fail(run, node, err, "the template does not come to an end");
	return 0;
}

/* ---- variables ---- */

static int declare(struct run *run, const struct node *node, const char *name,
	struct json_object *value, struct error **err)
{
	if (run->variable_count == VARIABLES_MAX)
		return fail(run, node, err, "more than %d variables", VARIABLES_MAX);
	run->variables[run->variable_count++] = (struct variable){ name, json_object_get(value) };
	return 0;
}

static void forget(struct run *run, size_t count)
{
	while (run->variable_count > count)
		json_object_put(run->variables[--run->variable_count].value);
}

/* The parser has checked that it is declared. */
static struct variable *find(struct run *run, const char *name)
{
	size_t i = run->variable_count;

	while (i-- > 1)
		if (strcmp(run->variables[i].name, name) == 0)
			break;
	return &run->variables[i];
}

static int set_variables(
	struct run *run, const struct node *pipe, struct json_object *value, struct error **err)
{
	for (size_t i = 0; pipe->names && pipe->names[i]; i++) {
		struct variable *variable;

		if (!pipe->assign) {
			if (declare(run, pipe, pipe->names[i], value, err) < 0)
				return -1;
			continue;
		}
		variable = find(run, pipe->names[i]);
		json_object_put(variable->value);
		variable->value = json_object_get(value);
	}
	return 0;
}

/* ---- expressions ---- */

static int eval_pipe(struct run *run, const struct node *pipe, struct json_object *dot,
	struct json_object **ret, struct error **err);
static int eval_arg(struct run *run, const struct node *node, struct json_object *dot,
	struct json_object **ret, struct error **err);

/* All arguments of a command behind its first word, and the final one. */
struct arguments {
	struct json_object *items[ARGS_MAX + 1];
	size_t count;
};

static void arguments_done(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		json_object_put(arguments->items[i]);
	arguments->count = 0;
}

static int eval_arguments(struct run *run, const struct node *command, struct json_object *dot,
	const struct final *final, struct arguments *ret, struct error **err)
{
	ret->count = 0;
	for (size_t i = 1; i < command->count; i++) {
		struct json_object *value = NULL;

		if (ret->count == ARGS_MAX)
			return fail(run, command, err, "more than %d arguments", ARGS_MAX);
		if (eval_arg(run, command->items[i], dot, &value, err) < 0)
			return -1;
		ret->items[ret->count++] = value;
	}
	if (final->there)
		ret->items[ret->count++] = json_object_get(final->value);
	return 0;
}

static int eval_method(struct run *run, const struct node *command, struct json_object *dot,
	const struct final *final, struct json_object **ret, struct error **err)
{
	const struct node *first = command->items[0];
	const char *name = first->names[first->type == NODE_VARIABLE ? 1 : 0];
	cleanup_error struct error *why = NULL;
	struct arguments arguments;
	int found = 0, result = eval_arguments(run, command, dot, final, &arguments, err);

	if (result == 0 && run->host->method) {
		struct template_method call = { name, arguments.items, arguments.count };

		found = run->host->method(&call, run->host->arg, ret, &why);
	}
	arguments_done(&arguments);
	if (result < 0)
		return -1;
	if (found < 0)
		return fail(run, command, err, "error calling %s: %s", name, error_message(why));
	if (!found)
		return fail(run, first, err, "%s is not a method but has arguments", name);
	return 0;
}

/* One member. What has no value has no members either, and that is no error. */
static int eval_field(struct run *run, const struct node *node, struct json_object *receiver,
	const char *name, struct json_object **ret, struct error **err)
{
	struct json_object *value = NULL;

	*ret = NULL;
	if (!receiver)
		return 0;
	if (!value_is(receiver, json_type_object))
		return fail(run, node, err, "can't evaluate field %s in type %s", name,
			value_type(receiver));
	if (json_object_object_get_ex(receiver, name, &value)) {
		*ret = json_object_get(value);
		return 0;
	}
	if (value_mark(receiver) != TEMPLATE_STRUCT)
		return 0;
	if (receiver == run->root && run->host->type)
		return fail(run, node, err, "can't evaluate field %s in type %s", name,
			run->host->type);
	return fail(run, node, err, "map has no entry for key \"%s\"", name);
}

/* names from a receiver, whose reference is taken over. command is given where the last name may
 * be a method. */
static int eval_fields(struct run *run, const struct node *node, struct json_object *receiver,
	char *const *names, struct json_object **ret, struct error **err)
{
	for (; names && *names; names++) {
		struct json_object *value = NULL;
		int result = eval_field(run, node, receiver, *names, &value, err);

		json_object_put(receiver);
		if (result < 0)
			return -1;
		receiver = value;
	}
	*ret = receiver;
	return 0;
}

static int eval_short_circuit(struct run *run, const struct node *command, struct json_object *dot,
	const struct final *final, struct json_object **ret, struct error **err)
{
	bool is_or = strcmp(command->items[0]->function->name, "or") == 0;
	struct json_object *value = NULL;

	for (size_t i = 1; i < command->count; i++) {
		json_object_put(value);
		value = NULL;
		if (eval_arg(run, command->items[i], dot, &value, err) < 0)
			return -1;
		if (value_truth(value) == is_or) {
			*ret = value;
			return 0;
		}
	}
	if (final->there) {
		json_object_put(value);
		value = json_object_get(final->value);
	}
	*ret = value;
	return 0;
}

static int check_count(const struct run *run, const struct node *command,
	const struct template_function *function, size_t count, struct error **err)
{
	if (function->max_args == function->min_args && count != (size_t)function->min_args)
		return fail(run, command->items[0], err,
			"wrong number of args for %s: want %d got %zu", function->name,
			function->min_args, count);
	if (count < (size_t)function->min_args)
		return fail(run, command->items[0], err,
			"wrong number of args for %s: want at least %d got %zu", function->name,
			function->min_args, count);
	if (function->max_args >= 0 && count > (size_t)function->max_args)
		return fail(run, command->items[0], err,
			"wrong number of args for %s: want at most %d got %zu", function->name,
			function->max_args, count);
	return 0;
}

static int eval_function(struct run *run, const struct node *command, struct json_object *dot,
	const struct final *final, struct json_object **ret, struct error **err)
{
	const struct template_function *function = command->items[0]->function;
	size_t count = command->count - 1 + (final->there ? 1 : 0);
	cleanup_error struct error *why = NULL;
	struct arguments arguments;
	struct json_object *value = NULL;
	int result;

	if (check_count(run, command, function, count, err) < 0)
		return -1;
	if (!function->call)
		return eval_short_circuit(run, command, dot, final, ret, err);
	result = eval_arguments(run, command, dot, final, &arguments, err);
	if (result == 0) {
		struct template_call call = { run->host, arguments.items, arguments.count };

		if (function->call(&call, &value, &why) < 0)
			result = fail(run, command, err, "error calling %s: %s", function->name,
				error_message(why));
	}
	arguments_done(&arguments);
	/* Texts cost by their length, or a short loop could work for hours. */
	if (value_is(value, json_type_string))
		run->steps += json_object_get_string_len(value) / STEP_BYTES;
	if (result == 0)
		*ret = value;
	return result;
}

static int eval_arg(struct run *run, const struct node *node, struct json_object *dot,
	struct json_object **ret, struct error **err)
{
	struct json_object *value = NULL;

	switch (node->type) {
	case NODE_DOT:
		*ret = json_object_get(dot);
		return 0;
	case NODE_NIL:
		*ret = NULL;
		return 0;
	case NODE_CONSTANT:
		*ret = json_object_get(node->value);
		return 0;
	case NODE_FIELD:
		return eval_fields(run, node, json_object_get(dot), node->names, ret, err);
	case NODE_VARIABLE:
		return eval_fields(run, node, json_object_get(find(run, node->names[0])->value),
			node->names + 1, ret, err);
	case NODE_CHAIN:
		if (eval_pipe(run, node->items[0], dot, &value, err) < 0)
			return -1;
		return eval_fields(run, node, value, node->names, ret, err);
	case NODE_FUNCTION: {
		struct node *const items[] = { (struct node *)node, NULL };
		const struct node command = { .type = NODE_COMMAND,
			.start = node->start,
			.end = node->end,
			.place = node->place,
			.items = (struct node **)items,
			.count = 1 };

		return eval_function(run, &command, dot, &no_final, ret, err);
	}
	default:
		return fail(run, node, err, "cannot be an argument");
	}
}

static int eval_command(struct run *run, const struct node *command, struct json_object *dot,
	const struct final *final, struct json_object **ret, struct error **err)
{
	const struct node *first = command->items[0];
	bool has_args = command->count > 1 || final->there;

	if (step(run, command, err) < 0)
		return -1;
	if (first->type == NODE_FUNCTION)
		return eval_function(run, command, dot, final, ret, err);
	if (first->type == NODE_NIL)
		return fail(run, first, err, "nil is not a command");
	if (!has_args)
		return eval_arg(run, first, dot, ret, err);
	/* .Label "x", $.Label "x": only the root has methods. */
	if (first->type == NODE_FIELD && !first->names[1] && dot == run->root)
		return eval_method(run, command, dot, final, ret, err);
	if (first->type == NODE_VARIABLE && first->names[1] && !first->names[2] &&
		find(run, first->names[0])->value == run->root)
		return eval_method(run, command, dot, final, ret, err);
	return fail(run, first, err, "can't give argument to non-function %.*s",
		(int)(first->end - first->start), run->template->text + first->start);
}

static int eval_pipe(struct run *run, const struct node *pipe, struct json_object *dot,
	struct json_object **ret, struct error **err)
{
	struct final final = no_final;
	int result = 0;

	for (size_t i = 0; i < pipe->count && result == 0; i++) {
		struct json_object *value = NULL;

		result = eval_command(run, pipe->items[i], dot, &final, &value, err);
		json_object_put(final.value);
		final = (struct final){ true, value };
	}
	if (result < 0)
		return -1;
	*ret = final.value;
	return 0;
}

/* ---- statements ---- */

static int walk_list(
	struct run *run, const struct node *list, struct json_object *dot, struct error **err);

static int walk_if(
	struct run *run, const struct node *node, struct json_object *dot, struct error **err)
{
	struct json_object *value = NULL;
	size_t variables = run->variable_count;
	int result;

	if (eval_pipe(run, node->pipe, dot, &value, err) < 0)
		return -1;
	result = set_variables(run, node->pipe, value, err);
	if (result == 0 && value_truth(value))
		result = walk_list(run, node->body, node->type == NODE_WITH ? value : dot, err);
	else if (result == 0 && node->otherwise)
		result = walk_list(run, node->otherwise, dot, err);
	forget(run, variables);
	json_object_put(value);
	return result;
}

/* One turn of a loop; WALK_BREAK ends it. */
static int walk_turn(struct run *run, const struct node *node, struct json_object *key,
	struct json_object *element, struct error **err)
{
	char *const *names = node->pipe->names;
	size_t variables = run->variable_count, count = strv_length(names);
	int result = step(run, node, err);

	for (size_t i = 0; i < count && result == 0; i++) {
		struct json_object *value = count > 1 && i == 0 ? key : element;
		struct variable *variable = node->pipe->assign ? find(run, names[i]) : NULL;

		if (!variable) {
			result = declare(run, node, names[i], value, err);
			continue;
		}
		json_object_put(variable->value);
		variable->value = json_object_get(value);
	}
	if (result == 0)
		result = walk_list(run, node->body, element, err);
	forget(run, variables);
	return result == WALK_CONTINUE ? WALK_ON : result;
}

static int walk_members(
	struct run *run, const struct node *node, struct json_object *map, struct error **err)
{
	size_t count;
	cleanup_free const char **keys = value_keys(map, &count);
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		cleanup_json struct json_object *key = value_text(keys[i], strlen(keys[i]));

		result = walk_turn(run, node, key, json_object_object_get(map, keys[i]), err);
	}
	return result;
}

static int walk_count(
	struct run *run, const struct node *node, struct json_object *value, struct error **err)
{
	bool is_int = value_is(value, json_type_int);
	int64_t count =
		is_int ? json_object_get_int64(value) : (int64_t)json_object_array_length(value);
	int result = 0;

	for (int64_t i = 0; i < count && result == 0; i++) {
		cleanup_json struct json_object *key = json_object_new_int64(i);

		result = walk_turn(run, node, key,
			is_int ? key : json_object_array_get_idx(value, (size_t)i), err);
	}
	return result;
}

static int walk_range(
	struct run *run, const struct node *node, struct json_object *dot, struct error **err)
{
	cleanup_json struct json_object *value = NULL;
	int result;

	if (eval_pipe(run, node->pipe, dot, &value, err) < 0)
		return -1;
	if (value && !value_is(value, json_type_array) && !value_is(value, json_type_object) &&
		!value_is(value, json_type_int)) {
		cleanup_buf struct buf text = BUF_INIT(BUF_SMALL);

		value_print(&text, value);
		return fail(run, node->pipe, err, "range can't iterate over %s", buf_text(&text));
	}
	if (!value_truth(value))
		return node->otherwise ? walk_list(run, node->otherwise, dot, err) : 0;
	result = value_is(value, json_type_object) ? walk_members(run, node, value, err)
						   : walk_count(run, node, value, err);
	return result == WALK_BREAK ? WALK_ON : result;
}

static int walk_pipe(
	struct run *run, const struct node *pipe, struct json_object *dot, struct error **err)
{
	cleanup_json struct json_object *value = NULL;

	if (eval_pipe(run, pipe, dot, &value, err) < 0)
		return -1;
	if (!pipe->names)
		value_print(run->out, value);
	return set_variables(run, pipe, value, err);
}

static int walk(
	struct run *run, const struct node *node, struct json_object *dot, struct error **err)
{
	switch (node->type) {
	case NODE_TEXT:
		value_print(run->out, node->value);
		return WALK_ON;
	case NODE_PIPE:
		return walk_pipe(run, node, dot, err);
	case NODE_IF:
	case NODE_WITH:
		return walk_if(run, node, dot, err);
	case NODE_RANGE:
		return walk_range(run, node, dot, err);
	case NODE_BREAK:
		return WALK_BREAK;
	case NODE_CONTINUE:
		return WALK_CONTINUE;
	default:
		return fail(run, node, err, "cannot stand alone");
	}
}

static int walk_list(
	struct run *run, const struct node *list, struct json_object *dot, struct error **err)
{
	int result = WALK_ON;

	for (size_t i = 0; i < list->count && result == WALK_ON; i++) {
		result = step(run, list->items[i], err);
		if (result == 0)
			result = walk(run, list->items[i], dot, err);
	}
	return result;
}

int template_run(const struct template *template, struct json_object *data,
	const struct template_host *host, struct buf *out, struct error **err)
{
	static const struct template_host none;
	cleanup_free struct run *run = xcalloc(1, sizeof(*run));
	int result;

	*run = (struct run){
		.template = template, .host = host ? host : &none, .root = data, .out = out
	};
	run->variables[run->variable_count++] = (struct variable){ "$", json_object_get(data) };
	result = walk_list(run, template->root, data, err);
	forget(run, 0);
	if (result < 0)
		return -1;
	return buf_check(out, "the output of the template", err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/words.h"

/* ---- global variables ---- */

/* What BuildKit offers to every file; stages see them once they say ARG. */
static void set_platform(strv *globals)
{
	static const char *const sides[] = { "TARGET", "BUILD" };
	const char *architecture = platform_architecture();

	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		strv_appendf(globals, "%sPLATFORM=linux/%s", sides[i], architecture);
		strv_appendf(globals, "%sOS=linux", sides[i]);
		strv_appendf(globals, "%sARCH=%s", sides[i], architecture);
		strv_appendf(globals, "%sVARIANT=", sides[i]);
	}
}

static int set_global(struct plan *plan, const char *arg, char escape, char *const *build_args,
	struct error **err)
{
	struct lexicon lexicon = { .env = plan->globals, .escape = escape };
	const char *equals = strchr(arg, '=');
	cleanup_free char *name = equals ? xstrndup(arg, (size_t)(equals - arg)) : xstrdup(arg);
	cleanup_free char *value = NULL;
	const char *given = env_get(build_args, name);

	if (given)
		value = xstrdup(given);
	else if (equals && words_expand(&lexicon, equals + 1, &value, err) < 0)
		return -1;
	if (value)
		env_set(&plan->globals, name, value);
	return 0;
}

static int set_globals(struct plan *plan, const struct instruction *instruction, char escape,
	char *const *build_args, struct error **err)
{
	for (size_t i = 0; instruction->args[i]; i++)
		if (set_global(plan, instruction->args[i], escape, build_args, err) < 0)
			return -1;
	return 0;
}

/* ---- stages ---- */

ssize_t plan_find(const struct plan *plan, const char *name, size_t before)
{
	char *end;
	unsigned long number;

	for (size_t i = before; i-- > 0;)
		if (plan->stages[i].name && strcasecmp(plan->stages[i].name, name) == 0)
			return (ssize_t)i;
	if (!isdigit((unsigned char)*name))
		return -1;
	number = strtoul(name, &end, 10);
	return !*end && number < before ? (ssize_t)number : -1;
}

/* Only names: FROM 0 is an image called "0". */
static ssize_t find_base(const struct plan *plan, const char *name)
{
	return isdigit((unsigned char)*name) ? -1 : plan_find(plan, name, plan->count);
}

static int check_platform(
	const struct plan *plan, const struct instruction *from, char escape, struct error **err)
{
	struct lexicon lexicon = { .env = plan->globals, .escape = escape };
	const char *text = instruction_flag(from, "platform");
	const char *own = platform_architecture();
	cleanup_free char *platform = NULL;
	const char *architecture;

	if (!text)
		return 0;
	if (words_expand(&lexicon, text, &platform, err) < 0)
		return -1;
	if (strncmp(platform, "linux/", 6) != 0)
		return error_new(
			err, ERROR_UNSUPPORTED, "--platform=%.100s: only linux is built", platform);
	architecture = platform + 6;
	if (strncmp(architecture, own, strlen(own)) == 0 &&
		(!architecture[strlen(own)] || architecture[strlen(own)] == '/'))
		return 0;
	error_new(err, ERROR_UNSUPPORTED, "--platform=%.100s: this machine is linux/%s", platform,
		own);
	return error_hint(err, "building for other platforms is not supported yet");
}

static char *lower_case(const char *text)
{
	char *lower = xstrdup(text);

	for (char *c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return lower;
}

static int expand_base(const struct plan *plan, const struct instruction *from, char escape,
	char **ret, struct error **err)
{
	struct lexicon lexicon = { .env = plan->globals, .escape = escape };
	cleanup_free char *base = NULL;

	if (check_platform(plan, from, escape, err) < 0 ||
		words_expand(&lexicon, from->args[0], &base, err) < 0 || !base)
		return -1;
	if (!*base) {
		error_new(err, ERROR_INVALID, "FROM %s: the name is empty when expanded",
			from->args[0]);
		return error_hint(err, "declare the ARG before the first FROM, with a default, or "
				       "give --build-arg");
	}
	*ret = take_ptr(base);
	return 0;
}

static int add_stage(
	struct plan *plan, const struct instruction *from, char escape, struct error **err)
{
	struct stage *stage;
	char *base = NULL;

	if (plan->count == STAGES_MAX)
		return error_new(err, ERROR_INVALID, "more than %d stages", STAGES_MAX);
	if (expand_base(plan, from, escape, &base, err) < 0 || !base)
		return -1;
	plan->stages = xrealloc(plan->stages, plan->count + 1, sizeof(*plan->stages));
	stage = &plan->stages[plan->count];
	*stage = (struct stage){ .index = plan->count, .from = from, .steps = from + 1 };
	stage->base = base;
	stage->base_stage = find_base(plan, base);
	stage->name = from->args[1] ? lower_case(from->args[2]) : NULL;
	plan->count++;
	return 0;
}

static int add_instruction(struct plan *plan, const struct dockerfile *dockerfile,
	const struct instruction *instruction, char *const *build_args, struct error **err)
{
	if (instruction->kind == INSTRUCTION_FROM)
		return add_stage(plan, instruction, dockerfile->escape, err);
	if (plan->count > 0) {
		plan->stages[plan->count - 1].step_count++;
		return 0;
	}
	if (instruction->kind == INSTRUCTION_ARG)
		return set_globals(plan, instruction, dockerfile->escape, build_args, err);
	error_new(err, ERROR_INVALID, "%s stands before the first FROM",
		instruction_name(instruction->kind));
	return error_hint(err, "only ARG may; begin with FROM, or FROM scratch");
}

static int find_target(struct plan *plan, const char *name, const char *target, struct error **err)
{
	cleanup_strv strv names = NULL;
	cleanup_free char *joined = NULL;
	ssize_t found;

	if (plan->count == 0) {
		error_new(err, ERROR_INVALID, "%s has no FROM", name);
		return error_hint(err, "a Dockerfile begins with FROM IMAGE, or FROM scratch");
	}
	plan->target = plan->count - 1;
	if (!target || !*target)
		return 0;
	found = plan_find(plan, target, plan->count);
	if (found >= 0) {
		plan->target = (size_t)found;
		return 0;
	}
	for (size_t i = 0; i < plan->count; i++)
		if (plan->stages[i].name)
			strv_append(&names, plan->stages[i].name);
	joined = strv_join(names, ", ");
	error_new(err, ERROR_NOT_FOUND, "%s has no stage '%.200s' (--target)", name, target);
	return error_hint(err, "its named stages: %s", *joined ? joined : "none");
}

int plan_make(const struct dockerfile *dockerfile, const struct plan_options *options,
	struct plan *ret, struct error **err)
{
	cleanup_plan struct plan plan = { .stages = NULL };

	set_platform(&plan.globals);
	for (size_t i = 0; i < dockerfile->count; i++) {
		const struct instruction *instruction = &dockerfile->instructions[i];

		if (add_instruction(&plan, dockerfile, instruction, options->build_args, err) < 0)
			return error_wrap(err, "%s:%d", dockerfile->name, instruction->line);
	}
	if (find_target(&plan, dockerfile->name, options->target, err) < 0)
		return -1;
	*ret = plan;
	plan = (struct plan){ .stages = NULL };
	return 0;
}

void plan_done(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		free(plan->stages[i].name);
		free(plan->stages[i].base);
		state_done(&plan->stages[i].state);
	}
	free(plan->stages);
	strv_free(plan->globals);
	*plan = (struct plan){ .stages = NULL };
}

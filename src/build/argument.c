/* SPDX-License-Identifier: Apache-2.0 */
#include "build/argument.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"

strv arguments_read(char *const *build_args)
{
	strv args = NULL;

	for (size_t i = 0; build_args && build_args[i]; i++) {
		const char *equals = strchr(build_args[i], '=');
		cleanup_free char *name =
			equals ? xstrndup(build_args[i], (size_t)(equals - build_args[i]))
			       : xstrdup(build_args[i]);
		const char *value = equals ? equals + 1 : getenv(name);

		if (value && *name)
			env_set(&args, name, value);
	}
	return args;
}

static int set_one(
	struct builder *builder, struct state *state, const char *arg, struct error **err)
{
	const char *equals = strchr(arg, '=');
	cleanup_free char *name = equals ? xstrndup(arg, (size_t)(equals - arg)) : xstrdup(arg);
	const char *given = env_get(builder->build_args, name);
	cleanup_free char *value = NULL;

	if (!given && !equals)
		given = env_get(builder->plan.globals, name);
	if (given)
		value = xstrdup(given);
	else if (equals && state_expand(state, equals + 1, &value, err) < 0)
		return -1;
	return value ? state_set(state, name, value, err) : 0;
}

int argument_step(struct builder *builder, struct state *state,
	const struct instruction *instruction, struct error **err)
{
	cleanup_free char *history = NULL, *joined = NULL;
	cleanup_strv strv names = NULL;

	for (size_t i = 0; instruction->args[i]; i++) {
		if (set_one(builder, state, instruction->args[i], err) < 0)
			return -1;
		strv_take(
			&names, xstrndup(instruction->args[i], strcspn(instruction->args[i], "=")));
	}
	joined = strv_join(names, " ");
	history = xasprintf("ARG %s", joined);
	state_add_history(state, NULL, history, false);
	return 0;
}

/* Given to every build by people's configuration, asked for or not. */
static bool is_predefined(const char *name)
{
	size_t length = strlen(name);

	return (length > 6 && strcasecmp(name + length - 6, "_proxy") == 0) ||
	       strncmp(name, "BUILDKIT_", 9) == 0 || strcmp(name, "SOURCE_DATE_EPOCH") == 0;
}

static bool is_asked_for(const struct dockerfile *dockerfile, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < dockerfile->count; i++) {
		const struct instruction *instruction = &dockerfile->instructions[i];

		if (instruction->kind != INSTRUCTION_ARG)
			continue;
		for (char *const *arg = instruction->args; *arg; arg++)
			if (strncmp(*arg, name, length) == 0 &&
				(!(*arg)[length] || (*arg)[length] == '='))
				return true;
	}
	return false;
}

char *arguments_unused(const struct builder *builder)
{
	cleanup_strv strv unused = NULL;

	for (size_t i = 0; builder->build_args && builder->build_args[i]; i++) {
		cleanup_free char *name =
			xstrndup(builder->build_args[i], strcspn(builder->build_args[i], "="));

		if (!is_predefined(name) && !is_asked_for(&builder->dockerfile, name))
			strv_append(&unused, name);
	}
	return unused ? strv_join(unused, " ") : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec_seccomp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define RULES_MAX 4096 /* instructions that a filter can have */
#define ERRNO_MAX 4095 /* the kernel makes a larger one of the answer this */
#define TRACE_MAX 65535 /* it is data for the tracer there */

struct word {
	const char *name;
	int value;
};

/* The first name of a value is the one that is written. */
static const struct word actions[] = {
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_KILL", SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SECCOMP_TRAP },
	{ "SCMP_ACT_ERRNO", SECCOMP_ERRNO },
	{ "SCMP_ACT_TRACE", SECCOMP_TRACE },
	{ "SCMP_ACT_ALLOW", SECCOMP_ALLOW },
	{ "SCMP_ACT_LOG", SECCOMP_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_NOTIFY },
	{ NULL, 0 },
};

static const struct word operators[] = {
	{ "SCMP_CMP_NE", SECCOMP_NE },
	{ "SCMP_CMP_LT", SECCOMP_LT },
	{ "SCMP_CMP_LE", SECCOMP_LE },
	{ "SCMP_CMP_EQ", SECCOMP_EQ },
	{ "SCMP_CMP_GE", SECCOMP_GE },
	{ "SCMP_CMP_GT", SECCOMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SECCOMP_MASKED_EQ },
	{ NULL, 0 },
};

static const struct word flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FLAG_WAIT_KILLABLE },
	{ NULL, 0 },
};
_Static_assert(LENGTH(flags) == SECCOMP_FLAGS + 1, "every flag has its name");

#define ARCHITECTURE "SCMP_ARCH_"

/* Of the specification, as libseccomp's names are. */
static const char *const architectures[] = { "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS",
	"MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE",
	"S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB" };

static const char *word_of(const struct word *words, int value)
{
	for (; words->name; words++)
		if (words->value == value)
			return words->name;
	return NULL;
}

static int find_word(const struct word *words, const char *name)
{
	for (; words->name; words++)
		if (strcmp(words->name, name) == 0)
			return words->value;
	return -1;
}

/* 1, 0 when the member is not there, -1. */
static int get_word(struct json_object *obj, const char *key, const struct word *words, int *ret,
	struct error **err)
{
	const char *name = NULL;
	int found = spec_get_word(obj, key, &name, err), value;

	if (found <= 0)
		return found;
	value = find_word(words, name);
	if (value < 0)
		return error_new(err, ERROR_INVALID, "%s: \"%s\" is not known", key, name);
	*ret = value;
	return 1;
}

static int need_word(struct json_object *obj, const char *key, const struct word *words, int *ret,
	struct error **err)
{
	int found = get_word(obj, key, words, ret, err);

	return found == 0 ? spec_missing(key, err) : found;
}

static int parse_arg(struct json_object *obj, void *rule_, struct error **err)
{
	struct spec_seccomp_rule *rule = rule_;
	struct spec_seccomp_arg arg = { 0 };
	int64_t index = 0;
	int op = 0, found = spec_get_number(obj, "index", SECCOMP_ARGS - 1, &index, err);

	if (found == 0)
		return spec_missing("index", err);
	if (found < 0 || spec_get_u64(obj, "value", &arg.value, err) < 0 ||
		spec_get_u64(obj, "valueTwo", &arg.value_two, err) < 0 ||
		need_word(obj, "op", operators, &op, err) < 0)
		return -1;
	arg.index = (uint32_t)index;
	arg.op = (enum seccomp_operator)op;
	rule->args = xrealloc(rule->args, rule->arg_count + 1, sizeof(*rule->args));
	rule->args[rule->arg_count++] = arg;
	return 0;
}

/* What a C program would never see as given must be said: only two actions carry a number. */
static int get_errno(struct json_object *obj, const char *key, enum seccomp_action action,
	uint32_t *ret, struct error **err)
{
	int64_t number = 0;
	int found = spec_get_number(
		obj, key, action == SECCOMP_TRACE ? TRACE_MAX : ERRNO_MAX, &number, err);

	*ret = EPERM;
	if (found <= 0)
		return found;
	if (action != SECCOMP_ERRNO && action != SECCOMP_TRACE)
		return error_new(err, ERROR_INVALID, "%s: %s has no such number", key,
			word_of(actions, (int)action));
	*ret = (uint32_t)number;
	return 1;
}

static int check_names(const struct spec_seccomp_rule *rule, struct error **err)
{
	if (!rule->names || !rule->names[0])
		return error_new(err, ERROR_INVALID, "names: is missing or empty");
	for (size_t i = 0; rule->names[i]; i++)
		if (rule->names[i][0] == '\0')
			return error_new(err, ERROR_INVALID, "names[%zu]: is empty", i);
	return 0;
}

static int parse_rule(struct json_object *obj, void *seccomp_, struct error **err)
{
	struct spec_seccomp *seccomp = seccomp_;
	struct spec_seccomp_rule *rule;
	int action = 0, found;

	seccomp->rules = xrealloc(seccomp->rules, seccomp->rule_count + 1, sizeof(*seccomp->rules));
	rule = &seccomp->rules[seccomp->rule_count++];
	*rule = (struct spec_seccomp_rule){ 0 };
	if (spec_get_list(obj, "names", &rule->names, err) < 0 || check_names(rule, err) < 0 ||
		need_word(obj, "action", actions, &action, err) < 0 ||
		spec_each(obj, "args", SECCOMP_CONDITIONS_MAX, parse_arg, rule, err) < 0)
		return -1;
	rule->action = (enum seccomp_action)action;
	found = get_errno(obj, "errnoRet", rule->action, &rule->errno_ret, err);
	rule->has_errno = found > 0;
	return found < 0 ? -1 : 0;
}

static bool is_architecture(const char *name)
{
	if (strncmp(name, ARCHITECTURE, strlen(ARCHITECTURE)) != 0)
		return false;
	for (size_t i = 0; i < LENGTH(architectures); i++)
		if (strcmp(architectures[i], name + strlen(ARCHITECTURE)) == 0)
			return true;
	return false;
}

static int parse_architectures(
	struct json_object *obj, struct spec_seccomp *seccomp, struct error **err)
{
	if (spec_get_list(obj, "architectures", &seccomp->architectures, err) < 0)
		return -1;
	for (size_t i = 0; seccomp->architectures && seccomp->architectures[i]; i++)
		if (!is_architecture(seccomp->architectures[i]))
			return error_new(err, ERROR_INVALID,
				"architectures[%zu]: \"%s\" is not known", i,
				seccomp->architectures[i]);
	return 0;
}

static int parse_flags(struct json_object *obj, struct spec_seccomp *seccomp, struct error **err)
{
	cleanup_strv strv names = NULL;
	int found = spec_get_list(obj, "flags", &names, err);

	if (found <= 0)
		return found;
	seccomp->has_flags = true;
	for (size_t i = 0; names && names[i]; i++) {
		int flag = find_word(flags, names[i]);

		if (flag < 0)
			return error_new(
				err, ERROR_INVALID, "flags[%zu]: \"%s\" is not known", i, names[i]);
		seccomp->flags |= 1U << flag;
	}
	return 0;
}

bool spec_seccomp_notifies(const struct spec_seccomp *seccomp)
{
	for (size_t i = 0; i < seccomp->rule_count; i++)
		if (seccomp->rules[i].action == SECCOMP_NOTIFY)
			return true;
	return false;
}

/*
 * As a default it would ask about the calls by which the listener gets its fd, and nobody could
 * answer. A call that waits for a listener that is not there would wait for ever.
 */
static int check_listener(const struct spec_seccomp *seccomp, struct error **err)
{
	if (seccomp->default_action == SECCOMP_NOTIFY)
		return error_new(
			err, ERROR_INVALID, "defaultAction: SCMP_ACT_NOTIFY cannot be the default");
	/* As others have it: between filter and program a runtime must be able to say what failed.
	 */
	for (size_t i = 0; i < seccomp->rule_count; i++)
		if (seccomp->rules[i].action == SECCOMP_NOTIFY &&
			strv_contains(seccomp->rules[i].names, "write"))
			return error_new(err, ERROR_INVALID,
				"syscalls[%zu]: SCMP_ACT_NOTIFY cannot be used for the write "
				"syscall",
				i);
	if (spec_seccomp_notifies(seccomp) && !seccomp->listener_path)
		return error_new(err, ERROR_INVALID,
			"listenerPath: is missing, and SCMP_ACT_NOTIFY needs it");
	if (seccomp->listener_path && seccomp->listener_path[0] != '/')
		return error_new(err, ERROR_INVALID, "listenerPath: \"%s\" is not absolute",
			seccomp->listener_path);
	if (seccomp->listener_metadata && !seccomp->listener_path)
		return error_new(
			err, ERROR_INVALID, "listenerMetadata: there is no listenerPath for it");
	return 0;
}

static int parse(struct json_object *obj, struct spec_seccomp *seccomp, struct error **err)
{
	int action = 0, found;

	if (need_word(obj, "defaultAction", actions, &action, err) < 0)
		return -1;
	seccomp->default_action = (enum seccomp_action)action;
	found = get_errno(
		obj, "defaultErrnoRet", seccomp->default_action, &seccomp->default_errno, err);
	if (found < 0)
		return -1;
	seccomp->has_default_errno = found > 0;
	if (parse_architectures(obj, seccomp, err) < 0 || parse_flags(obj, seccomp, err) < 0 ||
		spec_get_text(obj, "listenerPath", &seccomp->listener_path, err) < 0 ||
		spec_get_text(obj, "listenerMetadata", &seccomp->listener_metadata, err) < 0 ||
		spec_each(obj, "syscalls", RULES_MAX, parse_rule, seccomp, err) < 0)
		return -1;
	if (seccomp->listener_path && !seccomp->listener_path[0])
		replace_string(&seccomp->listener_path, NULL);
	if (seccomp->listener_metadata && !seccomp->listener_metadata[0])
		replace_string(&seccomp->listener_metadata, NULL);
	return check_listener(seccomp, err);
}

int spec_seccomp_parse(struct json_object *obj, struct spec_seccomp *ret, struct error **err)
{
	cleanup_spec_seccomp struct spec_seccomp seccomp = { 0 };

	if (parse(obj, &seccomp, err) < 0)
		return -1;
	*ret = seccomp;
	seccomp = (struct spec_seccomp){ 0 };
	return 0;
}

void spec_seccomp_done(struct spec_seccomp *seccomp)
{
	for (size_t i = 0; i < seccomp->rule_count; i++) {
		strv_free(seccomp->rules[i].names);
		free(seccomp->rules[i].args);
	}
	free(seccomp->rules);
	strv_free(seccomp->architectures);
	free(seccomp->listener_path);
	free(seccomp->listener_metadata);
	*seccomp = (struct spec_seccomp){ 0 };
}

static struct json_object *args_json(const struct spec_seccomp_rule *rule)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < rule->arg_count; i++) {
		const struct spec_seccomp_arg *arg = &rule->args[i];
		struct json_object *object = json_object_new_object();

		json_put_int(object, "index", arg->index);
		json_put(object, "value", json_object_new_uint64(arg->value));
		json_put(object, "valueTwo", json_object_new_uint64(arg->value_two));
		json_put_text(object, "op", word_of(operators, (int)arg->op));
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *rule_json(const struct spec_seccomp_rule *rule)
{
	struct json_object *object = json_object_new_object();

	json_put(object, "names", json_from_strv(rule->names));
	json_put_text(object, "action", word_of(actions, (int)rule->action));
	if (rule->has_errno)
		json_put_int(object, "errnoRet", rule->errno_ret);
	if (rule->arg_count > 0)
		json_put(object, "args", args_json(rule));
	return object;
}

static struct json_object *flags_json(const struct spec_seccomp *seccomp)
{
	struct json_object *array = json_object_new_array();

	for (int flag = 0; flag < SECCOMP_FLAGS; flag++)
		if (seccomp->flags & 1U << flag)
			json_object_array_add(array, json_object_new_string(word_of(flags, flag)));
	return array;
}

struct json_object *spec_seccomp_json(const struct spec_seccomp *seccomp)
{
	struct json_object *object = json_object_new_object(), *array;

	json_put_text(object, "defaultAction", word_of(actions, (int)seccomp->default_action));
	if (seccomp->has_default_errno)
		json_put_int(object, "defaultErrnoRet", seccomp->default_errno);
	json_put_strv(object, "architectures", seccomp->architectures);
	if (seccomp->has_flags)
		json_put(object, "flags", flags_json(seccomp));
	json_put_text(object, "listenerPath", seccomp->listener_path);
	json_put_text(object, "listenerMetadata", seccomp->listener_metadata);
	if (seccomp->rule_count == 0)
		return object;
	array = json_object_new_array();
	for (size_t i = 0; i < seccomp->rule_count; i++)
		json_object_array_add(array, rule_json(&seccomp->rules[i]));
	json_put(object, "syscalls", array);
	return object;
}

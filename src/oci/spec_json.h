/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the spec's parser and writer. Results of the get functions are 1 there, 0 not there, -1
 * wrong, as in base/json.h; what they give is the caller's copy.
 *
 * The text of every error begins with where it is: a get function writes `type: is not a string`,
 * and each caller that went down into the object puts its own step before it with spec_at(), so
 * that the user reads `process.rlimits[2].type: is not a string`.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "oci/spec.h"

struct error;

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* Where in config.json: puts "process" before the path that the error begins with; always -1. */
int spec_at(struct error **err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* `key: is missing`; always -1. */
int spec_missing(const char *key, struct error **err);

/* Borrowed: an object, a string, a number (json_type_int)... */
int spec_get(struct json_object *obj, const char *key, enum json_type type,
	struct json_object **ret, struct error **err);
int spec_get_word(struct json_object *obj, const char *key, const char **ret,
	struct error **err); /* borrowed */
int spec_get_text(struct json_object *obj, const char *key, char **ret, struct error **err);
int spec_get_bool(struct json_object *obj, const char *key, bool *ret, struct error **err);
int spec_get_list(struct json_object *obj, const char *key, strv *ret, struct error **err);
/* An object of texts as "key=value" entries; a key with '=' in it is refused. */
int spec_get_map(struct json_object *obj, const char *key, strv *ret, struct error **err);
int spec_get_int(struct json_object *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct error **err);
int spec_get_number(struct json_object *obj, const char *key, int64_t max, int64_t *ret,
	struct error **err); /* 0 to max */
int spec_get_u32(struct json_object *obj, const char *key, uint32_t *ret, struct error **err);
int spec_get_u64(struct json_object *obj, const char *key, uint64_t *ret, struct error **err);
/* Borrowed; an array of more than max entries is an error. */
int spec_get_array(struct json_object *obj, const char *key, size_t max, struct json_object **ret,
	struct error **err);
/* Calls parse() for every entry of an array of objects; an error gets "key[i]" before it. */
int spec_each(struct json_object *obj, const char *key, size_t max,
	int (*parse)(struct json_object *entry, void *arg, struct error **err), void *arg,
	struct error **err);

void spec_put_map(struct json_object *obj, const char *key, char *const *map);

/* A member of one of several names, by its number. */
struct spec_name {
	const char *name;
	int64_t value;
};
/* names end with NULL. `policy: "SCHED_FOO" is not known` */
int spec_get_name(struct json_object *obj, const char *key, const struct spec_name *names,
	int64_t *ret, struct error **err);
/* An array of them: all or-ed together. */
int spec_get_flags(struct json_object *obj, const char *key, const struct spec_name *names,
	uint64_t *ret, struct error **err);
void spec_put_name(
	struct json_object *obj, const char *key, const struct spec_name *names, int64_t value);
void spec_put_flags(
	struct json_object *obj, const char *key, const struct spec_name *names, uint64_t value);
/* "0-3,7"; an empty text is none. */
int spec_get_number_list(struct json_object *obj, const char *key, char **ret, struct error **err);
int spec_get_id_map(struct json_object *obj, const char *key, struct spec_id_map **ret,
	size_t *ret_count, struct error **err);
void spec_put_id_map(
	struct json_object *obj, const char *key, const struct spec_id_map *map, size_t count);

/* spec_schedule.c: what decides where and when a process runs. */
int spec_schedule_parse(struct json_object *process, struct spec_process *ret, struct error **err);
void spec_schedule_put(struct json_object *process, const struct spec_process *from);
int spec_memory_policy_parse(
	struct json_object *linux_obj, struct spec_memory_policy *ret, struct error **err);
void spec_memory_policy_put(struct json_object *linux_obj, const struct spec_memory_policy *policy);

/* spec_linux.c */
int spec_linux_parse(struct json_object *top, struct spec *spec, struct error **err);
void spec_linux_objects_put(struct json_object *linux_obj, const struct spec *spec);
/* spec_mount.c */
int spec_mounts_parse(struct json_object *top, struct spec *spec, struct error **err);
struct json_object *spec_mounts_json(const struct spec *spec);
/* Rules between members, in spec_check.c. */
int spec_check(const struct spec *spec, struct error **err);

/* Hooks, in spec_hook.c. */
int spec_hooks_parse(struct json_object *top, struct spec *spec, struct error **err);
struct json_object *spec_hooks_json(const struct spec *spec); /* NULL: none */

/* MS_* flags of rootfsPropagation; NULL and 0 for what is not one. */
uint64_t propagation_flags(const char *name);
const char *propagation_name(uint64_t flags);
/* "RLIMIT_NOFILE", NULL when unknown. */
const char *rlimit_name(int resource);

static inline void spec_process_done_p_(struct spec_process *process)
{
	spec_process_done(process);
}
#define cleanup_spec_process CLEANUP(spec_process_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the limits: from what was asked to the kernel's files. Most are a row of a table;
 * memory with swap, and quota with period and burst, come in groups whose order matters. 0 is
 * "leave as it is", as the OCI runtimes and Docker have it, where 0 is no sensible limit; -1 is
 * unlimited.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/internal.h"

#define VALUE_MAX 64
#define FORMS_MAX 2

/* What is written for a value, one per form of file. */
typedef void cgroup_write_value(int64_t value, char ret[static VALUE_MAX]);

struct cgroup_form {
	const char *file;
	cgroup_write_value *write;
};

/* forms: the first file that is there is written; none: this version of cgroups has no such thing.
 */
struct cgroup_limit {
	const char *flag;
	size_t at; /* in struct spec_resources */
	enum cgroup_controller controller;
	int64_t min, max;
	struct cgroup_form v1[FORMS_MAX], v2[FORMS_MAX];
	bool has_zero; /* 0 is a value like others */
	bool zero_is_default; /* and asks for nothing where there is no such limit */
};

static inline bool cgroup_is_set(int64_t value)
{
	return value != SPEC_UNSET && value != 0;
}
static inline bool cgroup_is_asked(
	const struct cgroup_limit *limit, const struct spec_resources *limits, int64_t *ret)
{
	*ret = *(const int64_t *)((const char *)limits + limit->at);
	return limit->has_zero ? *ret != SPEC_UNSET : cgroup_is_set(*ret);
}

cgroup_write_value cgroup_write_number, cgroup_write_number_or_max;
/* The hierarchy for a limit, or NULL with an error that says what is missing. */
const struct cgroup_hierarchy *cgroup_limit_find(struct cgroup *cgroup,
	enum cgroup_controller controller, const char *flag, struct error **err);
/* Gives the error of a limit's file its flag and meaning. */
int cgroup_limit_failed(const char *flag, const struct cgroup_file *file, struct error **err);
int cgroup_limit_put(
	const char *flag, const struct cgroup_file *file, const char *text, struct error **err);
int cgroup_limit_apply(struct cgroup *cgroup, const struct cgroup_limit *limit,
	const struct spec_resources *limits, struct error **err);

/* A kind of limit each; asked: bits of the controllers that it takes. */
int cgroup_memory_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
unsigned int cgroup_memory_asked(const struct spec_resources *limits);
int cgroup_cpu_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
unsigned int cgroup_cpu_asked(const struct spec_resources *limits);
int cgroup_io_apply(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
unsigned int cgroup_io_asked(const struct spec_resources *limits);
/* hugetlb, net_cls, net_prio, rdma */
int cgroup_other_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
unsigned int cgroup_other_asked(const struct spec_resources *limits);
int cgroup_unified_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err);
unsigned int cgroup_unified_asked(const struct spec_resources *limits);

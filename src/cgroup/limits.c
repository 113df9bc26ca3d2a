/* SPDX-License-Identifier: Apache-2.0 */
/* What all limits share, and the two kinds that are one number or one text. */
#include "cgroup/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

void cgroup_write_number(int64_t value, char ret[static VALUE_MAX])
{
	(void)snprintf(ret, VALUE_MAX, "%" PRId64, value);
}

void cgroup_write_number_or_max(int64_t value, char ret[static VALUE_MAX])
{
	if (value < 0)
		(void)snprintf(ret, VALUE_MAX, "max");
	else
		cgroup_write_number(value, ret);
}

static const struct cgroup_limit pids = { "--pids-limit",
	offsetof(struct spec_resources, pids_limit), CONTROLLER_PIDS, -1, INT64_MAX,
	{ { "pids.max", cgroup_write_number_or_max } },
	{ { "pids.max", cgroup_write_number_or_max } }, false, false };

static const struct text_limit {
	const char *flag, *file;
	size_t at;
} texts_table[] = {
	{ "--cpuset-cpus", "cpuset.cpus", offsetof(struct spec_resources, cpuset_cpus) },
	{ "--cpuset-mems", "cpuset.mems", offsetof(struct spec_resources, cpuset_mems) },
};
#define TEXT_COUNT (sizeof(texts_table) / sizeof(*texts_table))

static const char *text_at(const struct spec_resources *limits, size_t at)
{
	const char *text = *(char *const *)((const char *)limits + at);

	return text && *text ? text : NULL;
}

unsigned int cgroup_limits_controllers(const struct spec_resources *limits)
{
	unsigned int asked = cgroup_memory_asked(limits) | cgroup_cpu_asked(limits) |
			     cgroup_io_asked(limits) | cgroup_other_asked(limits) |
			     cgroup_unified_asked(limits);

	if (cgroup_is_set(limits->pids_limit))
		asked |= 1U << CONTROLLER_PIDS;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (text_at(limits, texts_table[i].at))
			asked |= 1U << CONTROLLER_CPUSET;
	if (limits->device_count > 0)
		asked |= 1U << CONTROLLER_DEVICES;
	return asked;
}

const struct cgroup_hierarchy *cgroup_limit_find(struct cgroup *cgroup,
	enum cgroup_controller controller, const char *flag, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[controller];
	bool v2 = cgroup->host->mode == CGROUP_V2;
	const char *name = cgroup_controller_name(controller, v2);

	if (cgroup_is_in(cgroup, hierarchy))
		return hierarchy;
	if (hierarchy)
		error_new(err, ERROR_DENIED, "%s: no cgroup could be made in %s", flag,
			hierarchy->mount_point);
	else
		error_new(err, ERROR_UNSUPPORTED, "%s: this host has no cgroup controller '%s'",
			flag, name);
	error_hint(err, v2 ? "see /sys/fs/cgroup/cgroup.controllers for those it has"
			   : "see /proc/cgroups and /proc/self/mountinfo for those it has");
	return NULL;
}

int cgroup_limit_failed(const char *flag, const struct cgroup_file *file, struct error **err)
{
	if (error_errno(*err) == ENOENT)
		error_hint(
			err, "this kernel, or the cgroup's parent, does not offer %s", file->name);
	return error_as(err, cgroup_error_kind(*err), "%s", flag);
}

int cgroup_limit_put(
	const char *flag, const struct cgroup_file *file, const char *text, struct error **err)
{
	return cgroup_file_write(file, text, err) < 0 ? cgroup_limit_failed(flag, file, err) : 0;
}

static int check_value(const struct cgroup_limit *limit, int64_t value, struct error **err)
{
	if (value >= limit->min && value <= limit->max)
		return 0;
	return error_new(err, ERROR_INVALID,
		"%s: %" PRId64 " is not between %" PRId64 " and %" PRId64, limit->flag, value,
		limit->min, limit->max);
}

static bool has_form(const struct cgroup *cgroup, const struct cgroup_limit *limit)
{
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[limit->controller];

	return hierarchy && (hierarchy->v2 ? limit->v2 : limit->v1)[0].file;
}

/* Kernels differ in which form they have: the first that is there counts. */
static int write_forms(const struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy,
	const struct cgroup_limit *limit, int64_t value, struct error **err)
{
	const struct cgroup_form *forms = hierarchy->v2 ? limit->v2 : limit->v1;
	struct cgroup_file file = { .cgroup = cgroup, .hierarchy = hierarchy };
	bool is_default = value == 0 && limit->zero_is_default, missing = false;
	cleanup_error struct error *failed = NULL;

	for (size_t i = 0; i < FORMS_MAX && forms[i].file; i++) {
		char text[VALUE_MAX];

		error_free(failed);
		failed = NULL;
		file.name = forms[i].file;
		forms[i].write(value, text);
		if (cgroup_file_write(&file, text, &failed) == 0)
			return 0;
		missing = error_errno(failed) == ENOENT;
		if (!missing || is_default)
			break;
	}
	if (missing && is_default)
		return 0;
	*err = take_ptr(failed);
	return cgroup_limit_failed(limit->flag, &file, err);
}

int cgroup_limit_apply(struct cgroup *cgroup, const struct cgroup_limit *limit,
	const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;
	const struct cgroup_form *forms;
	int64_t value;

	if (!cgroup_is_asked(limit, limits, &value))
		return 0;
	if (check_value(limit, value, err) < 0)
		return -1;
	if (value == 0 && limit->zero_is_default && !has_form(cgroup, limit))
		return 0;
	hierarchy = cgroup_limit_find(cgroup, limit->controller, limit->flag, err);
	if (!hierarchy)
		return -1;
	forms = hierarchy->v2 ? limit->v2 : limit->v1;
	if (!forms[0].file)
		return error_new(err, ERROR_UNSUPPORTED, "%s: cgroup %s has no such limit",
			limit->flag, hierarchy->v2 ? "v2" : "v1");
	return write_forms(cgroup, hierarchy, limit, value, err);
}

static int apply_texts(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		const char *flag = texts_table[i].flag, *text = text_at(limits, texts_table[i].at);
		struct cgroup_file file = { .cgroup = cgroup, .name = texts_table[i].file };

		if (!text)
			continue;
		file.hierarchy = cgroup_limit_find(cgroup, CONTROLLER_CPUSET, flag, err);
		if (!file.hierarchy || cgroup_limit_put(flag, &file, text, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_limits_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	if (cgroup_limit_apply(cgroup, &pids, limits, err) < 0 ||
		cgroup_memory_apply(cgroup, limits, err) < 0 ||
		cgroup_cpu_apply(cgroup, limits, err) < 0 || apply_texts(cgroup, limits, err) < 0 ||
		cgroup_io_apply(cgroup, limits, err) < 0 ||
		cgroup_other_apply(cgroup, limits, err) < 0)
		return -1;
	if (limits->device_count > 0 && cgroup_devices_apply(cgroup, limits, err) < 0)
		return -1;
	return cgroup_unified_apply(cgroup, limits, err);
}

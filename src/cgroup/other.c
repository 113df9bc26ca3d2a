/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers with a limit or two each, and the files of v2 that are named by the user. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cgroup/limits.h"

#define LINE_MAX 256

/* What is reserved by mmap() counts by itself (5.7), and is held to the same limit, as it is by the
 * other OCI runtimes. */
static int apply_hugepages(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy,
	const struct spec_hugepage_limit *limit, struct error **err)
{
	char name[64], text[VALUE_MAX];
	const struct cgroup_file file = { cgroup, hierarchy, name };
	const char *suffix = hierarchy->v2 ? "max" : "limit_in_bytes";
	cleanup_error struct error *ignored = NULL;

	(void)snprintf(text, sizeof(text), "%" PRIu64, limit->limit);
	(void)snprintf(name, sizeof(name), "hugetlb.%s.%s", limit->size, suffix);
	if (cgroup_limit_put("hugepageLimits", &file, text, err) < 0)
		return -1;
	(void)snprintf(name, sizeof(name), "hugetlb.%s.rsvd.%s", limit->size, suffix);
	if (cgroup_file_write(&file, text, &ignored) < 0 && error_errno(ignored) != ENOENT) {
		*err = take_ptr(ignored);
		return cgroup_limit_failed("hugepageLimits", &file, err);
	}
	return 0;
}

static int apply_all_hugepages(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy;

	if (limits->hugepage_count == 0)
		return 0;
	hierarchy = cgroup_limit_find(cgroup, CONTROLLER_HUGETLB, "hugepageLimits", err);
	if (!hierarchy)
		return -1;
	for (size_t i = 0; i < limits->hugepage_count; i++)
		if (apply_hugepages(cgroup, hierarchy, &limits->hugepages[i], err) < 0)
			return -1;
	return 0;
}

static const struct cgroup_limit net_class = { "network.classID",
	offsetof(struct spec_resources, net_class), CONTROLLER_NET_CLS, 0, UINT32_MAX,
	{ { "net_cls.classid", cgroup_write_number } }, { { NULL, NULL } }, true, true };

static int apply_priorities(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	struct cgroup_file file = { .cgroup = cgroup, .name = "net_prio.ifpriomap" };
	char text[LINE_MAX];

	if (limits->priority_count == 0)
		return 0;
	file.hierarchy = cgroup_limit_find(cgroup, CONTROLLER_NET_PRIO, "network.priorities", err);
	if (!file.hierarchy)
		return -1;
	for (size_t i = 0; i < limits->priority_count; i++) {
		(void)snprintf(text, sizeof(text), "%s %" PRIu32, limits->priorities[i].interface,
			limits->priorities[i].priority);
		if (cgroup_limit_put("network.priorities", &file, text, err) < 0)
			return -1;
	}
	return 0;
}

static int apply_rdma(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	struct cgroup_file file = { .cgroup = cgroup, .name = "rdma.max" };

	if (limits->rdma_count == 0)
		return 0;
	file.hierarchy = cgroup_limit_find(cgroup, CONTROLLER_RDMA, "rdma", err);
	if (!file.hierarchy)
		return -1;
	for (size_t i = 0; i < limits->rdma_count; i++) {
		const struct spec_rdma *rdma = &limits->rdma[i];
		char text[LINE_MAX], handles[VALUE_MAX], objects[VALUE_MAX];

		cgroup_write_number_or_max(rdma->handles, handles);
		cgroup_write_number_or_max(rdma->objects, objects);
		(void)snprintf(text, sizeof(text), "%s hca_handle=%s hca_object=%s", rdma->device,
			handles, objects);
		if (cgroup_limit_put("rdma", &file, text, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_other_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	if (apply_all_hugepages(cgroup, limits, err) < 0 ||
		cgroup_limit_apply(cgroup, &net_class, limits, err) < 0 ||
		apply_priorities(cgroup, limits, err) < 0)
		return -1;
	return apply_rdma(cgroup, limits, err);
}

unsigned int cgroup_other_asked(const struct spec_resources *limits)
{
	return (limits->hugepage_count > 0 ? 1U << CONTROLLER_HUGETLB : 0) |
	       (cgroup_is_set(limits->net_class) ? 1U << CONTROLLER_NET_CLS : 0) |
	       (limits->priority_count > 0 ? 1U << CONTROLLER_NET_PRIO : 0) |
	       (limits->rdma_count > 0 ? 1U << CONTROLLER_RDMA : 0);
}

/* The controller of "memory.high=1"; CONTROLLER_MAX_: none that we know. */
static enum cgroup_controller controller_of(const char *entry)
{
	size_t length = strcspn(entry, ".");

	for (unsigned int i = 0; i < CONTROLLER_MAX_; i++) {
		const char *name = cgroup_controller_name(i, true);

		if (strlen(name) == length && strncmp(name, entry, length) == 0)
			return i;
	}
	return CONTROLLER_MAX_;
}

unsigned int cgroup_unified_asked(const struct spec_resources *limits)
{
	unsigned int asked = 0;

	for (char *const *entry = limits->unified; entry && *entry; entry++)
		if (controller_of(*entry) != CONTROLLER_MAX_)
			asked |= 1U << controller_of(*entry);
	return asked;
}

/* The words are those that callers of runc and crun look for. */
static int no_controller(const struct cgroup *cgroup, const char *name, struct error **err)
{
	if (cgroup->host->mode != CGROUP_V2)
		return error_new(err, ERROR_UNSUPPORTED,
			"invalid configuration: unified cgroup setting '%s' needs cgroup v2, and "
			"this host has v1",
			name);
	return error_new(err, ERROR_UNSUPPORTED,
		"unified: the requested cgroup controller `%.*s` is not available",
		(int)strcspn(name, "."), name);
}

static bool has_controller(const struct cgroup *cgroup, const char *name)
{
	const struct cgroup_file file = { cgroup, cgroup->host->unified, "cgroup.controllers" };
	cleanup_error struct error *ignored = NULL;
	size_t length = strcspn(name, ".");
	char list[1024];

	if (!cgroup_is_in(cgroup, file.hierarchy))
		return false;
	if (strncmp(name, "cgroup.", 7) == 0)
		return true;
	if (cgroup_file_read(&file, list, sizeof(list), &ignored) <= 0)
		return false;
	for (const char *at = list; *at; at += strspn(at, " \n")) {
		size_t word = strcspn(at, " \n");

		if (word == length && strncmp(at, name, length) == 0)
			return true;
		at += word;
	}
	return false;
}

/* "memory.high=123". The name is a file of the cgroup and nothing else may be reached by it. */
static int apply_unified(struct cgroup *cgroup, const char *entry, struct error **err)
{
	const struct cgroup_hierarchy *unified = cgroup->host->unified;
	char name[128];
	struct cgroup_file file = { cgroup, unified, name };
	const char *equals = strchr(entry, '=');
	size_t length = equals ? (size_t)(equals - entry) : 0;

	if (length == 0 || length >= sizeof(name) || entry[0] == '.' ||
		memchr(entry, '/', length) || !memchr(entry, '.', length))
		return error_new(
			err, ERROR_INVALID, "unified cgroup setting '%s' is not FILE=VALUE", entry);
	memcpy(name, entry, length);
	name[length] = '\0';
	/* Who is inside and which controllers are on is decided here, not by a setting. */
	if (strncmp(name, "cgroup.", 7) == 0 && strncmp(name, "cgroup.max.", 11) != 0)
		return error_new(
			err, ERROR_INVALID, "unified cgroup setting '%s' may not be changed", name);
	if (!has_controller(cgroup, name))
		return no_controller(cgroup, name, err);
	return cgroup_limit_put("unified", &file, equals + 1, err);
}

int cgroup_unified_apply(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	for (char *const *entry = limits->unified; entry && *entry; entry++)
		if (apply_unified(cgroup, *entry, err) < 0)
			return -1;
	return 0;
}

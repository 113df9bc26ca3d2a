/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a cgroup in the v2 tree. A controller works in a directory when every directory
 * above it has it in cgroup.subtree_control; so those of a container's parents get what limits and
 * statistics need, of what the root offers. When the parent has it all, nothing is walked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroup/internal.h"

static const enum cgroup_controller wanted[] = { CONTROLLER_CPUSET, CONTROLLER_CPU, CONTROLLER_IO,
	CONTROLLER_MEMORY, CONTROLLER_PIDS, CONTROLLER_HUGETLB, CONTROLLER_RDMA, CONTROLLER_MISC };
#define WANTED_COUNT (sizeof(wanted) / sizeof(*wanted))

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
		if ((at == list || at[-1] == ' ') && strchr(" \n", at[length]))
			return true;
	return false;
}

/*
 * One at a time when all together is refused: one that this host cannot enable (cpu with real-time
 * processes, EINVAL) must not take the others with it. Whether that matters shows when a
 * limit of it is written.
 */
static void enable_in(
	const struct cgroup_hierarchy *hierarchy, const char *dir, unsigned int enabled)
{
	cleanup_free char *control = xasprintf("%s/cgroup.subtree_control", *dir ? dir : ".");
	cleanup_error struct error *err = NULL;
	cleanup_free char *has = NULL;
	char all[128] = "";
	size_t length = 0;

	if (file_read_at(hierarchy->root_fd, control, 4096, &has, &err) < 0)
		return;
	for (size_t i = 0; i < WANTED_COUNT; i++) {
		const char *name = cgroup_controller_name(wanted[i], true);

		if (enabled & 1U << wanted[i] && !has_word(has, name))
			length +=
				(size_t)snprintf(all + length, sizeof(all) - length, "+%s ", name);
	}
	if (length == 0 || file_poke_at(hierarchy->root_fd, control, all, &err) == 0)
		return;
	for (char *save = NULL, *one = strtok_r(all, " ", &save); one;
		one = strtok_r(NULL, " ", &save)) {
		cleanup_error struct error *ignored = NULL;

		(void)file_poke_at(hierarchy->root_fd, control, one, &ignored);
	}
}

static bool parent_has_all(
	const struct cgroup_hierarchy *hierarchy, const char *parent, unsigned int enabled)
{
	cleanup_free char *control = xasprintf("%s/cgroup.subtree_control", *parent ? parent : ".");
	cleanup_error struct error *err = NULL;
	cleanup_free char *has = NULL;

	if (file_read_at(hierarchy->root_fd, control, 4096, &has, &err) < 0)
		return false;
	for (size_t i = 0; i < WANTED_COUNT; i++)
		if (enabled & 1U << wanted[i] &&
			!has_word(has, cgroup_controller_name(wanted[i], true)))
			return false;
	return true;
}

static void enable_down(
	const struct cgroup_hierarchy *hierarchy, const char *dir, unsigned int enabled)
{
	cleanup_free char *prefix = xstrdup(dir);
	char *last = strrchr(prefix, '/');

	if (last)
		*last = '\0';
	else
		*prefix = '\0';
	if (parent_has_all(hierarchy, prefix, enabled))
		return;
	enable_in(hierarchy, "", enabled);
	for (char *slash = prefix; *prefix && (slash = strchr(slash + 1, '/')) != NULL;
		*slash = '/') {
		*slash = '\0';
		enable_in(hierarchy, prefix, enabled);
	}
	if (*prefix)
		enable_in(hierarchy, prefix, enabled);
}

int cgroup_v2_make(const struct cgroup_hierarchy *hierarchy, const char *dir, unsigned int enabled,
	struct error **err)
{
	unsigned int useful = 0;
	int used = 0;

	if (mkdirat(hierarchy->root_fd, dir, 0755) < 0) {
		if (errno == ENOENT && cgroup_make_parents(hierarchy, dir, NULL, err) < 0)
			return -1;
		used = cgroup_mkdir(hierarchy, dir, err);
		if (used < 0)
			return -1;
	}
	for (size_t i = 0; i < WANTED_COUNT; i++)
		useful |= hierarchy->controllers & enabled & 1U << wanted[i];
	if (useful) /* a hybrid host's tree often has none */
		enable_down(hierarchy, dir, useful);
	return used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hierarchies this host has. /proc/self/mountinfo is what the kernel says; the usual places
 * below /sys/fs/cgroup are only a custom. A hierarchy that is mounted several times counts once,
 * by the mount that shows all of it; one hidden under a later mount is noticed by its device
 * number and left out.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cgroup/internal.h"
#include "sys/mount.h"

#define MOUNTINFO_MAX (16UL * 1024 * 1024)

static const struct {
	const char *v1, *v2; /* NULL: not a controller there */
} names[CONTROLLER_MAX_] = {
	[CONTROLLER_CPU] = { "cpu", "cpu" },
	[CONTROLLER_CPUACCT] = { "cpuacct", NULL },
	[CONTROLLER_CPUSET] = { "cpuset", "cpuset" },
	[CONTROLLER_MEMORY] = { "memory", "memory" },
	[CONTROLLER_IO] = { "blkio", "io" },
	[CONTROLLER_PIDS] = { "pids", "pids" },
	[CONTROLLER_DEVICES] = { "devices", NULL },
	[CONTROLLER_FREEZER] = { "freezer", NULL },
	[CONTROLLER_HUGETLB] = { "hugetlb", "hugetlb" },
	[CONTROLLER_RDMA] = { "rdma", "rdma" },
	[CONTROLLER_MISC] = { "misc", "misc" },
	[CONTROLLER_NET_CLS] = { "net_cls", NULL },
	[CONTROLLER_NET_PRIO] = { "net_prio", NULL },
};

const char *cgroup_controller_name(enum cgroup_controller controller, bool v2)
{
	return v2 && names[controller].v2 ? names[controller].v2 : names[controller].v1;
}

const char *cgroup_mode_name(enum cgroup_mode mode)
{
	switch (mode) {
	case CGROUP_V1:
		return "1";
	case CGROUP_V2:
		return "2";
	case CGROUP_HYBRID:
		return "hybrid";
	}
	return "?";
}

static unsigned int controllers_of(char *list, const char *separators, bool v2)
{
	unsigned int found = 0;
	char *save = NULL;

	for (char *word = strtok_r(list, separators, &save); word;
		word = strtok_r(NULL, separators, &save)) {
		for (unsigned int i = 0; i < CONTROLLER_MAX_; i++) {
			const char *name = v2 ? names[i].v2 : names[i].v1;

			if (name && strcmp(word, name) == 0)
				found |= 1U << i;
		}
	}
	return found;
}

struct mount_line {
	unsigned int major, minor;
	char *root, *mount_point, *type, *options;
};

/* "36 31 0:33 / /sys/fs/cgroup/devices rw,relatime shared:9 - cgroup cgroup rw,devices" */
static bool parse_line(char *line, struct mount_line *ret)
{
	char *fields[5], *save = NULL, *tail = strstr(line, " - "), *source;
	size_t count = 0;

	if (!tail)
		return false;
	*tail = '\0';
	for (char *word = strtok_r(line, " ", &save); word && count < 5;
		word = strtok_r(NULL, " ", &save))
		fields[count++] = word;
	ret->type = strtok_r(tail + 3, " ", &save);
	source = strtok_r(NULL, " ", &save);
	ret->options = strtok_r(NULL, " ", &save);
	if (count < 5 || !ret->type || !source || !ret->options)
		return false;
	ret->root = fields[3];
	ret->mount_point = fields[4];
	// NOLINTNEXTLINE(cert-err34-c): the kernel wrote it; two numbers or no match
	return sscanf(fields[2], "%u:%u", &ret->major, &ret->minor) == 2;
}

static void add_mount(struct cgroup_host *host, struct mount_line *line)
{
	dev_t device = makedev(line->major, line->minor);
	bool v2 = strcmp(line->type, "cgroup2") == 0;
	struct cgroup_hierarchy *known = NULL;

	if (!v2 && strcmp(line->type, "cgroup") != 0)
		return;
	mountinfo_unescape(line->mount_point);
	for (size_t i = 0; i < host->count; i++)
		if (host->hierarchies[i].device == device)
			known = &host->hierarchies[i];
	if (known) {
		if (strcmp(line->root, "/") == 0 && !known->whole) {
			replace_string(&known->mount_point, xstrdup(line->mount_point));
			known->whole = true;
		}
		return;
	}
	if (host->count == CGROUP_HIERARCHIES_MAX)
		return;
	host->hierarchies[host->count++] = (struct cgroup_hierarchy){
		.mount_point = xstrdup(line->mount_point),
		.device = device,
		.root_fd = -1,
		.controllers = v2 ? 0 : controllers_of(line->options, ",", false),
		.v2 = v2,
		.whole = strcmp(line->root, "/") == 0,
	};
}

int cgroup_host_parse(char *mountinfo, struct cgroup_host *ret, struct error **err)
{
	char *save = NULL;

	*ret = (struct cgroup_host){ 0 };
	for (char *text = strtok_r(mountinfo, "\n", &save); text;
		text = strtok_r(NULL, "\n", &save)) {
		struct mount_line line;

		if (parse_line(text, &line))
			add_mount(ret, &line);
	}
	if (ret->count > 0)
		return 0;
	error_new(err, ERROR_UNSUPPORTED, "no cgroup hierarchy is mounted here");
	return error_hint(err, "mount one: mount -t cgroup2 none /sys/fs/cgroup");
}

void cgroup_host_done(struct cgroup_host *host)
{
	for (size_t i = 0; i < host->count; i++) {
		free(host->hierarchies[i].mount_point);
		close_fd(host->hierarchies[i].root_fd);
	}
	*host = (struct cgroup_host){ 0 };
}

/*
 * 1 when it is the hierarchy that it was mounted as, 0 when another mount hides it. That we cannot
 * look, for want of an fd or of memory, says nothing of it: taken for missing, its cgroups would be
 * left behind.
 */
static int open_root(struct cgroup_hierarchy *hierarchy, struct error **err)
{
	cleanup_close int fd = open(hierarchy->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == EPERM))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "open %s", hierarchy->mount_point);
	if (st.st_dev != hierarchy->device)
		return 0;
	hierarchy->root_fd = take_fd(&fd);
	return 1;
}

static int open_roots(struct cgroup_host *host, struct error **err)
{
	size_t kept = 0;

	for (size_t i = 0; i < host->count; i++) {
		struct cgroup_hierarchy hierarchy = host->hierarchies[i];
		int is_there = open_root(&hierarchy, err);

		if (is_there < 0)
			return -1;
		if (is_there == 0) {
			free(hierarchy.mount_point);
			host->hierarchies[i].mount_point = NULL;
			continue;
		}
		host->hierarchies[i].mount_point = NULL;
		host->hierarchies[kept++] = hierarchy;
	}
	host->count = kept;
	return 0;
}

static int find_v2_controllers(struct cgroup_hierarchy *unified, struct error **err)
{
	cleanup_free char *list = NULL;

	if (file_read_at(unified->root_fd, "cgroup.controllers", 4096, &list, err) < 0)
		return error_wrap(err, "%s", unified->mount_point);
	unified->controllers = controllers_of(list, " \n", true);
	/* Not controllers there, but every v2 directory can do both (5.2, 4.15). */
	unified->controllers |= 1U << CONTROLLER_FREEZER | 1U << CONTROLLER_DEVICES;
	if (unified->controllers & 1U << CONTROLLER_CPU)
		unified->controllers |= 1U << CONTROLLER_CPUACCT;
	return 0;
}

/* Who has which controller. v1 first: a hybrid host's v2 tree only has what v1 left over. */
static void map_hierarchy(struct cgroup_host *host, const struct cgroup_hierarchy *hierarchy)
{
	if (hierarchy->v2)
		host->unified = hierarchy;
	for (unsigned int i = 0; i < CONTROLLER_MAX_; i++)
		if (hierarchy->controllers & 1U << i && (!host->of[i] || host->of[i]->v2))
			host->of[i] = hierarchy;
}

static void map_controllers(struct cgroup_host *host)
{
	static const enum cgroup_controller preferred[] = { CONTROLLER_PIDS, CONTROLLER_MEMORY,
		CONTROLLER_DEVICES, CONTROLLER_FREEZER, CONTROLLER_CPU };
	bool has_v1 = false;

	for (size_t i = 0; i < host->count; i++) {
		has_v1 = has_v1 || !host->hierarchies[i].v2;
		map_hierarchy(host, &host->hierarchies[i]);
	}
	host->mode = !host->unified ? CGROUP_V1 : has_v1 ? CGROUP_HYBRID : CGROUP_V2;
	host->main = host->mode == CGROUP_V2 ? host->unified : NULL;
	for (size_t i = 0; !host->main && i < sizeof(preferred) / sizeof(*preferred); i++)
		host->main = host->of[preferred[i]];
	if (!host->main)
		host->main = &host->hierarchies[0];
}

static int detect(struct cgroup_host *host, struct error **err)
{
	cleanup_free char *text = NULL;

	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0 ||
		cgroup_host_parse(text, host, err) < 0)
		return -1;
	if (open_roots(host, err) < 0)
		return -1;
	if (host->count == 0)
		return error_new(
			err, ERROR_UNSUPPORTED, "no mounted cgroup hierarchy can be reached");
	for (size_t i = 0; i < host->count; i++)
		if (host->hierarchies[i].v2 && find_v2_controllers(&host->hierarchies[i], err) < 0)
			return -1;
	map_controllers(host);
	return 0;
}

int cgroup_host_get(const struct cgroup_host **ret, struct error **err)
{
	/* Global on purpose: the mounts do not change below a running command, and reading them
	 * costs more than all other detection. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct cgroup_host host;
	int result = 0;

	pthread_mutex_lock(&lock);
	if (host.count == 0 && detect(&host, err) < 0) {
		cgroup_host_done(&host);
		result = -1;
	}
	pthread_mutex_unlock(&lock);
	if (result == 0)
		*ret = &host;
	return result;
}

int cgroup_host_mode(enum cgroup_mode *ret, struct error **err)
{
	const struct cgroup_host *host;

	if (cgroup_host_get(&host, err) < 0)
		return -1;
	*ret = host->mode;
	return 0;
}

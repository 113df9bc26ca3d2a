/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "runtime/launch.h"

#define OFFSETS_MAX 256

/* One flag: with a time namespace that is already there, nothing is to be set. */
static bool has_offsets(const struct spec *spec)
{
	return spec->monotonic.set || spec->boottime.set;
}

static int open_namespace(const struct spec_namespace *ns, struct error **err)
{
	cleanup_close int fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *wanted = namespace_name(ns->type), *found;
	int type;

	if (fd < 0) {
		error_sys(err, "open '%s'", ns->path);
		return error_as(err, ERROR_INVALID, "%s namespace", wanted);
	}
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return error_new(
			err, ERROR_INVALID, "%s namespace: '%s' is no namespace", wanted, ns->path);
	if (type == ns->type)
		return take_fd(&fd);
	found = namespace_name(type);
	return error_new(err, ERROR_INVALID, "%s namespace: '%s' is a %s namespace", wanted,
		ns->path, found ? found : "?");
}

/* 1, 0. */
static int is_own(int fd, int type, struct error **err)
{
	struct stat theirs, ours;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_file(type));
	if (fstat(fd, &theirs) < 0 || stat(path, &ours) < 0)
		return error_sys(err, "compare with %s", path);
	return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static int refuse_own_mounts(struct error **err)
{
	error_new(err, ERROR_INVALID, "mount namespace: the path is that of the caller's own");
	return error_hint(err, "its root would become that of the container");
}

static int join(const struct spec_namespace *ns, struct namespaces *namespaces,
	struct launch *launch, struct error **err)
{
	cleanup_close int fd = open_namespace(ns, err);
	int own = fd < 0 ? -1 : is_own(fd, ns->type, err);

	if (own < 0)
		return -1;
	if (own)
		return ns->type == CLONE_NEWNS ? refuse_own_mounts(err) : 0;
	namespaces->joined |= (uint64_t)(unsigned int)ns->type;
	if (ns->type == CLONE_NEWTIME) {
		namespaces->time_fd = take_fd(&fd);
		return 0;
	}
	launch->join_fds[launch->join_count] = take_fd(&fd);
	launch->join_types[launch->join_count++] = ns->type;
	return 0;
}

static int plan_one(const struct spec_namespace *ns, struct namespaces *namespaces,
	struct launch *launch, struct error **err)
{
	uint64_t type = (uint64_t)(unsigned int)ns->type;

	if ((namespaces->made | namespaces->joined) & type)
		return error_new(err, ERROR_INVALID, "two %s namespaces", namespace_name(ns->type));
	if (ns->path)
		return join(ns, namespaces, launch, err);
	namespaces->made |= type;
	return 0;
}

int namespaces_plan(
	const struct spec *spec, struct namespaces *ret, struct launch *launch, struct error **err)
{
	ret->time_fd = -1;
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (plan_one(&spec->namespaces[i], ret, launch, err) < 0)
			return -1;
	if (!((ret->made | ret->joined) & CLONE_NEWNS)) {
		error_new(err, ERROR_UNSUPPORTED, "a container without an own mount namespace");
		return error_hint(err, "its root could not be separated from the host's");
	}
	if (has_offsets(spec) && !(ret->made & CLONE_NEWTIME))
		return error_new(
			err, ERROR_INVALID, "time offsets need a time namespace that is new");
	launch->new_namespaces = ret->made & ~(uint64_t)CLONE_NEWCGROUP; /* init makes it, later */
	if (has_offsets(spec))
		launch->new_namespaces &= ~(uint64_t)CLONE_NEWTIME;
	return 0;
}

void namespaces_close(struct namespaces *namespaces, struct launch *launch)
{
	for (size_t i = 0; i < launch->join_count; i++)
		close_fd(launch->join_fds[i]);
	launch->join_count = 0;
	close_fd(take_fd(&namespaces->time_fd));
}

static void print_offset(struct buf *text, const char *clock, const struct spec_time_offset *offset)
{
	if (offset->set)
		buf_printf(text, "%s %lld %u\n", clock, (long long)offset->secs, offset->nanosecs);
}

/* A namespace's offsets can be set as long as nobody is in it: it is made for our children first,
 * and then entered. */
static int make_time_namespace(const struct spec *spec, int proc_fd, struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(OFFSETS_MAX);
	cleanup_close int fd = -1;

	print_offset(&text, "monotonic", &spec->monotonic);
	print_offset(&text, "boottime", &spec->boottime);
	if (unshare(CLONE_NEWTIME) < 0)
		return error_sys(err, "make a time namespace");
	if (file_poke_at(proc_fd, "self/timens_offsets", buf_text(&text), err) < 0) {
		if (error_errno(*err) == ERANGE)
			error_hint(err, "a clock cannot go before 0, nor beyond 146 years");
		return error_as(err, ERROR_INVALID, "offsets of the time namespace");
	}
	fd = openat(proc_fd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
		return error_sys(err, "enter the new time namespace");
	return 0;
}

int time_namespace_enter(const struct spec *spec, const struct namespaces *namespaces, int proc_fd,
	struct error **err)
{
	if (namespaces->joined & CLONE_NEWTIME)
		return setns(LAUNCH_TIME_FD, CLONE_NEWTIME) < 0
			       ? error_sys(err, "join the time namespace")
			       : 0;
	return has_offsets(spec) ? make_time_namespace(spec, proc_fd, err) : 0;
}

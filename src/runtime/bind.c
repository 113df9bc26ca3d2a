/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/spec.h"
#include "runtime/device.h"
#include "runtime/id_map.h"
#include "runtime/mount_option.h"
#include "runtime/sync.h"
#include "sys/mount.h"

static bool has_option(const struct spec_mount *mount, const char *name)
{
	char *const *option = mount->options;

	for (; option && *option; option++) {
		const char *text = *option + (**option == 'r');
		size_t length = strlen(name);

		if (strncmp(text, name, length) == 0 && (!text[length] || text[length] == '='))
			return true;
	}
	return false;
}

bool bind_is_one(const struct spec_mount *mount)
{
	const char *type = mount->type ? mount->type : "";

	return strcmp(type, "bind") == 0 || strcmp(type, "rbind") == 0 || has_option(mount, "bind");
}

static bool is_mapped(const struct spec_mount *mount)
{
	return mount->uid_map_count > 0 || has_option(mount, "idmap");
}

static bool is_callers(const struct spec *spec, const struct spec_mount *mount)
{
	return (is_mapped(mount) || spec_has_namespace(spec, CLONE_NEWUSER)) && bind_is_one(mount);
}

/* Without an option a bind is private; it is that already when the whole namespace is. */
static uint64_t bind_propagation(const struct mount_options *options)
{
	return options->propagation ? options->propagation : MS_PRIVATE;
}

static int set_attributes(int fd, const struct mount_options *options, struct error **err)
{
	uint64_t propagation = bind_propagation(options);
	bool all = options->propagate_all || !options->propagation;

	if (!options->bind_all) /* one mount: both kinds of options mean the same */
		return mount_set(fd, options->set | options->all_set,
			(options->clear | options->all_clear) &
				~(options->set & ~(uint64_t)MOUNT_ATTR__ATIME),
			propagation, false, err);
	if ((options->all_set || options->all_clear || all) &&
		mount_set(fd, options->all_set, options->all_clear, all ? propagation : 0, true,
			err) < 0)
		return -1;
	if (options->set || options->clear || !all)
		return mount_set(
			fd, options->set, options->clear, all ? 0 : propagation, false, err);
	return 0;
}

/* Of the container, where the mount says nothing else. */
static int own_user_ns(const struct spec *spec, struct error **err)
{
	for (size_t i = 0; i < spec->namespace_count; i++) {
		const struct spec_namespace *ns = &spec->namespaces[i];
		int fd;

		if (ns->type != CLONE_NEWUSER)
			continue;
		if (!ns->path)
			return id_maps_open(&(struct id_maps){ spec->uid_map, spec->gid_map,
						    spec->uid_map_count, spec->gid_map_count },
				err);
		fd = open(ns->path, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? error_sys(err, "open '%s'", ns->path) : fd;
	}
	return error_new(err, ERROR_INVALID,
		"idmap without ids is of the container's user namespace, and it has none");
}

static int user_ns_of(const struct spec *spec, const struct spec_mount *mount,
	const struct mount_options *options, struct error **err)
{
	struct id_maps parsed cleanup_id_maps = { 0 };

	if (options->idmap_ids) {
		if (id_maps_parse(options->idmap_ids, spec, &parsed, err) < 0)
			return -1;
		return id_maps_open(&parsed, err);
	}
	if (mount->uid_map_count > 0) {
		const struct id_maps maps = { mount->uid_map, mount->gid_map, mount->uid_map_count,
			mount->gid_map_count };

		return id_maps_open(&maps, err);
	}
	return own_user_ns(spec, err);
}

static int map_ids(int fd, const struct spec *spec, const struct spec_mount *mount,
	const struct mount_options *options, struct error **err)
{
	cleanup_close int user_ns_fd = -1;

	if (!options->idmap && mount->uid_map_count == 0)
		return 0;
	user_ns_fd = user_ns_of(spec, mount, options, err);
	if (user_ns_fd < 0)
		return error_as(err, ERROR_INVALID, "mapped ids");
	return mount_idmap(fd, user_ns_fd, options->idmap_all, err);
}

/* -1 where there is none, or it is to be followed. */
static int open_link(const char *source, const struct mount_options *options, struct stat *st,
	struct error **err)
{
	cleanup_close int fd = -1;

	if (!options->copy_link && !options->source_nofollow)
		return -1;
	fd = open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st) < 0)
		return error_sys(err, "open '%s'", source);
	return S_ISLNK(st->st_mode) ? take_fd(&fd) : -1;
}

static int clone_source(const char *source, const struct mount_options *options, struct error **err)
{
	struct stat st = { 0 };
	cleanup_close int link_fd = open_link(source, options, &st, err);

	if (link_fd < 0 && *err)
		return -1;
	if (link_fd >= 0 && options->copy_link)
		return take_fd(&link_fd);
	return link_fd >= 0 ? mount_clone(link_fd, "", false, err)
			    : mount_clone(AT_FDCWD, source, options->bind_all, err);
}

int bind_open(const struct spec *spec, const char *bundle, const struct spec_mount *mount,
	const struct mount_options *options, struct error **err)
{
	cleanup_free char *source = NULL;
	cleanup_close int fd = -1;
	struct stat st;

	if (!mount->source || !*mount->source)
		return error_new(err, ERROR_INVALID, "a bind without a source");
	if (options->unknown)
		return error_new(err, ERROR_INVALID, "unknown option '%s'", options->unknown);
	source = mount->source[0] == '/' || !bundle ? xstrdup(mount->source)
						    : xasprintf("%s/%s", bundle, mount->source);
	fd = clone_source(source, options, err);
	if (fd < 0) {
		if (error_errno(*err) == ENOENT)
			error_hint(err, "create it on the host first");
		return error_as(err, ERROR_INVALID, "bind source '%s'", source);
	}
	if (fstat(fd, &st) < 0)
		return error_sys(err, "bind '%s'", source);
	if (S_ISLNK(st.st_mode) && options->copy_link)
		return take_fd(&fd);
	/* Before attaching: a writable moment, however short, is a writable mount. */
	if (map_ids(fd, spec, mount, options, err) < 0 || set_attributes(fd, options, err) < 0)
		return error_wrap(err, "bind '%s'", source);
	return take_fd(&fd);
}

static void binds_room(size_t count, struct binds *binds)
{
	binds->count = count;
	binds->fds = xcalloc(count, sizeof(int));
	for (size_t i = 0; i < count; i++)
		binds->fds[i] = -1;
}

static int open_one(const struct spec *spec, const char *bundle, const struct spec_mount *mount,
	struct error **err)
{
	struct mount_options options cleanup_mount_options = { 0 };

	if (mount_options_parse(mount->options, &options, err) < 0)
		return -1;
	return bind_is_one(mount) ? bind_open(spec, bundle, mount, &options, err)
				  : devices_make(spec, &options, err);
}

int binds_open(const struct spec *spec, const char *bundle, struct binds *ret, struct error **err)
{
	struct binds binds cleanup_binds = { 0 };

	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];

		if (!is_callers(spec, mount) && !devices_are_callers(spec, mount))
			continue;
		if (!binds.fds)
			binds_room(spec->mount_count, &binds);
		binds.fds[i] = open_one(spec, bundle, mount, err);
		if (binds.fds[i] >= 0)
			continue;
		/* Who may not himself leaves it to init, which may in its own namespace. */
		if (error_errno(*err) != EPERM || is_mapped(mount))
			return error_wrap(err, "mount '%s'", mount->destination);
		error_free(*err);
		*err = NULL;
	}
	*ret = binds;
	binds = (struct binds){ 0 };
	return 0;
}

int binds_send(const struct binds *binds, int sync_fd, struct error **err)
{
	for (size_t i = 0; i < binds->count; i++)
		if (binds->fds[i] >= 0 && sync_send_fd(sync_fd, SYNC_BIND, binds->fds[i], err) < 0)
			return -1;
	return 0;
}

int binds_receive(const struct binds *expected, int sync_fd, struct binds *ret, struct error **err)
{
	binds_room(expected->count, ret);
	for (size_t i = 0; i < expected->count; i++) {
		int fd = -1;

		if (expected->fds[i] < 0)
			continue;
		if (sync_receive(sync_fd, &fd, err) != SYNC_BIND || fd < 0) {
			close_fd(fd);
			return *err ? -1
				    : error_new(err, ERROR_INTERNAL,
					      "the caller passed no mount, number %zu", i);
		}
		ret->fds[i] = fd;
	}
	return 0;
}

void binds_done(struct binds *binds)
{
	for (size_t i = 0; i < binds->count; i++)
		close_fd(binds->fds[i]);
	free(binds->fds);
	*binds = (struct binds){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/device.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/id_map.h"
#include "runtime/mount_option.h"
#include "runtime/rootfs.h"
#include "sys/mount.h"
#include "sys/path.h"

#define DEV "/dev/"

/* The specification's default devices (config-linux, "Default Devices"). */
static const struct spec_device defaults[] = {
	{ .path = (char *)"/dev/null", .type = 'c', .major = 1, .minor = 3, .mode = 0666 },
	{ .path = (char *)"/dev/zero", .type = 'c', .major = 1, .minor = 5, .mode = 0666 },
	{ .path = (char *)"/dev/full", .type = 'c', .major = 1, .minor = 7, .mode = 0666 },
	{ .path = (char *)"/dev/random", .type = 'c', .major = 1, .minor = 8, .mode = 0666 },
	{ .path = (char *)"/dev/urandom", .type = 'c', .major = 1, .minor = 9, .mode = 0666 },
	{ .path = (char *)"/dev/tty", .type = 'c', .major = 5, .minor = 0, .mode = 0666 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },
	{ "ptmx", "pts/ptmx" },
};

static bool is_default(const struct spec_device *device)
{
	return device >= defaults && device < defaults + sizeof(defaults) / sizeof(*defaults);
}

static mode_t node_type(const struct spec_device *device)
{
	if (device->type == 'b')
		return S_IFBLK;
	return device->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_below_dev(const struct spec_device *device)
{
	return strncmp(device->path, DEV, strlen(DEV)) == 0;
}

static bool is_same(const struct stat *st, const struct spec_device *device)
{
	dev_t number = makedev((unsigned int)device->major, (unsigned int)device->minor);

	return (st->st_mode & S_IFMT) == node_type(device) &&
	       (device->type == 'p' || st->st_rdev == number);
}

/* What is there already is left as it is, when it is a device: an image may bring some along. Of
 * another kind it would be taken for what was asked for. */
static int check_same(
	int parent_fd, const char *name, const struct spec_device *device, struct error **err)
{
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at device '%s'", device->path);
	if (is_same(&st, device) || is_default(device))
		return 0;
	/* In our /dev that is one of the usual links: /dev/ptmx leads to the container's own. */
	if (S_ISLNK(st.st_mode) && is_below_dev(device))
		return 0;
	return error_new(err, ERROR_INVALID, "device '%s': another file is there", device->path);
}

static int make_node(
	int parent_fd, const char *name, const struct spec_device *device, struct error **err)
{
	dev_t number = makedev((unsigned int)device->major, (unsigned int)device->minor);

	if (mknodat(parent_fd, name, node_type(device) | (device->mode & 07777), number) < 0) {
		/* The first of two that name the same: the spec's come before the defaults. */
		if (errno == EEXIST)
			return check_same(parent_fd, name, device, err);
		return error_sys(err, "make device '%s'", device->path);
	}
	if ((device->uid || device->gid) &&
		fchownat(parent_fd, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner of device '%s'", device->path);
	return 0;
}

/* In dev_fd, or below the root for one that is elsewhere. */
static int make_at(
	int base_fd, const char *path, const struct spec_device *device, struct error **err)
{
	cleanup_free char *directory = xstrdup(path);
	cleanup_close int parent_fd = -1;
	char *slash = strrchr(directory, '/');

	if (!slash)
		return make_node(base_fd, path, device, err);
	*slash = '\0';
	parent_fd = path_mkdirs_in_root(base_fd, directory, 0755, 0, 0, err);
	if (parent_fd < 0)
		return error_wrap(err, "make device '%s'", device->path);
	return make_node(parent_fd, slash + 1, device, err);
}

static int make_all(const struct spec *spec, int dev_fd, struct error **err)
{
	for (size_t i = 0; i < spec->device_count; i++) {
		cleanup_free char *path = path_clean(spec->devices[i].path);

		if (!is_below_dev(&spec->devices[i]))
			continue;
		if (make_at(dev_fd, path + strlen(DEV), &spec->devices[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (make_node(dev_fd, defaults[i].path + strlen(DEV), &defaults[i], err) < 0)
			return -1;
	return 0;
}

/* The host's node: by the same path, or by the links that udev makes for all numbers. */
static int open_host_node(const struct spec_device *device)
{
	cleanup_free char *link =
		xasprintf("/dev/%s/%lld:%lld", device->type == 'b' ? "block" : "char",
			(long long)device->major, (long long)device->minor);
	const char *const paths[] = { device->path, link };

	for (size_t i = 0; i < 2; i++) {
		cleanup_close int fd = open(paths[i], O_PATH | O_CLOEXEC);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && is_same(&st, device))
			return take_fd(&fd);
	}
	return -1;
}

/* In a user namespace nodes cannot be made: the host's, if they are what is asked for. */
static int bind_one(const struct rootfs *root, const struct spec_device *device, struct error **err)
{
	cleanup_close int fd = -1;

	if (device->type == 'p') /* is no device, and can be made */
		return make_at(root->root_fd, device->path, device, err);
	fd = open_host_node(device);
	if (fd < 0)
		return error_new(err, ERROR_INVALID,
			"device '%s' (%c %lld:%lld) cannot be made here, and the host has none to "
			"bind",
			device->path, device->type, (long long)device->major,
			(long long)device->minor);
	return rootfs_bind_node(root, fd, device->path, err);
}

static bool in_spec(const struct spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->device_count; i++)
		if (strcmp(spec->devices[i].path, path) == 0)
			return true;
	return false;
}

static int bind_all(const struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;

	for (size_t i = 0; i < spec->device_count; i++)
		if (is_below_dev(&spec->devices[i]) && bind_one(root, &spec->devices[i], err) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (!in_spec(spec, defaults[i].path) && bind_one(root, &defaults[i], err) < 0)
			return -1;
	return 0;
}

/* Where we may not make nodes (a cgroup or a missing CAP_MKNOD forbids it): as in a user namespace.
 */
static bool cannot_make(struct error **err)
{
	if (error_errno(*err) != EPERM)
		return false;
	error_free(*err);
	*err = NULL;
	return true;
}

static int make_links(int dev_fd, struct error **err)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlinkat(links[i].target, dev_fd, links[i].name) < 0)
			return error_sys(err, "link '/dev/%s'", links[i].name);
	return 0;
}

int devices_fill(const struct rootfs *root, int dev_fd, struct error **err)
{
	bool bind = root->user_ns;

	if (make_links(dev_fd, err) < 0)
		return -1;
	if (!bind && make_all(root->spec, dev_fd, err) < 0) {
		bind = cannot_make(err);
		if (!bind)
			return -1;
	}
	if (rootfs_attach_real(root, dev_fd, "/dev", err) < 0)
		return -1;
	return bind ? bind_all(root, err) : 0;
}

static bool has_mount_at(const struct spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		cleanup_free char *at = path_clean(spec->mounts[i].destination);

		if (strcmp(at, path) == 0)
			return true;
	}
	return false;
}

bool devices_have_mount(const struct spec *spec)
{
	return has_mount_at(spec, "/dev");
}

int devices_mount_default(const struct rootfs *root, struct error **err)
{
	static const struct mount_option options[] = { { "mode", "755" }, { "size", "65536k" },
		{ NULL, NULL } };
	cleanup_close int fd = mount_new("tmpfs", "tmpfs", options, MOUNT_ATTR_NOSUID, err);

	if (fd < 0)
		return error_wrap(err, "mount '/dev'");
	return devices_fill(root, fd, err);
}

int devices_outside_dev(const struct rootfs *root, struct error **err)
{
	const struct spec *spec = root->spec;

	for (size_t i = 0; i < spec->device_count; i++) {
		const struct spec_device *device = &spec->devices[i];

		if (is_below_dev(device))
			continue;
		if (root->user_ns ? bind_one(root, device, err) < 0
				  : make_at(root->root_fd, device->path, device, err) < 0 &&
					    (!cannot_make(err) || bind_one(root, device, err) < 0))
			return -1;
	}
	return 0;
}

bool devices_are_callers(const struct spec *spec, const struct spec_mount *mount)
{
	cleanup_free char *at = NULL;

	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == CLONE_NEWUSER && !spec->namespaces[i].path &&
			mount->type && strcmp(mount->type, "tmpfs") == 0) {
			at = path_clean(mount->destination);
			return strcmp(at, "/dev") == 0;
		}
	return false;
}

/* To the ids that the container sees as the given ones. */
static int give(const struct spec *spec, int fd, const char *name, struct error **err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at '/dev/%s'", name);
	/* Without a root in there it is the first that there is, as init itself. */
	if (!id_map_to_host(spec->uid_map, spec->uid_map_count, &st.st_uid))
		st.st_uid = spec->uid_map[0].host;
	if (!id_map_to_host(spec->gid_map, spec->gid_map_count, &st.st_gid))
		st.st_gid = spec->gid_map[0].host;
	if (fchownat(fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner of '/dev/%s'", name);
	return 0;
}

/* All that is directly in it: what lies deeper are directories that hold one node each. */
static int give_all(const struct spec *spec, int dev_fd, struct error **err)
{
	int fd = openat(dev_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!dir) {
		close_fd(fd);
		return error_sys(err, "read the new /dev");
	}
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, "..") != 0)
			result = give(spec, dev_fd, entry->d_name, err);
	closedir(dir);
	return result;
}

int devices_make(const struct spec *spec, const struct mount_options *options, struct error **err)
{
	/* The nodes' modes are meant as they are written. */
	mode_t mask = umask(0);
	cleanup_close int fd = mount_new("tmpfs", "tmpfs", options->parameters,
		(options->set | options->all_set) & ~(uint64_t)MOUNT_ATTR_RDONLY, err);
	int result = -1;

	if (fd >= 0 && make_links(fd, err) == 0 && make_all(spec, fd, err) == 0)
		result = give_all(spec, fd, err);
	(void)umask(mask);
	return result < 0 ? -1 : take_fd(&fd);
}
